"""Each request in a trace, counted by route: middleware around everything else, so that refusals are in it too."""

from __future__ import annotations

import time
from http import HTTPStatus

from opentelemetry.trace import Span, Status, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import metric_names as names
from core.meters import Meters
from core.trace_context import current_trace_id, serving_request

TRACE_HEADER = "X-Trace-Id"
UNKNOWN_ROUTE = "none"
PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines: no traces of them."""
TRACE_ID_KEY = "sterna.trace_id"
"""Where the request's scope holds it, for the handler of errors that lies outside of all middleware."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class RequestTelemetry:
    """ASGI middleware. Answers carry the trace's id in X-Trace-Id; logs and problem documents name it too."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only HTTP is of interest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), HTTPStatus.INTERNAL_SERVER_ERROR.value
        method = scope["method"] if scope["method"] in METHODS else "other"
        recorded = scope["path"] not in PROBES
        with serving_request(method, Headers(scope=scope), recorded=recorded) as span:
            scope[TRACE_ID_KEY] = current_trace_id()

            async def send_with_id(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    MutableHeaders(scope=message)[TRACE_HEADER] = scope[TRACE_ID_KEY]
                await send(message)

            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._close(scope, span, method, status, time.monotonic() - began)

    def _close(self, scope: Scope, span: Span, method: str, status: int, seconds: float) -> None:
        route = route_of(scope)
        self._meters.add(names.REQUESTS, 1, method, route, str(status))
        self._meters.observe(names.REQUEST_SECONDS, seconds, method, route)
        if not span.is_recording():
            return
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))


def route_of(scope: Scope) -> str:
    """The pattern of the path (`/api/jobs/{job_id}`): ids would make a number of series without bound."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    return str(path or UNKNOWN_ROUTE)
