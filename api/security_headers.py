"""Headers by which a browser keeps answers to their purpose."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'unsafe-inline'"
"""For documents: certificates bring their style with them, and nothing runs."""
LOGIN_POLICY = f"{POLICY}; script-src 'self'; connect-src 'self'"
DOCS_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""FastAPI's pages load their scripts from where FastAPI says."""
POLICIES = {"/login": LOGIN_POLICY, "/docs": DOCS_POLICY, "/redoc": DOCS_POLICY}
ONE_YEAR = "max-age=31536000"


class SecurityHeaders:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds to every answer what the route has not said itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", POLICIES.get(scope["path"], POLICY))
                if scope["path"].startswith("/api"):
                    headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", ONE_YEAR)
            await send(message)

        await self._app(scope, receive, with_headers)
