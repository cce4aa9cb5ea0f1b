"""Tells who asks: an API key or a token in `Authorization`, or the session cookie of a browser.

Routes declare what they need by a `Requires`; `api.app` gives every router one.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from fastapi import Request

from api.problems import Problem
from api.rate_limit import RateLimit
from api.roles import Principal, Role
from core.config_store.credentials import PREFIX, CredentialKind, Credentials, hash_of

COOKIE = "sterna_session"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HOW_TO_LOG_IN = "Send an API key (`Authorization: Bearer sterna_…`, or STERNA_API_KEY for the command line), or log in"
FAILURES_PER_SECOND, FAILURES_AT_ONCE = 0.5, 30.0
BURST_SECONDS = 10.0


class IdentifiesTokens(Protocol):
    """Knows the tokens of an identity provider."""

    async def identify(self, token: str) -> Principal | None:
        """Who holds the token; None where it is not good. Raises Unavailable."""


class Authenticator:
    """One for the process."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        required: bool,
        admin_key: str | None,
        tokens: IdentifiesTokens | None = None,
        limit: RateLimit,
        failures: RateLimit | None = None,
    ) -> None:
        self._credentials = credentials
        self._required = required
        self._admin_key = hash_of(admin_key) if admin_key else None
        self._tokens = tokens
        self._limit = limit
        self._failures = failures or RateLimit(FAILURES_PER_SECOND, FAILURES_AT_ONCE)

    async def identify(self, request: Request) -> Principal:
        """Who asks. Raises Problem 401, 403 (a page of another site asks) and 429."""
        if not self._required:
            return _checked_host(request)
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme:
            found = await self._by_secret(secret.strip()) if scheme.lower() == "bearer" else None
        elif cookie := request.cookies.get(COOKIE):
            refuse_other_sites(request)
            found = await self._by_session(cookie)
        else:
            raise _unauthorized("this needs a login")
        if found is None:
            # Who has a good key is never locked out by those who guess from the same address.
            if (seconds := self._failures.take(request.client.host if request.client else "")) > 0:
                raise too_often(seconds)
            raise _unauthorized("the key, token or session is not, or no longer, good")
        if (seconds := self._limit.take(found.name)) > 0:
            raise too_often(seconds)
        return found

    async def _by_secret(self, secret: str) -> Principal | None:
        if not secret.startswith(PREFIX):
            return await self._tokens.identify(secret) if self._tokens else None
        if self._admin_key and hmac.compare_digest(hash_of(secret), self._admin_key):
            return Principal("administrator", "key", Role.ADMIN)
        found = await self._credentials.find_credential(secret, CredentialKind.KEY)
        return None if found is None else Principal(found.name, "key", Role(found.role))

    async def _by_session(self, cookie: str) -> Principal | None:
        found = await self._credentials.find_credential(cookie, CredentialKind.SESSION)
        return None if found is None else Principal(found.name, "session", Role(found.role))


@dataclass(frozen=True)
class Requires:
    """A dependency: the role that a method needs. Raises Problem 401, 403, 429."""

    reading: Role
    changing: Role

    async def __call__(self, request: Request) -> Principal:
        authenticator = request.app.state.authenticator
        assert isinstance(authenticator, Authenticator)
        principal = await authenticator.identify(request)
        needed = self.reading if request.method in SAFE_METHODS else self.changing
        if not principal.role.may(needed):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                f"{principal.name} is {principal.role}, and this needs {needed}",
                remedy="Ask an administrator for a key with that role (`sterna api-keys create`)",
            )
        request.state.principal = principal
        return principal


READ_AND_OPERATE = Requires(Role.VIEWER, Role.OPERATOR)
ADMINISTER = Requires(Role.ADMIN, Role.ADMIN)


def principal_of(request: Request) -> Principal:
    """Who asks, once the route's `Requires` has told."""
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal


def refuse_other_sites(request: Request) -> None:
    """A cookie comes with whatever page asks: what changes something has to come from a page of this address. Browsers
    say so themselves (Fetch Metadata, and `Origin`). Raises Problem 403."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "").partition("://")[2]
    if site == "same-origin" or (site is None and origin and origin == request.headers.get("host")):
        return
    raise Problem(
        HTTPStatus.FORBIDDEN,
        "other-site",
        "a session of a browser can be used by pages of this address only",
        remedy="Programs send an API key instead",
    )


def is_loopback(host: str) -> bool:
    """The address or name can be reached from this machine only."""
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


def _checked_host(request: Request) -> Principal:
    """Without authentication a page whose name was made to lead to loopback (DNS rebinding) could ask: it has another
    name than loopback's."""
    host = request.headers.get("host", "")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if not is_loopback(name):
        raise Problem(HTTPStatus.MISDIRECTED_REQUEST, "other-host", "without authentication only loopback is answered")
    refuse_foreign_pages(request)
    return Principal("anonymous", "anonymous", Role.ADMIN)


def refuse_foreign_pages(request: Request) -> None:
    """Programs send no `Origin`; what a page sends must be this address's. Raises Problem 403."""
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        refuse_other_sites(request)


def too_often(seconds: float) -> Problem:
    """Status 429."""
    after = math.ceil(seconds)
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-requests",
        "these are too many requests",
        remedy=f"Try again in {after} s",
        headers={"Retry-After": str(after)},
    )


def _unauthorized(detail: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        detail,
        remedy=HOW_TO_LOG_IN,
        headers={"WWW-Authenticate": 'Bearer realm="sterna"'},
    )
