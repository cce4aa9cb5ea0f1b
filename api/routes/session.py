"""Sessions of browsers: opened by a login code, told, closed. Open to everybody: who has no code gets no session."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import HTMLResponse
from pydantic import Field

from api.auth import COOKIE, READ_AND_OPERATE, refuse_foreign_pages, too_often
from api.dependencies import GivenParts
from api.problems import Problem
from api.rate_limit import RateLimit
from api.roles import Role
from core.base_model import Model

LOGIN_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sterna: log in</title>
<script src="/login.js" defer></script></head><body><p id="state">Logging in …</p></body></html>"""
LOGIN_SCRIPT = """const state = document.getElementById("state");
const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
fetch("/api/session", {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({code}),
}).then(async (answer) => {
  if (answer.ok) { location.replace("/docs"); return; }
  const problem = await answer.json();
  state.textContent = `${problem.detail}. ${problem.remedy ?? ""}`;
}).catch((error) => { state.textContent = `Sterna does not answer: ${error}`; });
"""

router = APIRouter(tags=["access"])


class SessionRequest(Model):
    """What a login link carries behind its `#`, which browsers do not send to servers and proxies do not log."""

    code: str = Field(min_length=1, max_length=200)


class SessionView(Model):
    """Who is logged in."""

    name: str
    role: Role


@router.get("/login", include_in_schema=False)
async def login_page() -> HTMLResponse:
    """The page that login links lead to."""
    return HTMLResponse(LOGIN_PAGE)


@router.get("/login.js", include_in_schema=False)
async def login_script() -> Response:
    """Exchanges the code of a login link for a session."""
    return Response(LOGIN_SCRIPT, media_type="text/javascript")


@router.post("/api/session", responses={401: {"description": "The code is not, or no longer, good."}})
async def open_session(request: Request, body: SessionRequest, response: Response, parts: GivenParts) -> SessionView:
    """Exchanges a login code, once, for a session cookie."""
    refuse_foreign_pages(request)
    attempts: RateLimit = request.app.state.login_attempts
    address = request.client.host if request.client else None
    if (seconds := attempts.take(address or "")) > 0:
        raise too_often(seconds)
    lifetime = timedelta(hours=parts.settings.session_hours)
    issued = await parts.store.exchange_code(body.code, address=address, lifetime=lifetime)
    if issued is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "the login link was used before, or is too old",
            remedy="Make a new one: sterna login",
        )
    response.set_cookie(
        COOKIE,
        issued.secret,
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return SessionView(name=issued.stored.name, role=Role(issued.stored.role))


@router.get("/api/session")
async def tell_session(request: Request) -> SessionView:
    """Who asks, by key, token or session."""
    principal = await READ_AND_OPERATE(request)
    return SessionView(name=principal.name, role=principal.role)


@router.delete("/api/session", status_code=status.HTTP_204_NO_CONTENT)
async def close_session(request: Request, response: Response, parts: GivenParts) -> None:
    """Logs the browser out."""
    refuse_foreign_pages(request)
    if cookie := request.cookies.get(COOKIE):
        await parts.store.close_session(cookie, address=request.client.host if request.client else None)
    response.delete_cookie(COOKIE)
