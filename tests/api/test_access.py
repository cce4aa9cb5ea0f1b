"""Who may ask what: keys, roles, sessions of browsers, and the limits on asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from api.app import serve
from api.rate_limit import RateLimit
from api.roles import Role
from core.config_store.credentials import CredentialKind
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.encryption.key_ring import KeyRing
from core.errors import InvalidConfiguration
from core.settings import Settings
from tests.api.conftest import Json, Live, build_app, running_api

OPEN = {"/healthz", "/readyz", "/metrics", "/login", "/login.js", "/api/session"}
"""Asked by who has no login yet, and by machines."""
ADMINISTRATION = ("/api/keys", "/api/login-codes", "/api/audit")
NOTHING = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def api(live: Live) -> httpx.AsyncClient:
    return live.api


@contextmanager
def as_another(api: httpx.AsyncClient, **headers: str) -> Iterator[httpx.AsyncClient]:
    """The same API, with these headers instead of an administrator's key."""
    before = api.headers
    api.headers = httpx.Headers(headers)
    try:
        yield api
    finally:
        api.headers = before
        api.cookies.clear()


async def make_key(api: httpx.AsyncClient, role: Role, name: str = "somebody") -> Json:
    made: Json = (await api.post("/api/keys", json={"name": name, "role": role})).raise_for_status().json()
    return made


async def every_call(api: httpx.AsyncClient) -> list[tuple[str, str, int]]:
    """Method, path and status of each operation that the OpenAPI document has."""
    paths = (await api.get("/openapi.json")).json()["paths"]
    found = []
    for path, operations in paths.items():
        for method in operations:
            answer = await api.request(method, re.sub(r"{[^}]+}", NOTHING, path), json={})
            found.append((method.upper(), path, answer.status_code))
    return found


async def test_every_operation_asks_for_the_role_that_it_needs(api: httpx.AsyncClient) -> None:
    keys = {role: (await make_key(api, role))["secret"] for role in (Role.VIEWER, Role.OPERATOR)}
    with as_another(api):
        calls = await every_call(api)
        assert len(calls) > 25
        assert {path for _, path, status in calls if status != 401} <= OPEN
    for role, secret in keys.items():
        with as_another(api, Authorization=f"Bearer {secret}"):
            for method, path, status in await every_call(api):
                for_admin = path.startswith(ADMINISTRATION)
                refused = for_admin or (role is Role.VIEWER and method != "GET" and path not in OPEN)
                assert (status == 403) is refused, f"{role}: {method} {path} is {status}"


@pytest.mark.parametrize("secret", ["", "Bearer sterna_wrong", "Basic YTpi", "Bearer", "Bearer not-one-of-ours"])
async def test_who_has_no_good_key_learns_nothing_but_how_to_log_in(api: httpx.AsyncClient, secret: str) -> None:
    with as_another(api, **({"Authorization": secret} if secret else {})):
        for path in ("/api/jobs", "/api/keys", "/api/jobs/00000000-0000-0000-0000-000000000000/certificate"):
            answer = await api.get(path)
            assert answer.status_code == 401, answer.text
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sterna"'
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "sterna_" in answer.json()["remedy"]
        assert (await api.get("/healthz")).status_code == 200


async def test_a_role_may_what_it_says_and_no_more(api: httpx.AsyncClient, request_body: Json) -> None:
    draft = {**request_body, "draft": True}
    allowed = {Role.VIEWER: [True, False, False], Role.OPERATOR: [True, True, False], Role.ADMIN: [True, True, True]}
    for role, expected in allowed.items():
        secret = (await make_key(api, role))["secret"]
        with as_another(api, Authorization=f"Bearer {secret}"):
            answers = [await api.get("/api/jobs"), await api.post("/api/jobs", json=draft), await api.get("/api/keys")]
            refused = [answer for answer in answers if answer.status_code == 403]
            assert [answer.status_code != 403 for answer in answers] == expected, role
            assert all(f"somebody is {role}" in answer.json()["detail"] for answer in refused)
            assert (await api.get("/api/session")).json() == {"name": "somebody", "role": role}


async def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(api: httpx.AsyncClient, live: Live) -> None:
    made = await make_key(api, Role.VIEWER, "nightly")
    with as_another(api, Authorization=f"Bearer {made['secret']}"):
        assert (await api.get("/api/jobs")).status_code == 200
    listed = await api.get("/api/keys")
    (found,) = [key for key in listed.json() if key["keyId"] == made["keyId"]]
    assert (found["name"], found["createdBy"]) == ("nightly", "administrator")
    assert found["lastUsedAt"] is not None
    assert made["secret"] not in listed.text
    assert (await api.delete(f"/api/keys/{made['keyId']}")).json()["revokedAt"] is not None
    with as_another(api, Authorization=f"Bearer {made['secret']}"):
        assert (await api.get("/api/jobs")).status_code == 401
    assert (await api.delete("/api/keys/00000000-0000-0000-0000-000000000000")).status_code == 404
    assert (await api.delete("/api/keys/none")).status_code in (404, 422)


async def test_a_key_ends_with_its_last_day(live: Live, api: httpx.AsyncClient) -> None:
    over = await live.store.issue_credential(
        CredentialKind.KEY, "late", "admin", actor=Actor("test"), lifetime=timedelta(seconds=-1)
    )
    with as_another(api, Authorization=f"Bearer {over.secret}"):
        assert (await api.get("/api/jobs")).status_code == 401


async def test_a_login_link_opens_one_session_which_other_sites_cannot_use(
    api: httpx.AsyncClient, request_body: Json
) -> None:
    made = (await api.post("/api/login-codes", json={"name": "dba", "role": "operator"})).json()
    own = str(api.base_url).rstrip("/")
    draft = {**request_body, "draft": True}
    with as_another(api):
        page = await api.get("/login")
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        opened = await api.post("/api/session", json={"code": made["code"]})
        assert opened.json() == {"name": "dba", "role": "operator"}
        cookie = opened.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert (await api.get("/api/jobs")).status_code == 200
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            refused = await api.post("/api/jobs", json=draft, headers=headers)
            assert refused.status_code == 403, refused.text
        for headers in ({"Origin": own}, {"Sec-Fetch-Site": "same-origin"}):
            assert (await api.post("/api/jobs", json=draft, headers=headers)).status_code == 201
        again = await api.post("/api/session", json={"code": made["code"]})
        assert again.status_code == 401
        assert "used before" in again.json()["detail"]
        assert (await api.delete("/api/session", headers={"Origin": own})).status_code == 204
    with as_another(api, Cookie=cookie.split(";")[0]):
        assert (await api.get("/api/jobs")).status_code == 401


async def test_a_session_is_no_key_and_a_key_no_session(api: httpx.AsyncClient) -> None:
    key = (await make_key(api, Role.ADMIN))["secret"]
    code = (await api.post("/api/login-codes", json={"name": "dba"})).json()["code"]
    with as_another(api, Authorization=f"Bearer {code}"):
        assert (await api.get("/api/jobs")).status_code == 401
    with as_another(api, Cookie=f"sterna_session={key}"):
        assert (await api.get("/api/jobs")).status_code == 401


async def test_answers_tell_browsers_to_keep_them_to_their_purpose(api: httpx.AsyncClient) -> None:
    headers = (await api.get("/api/jobs")).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in (await api.get("/docs")).headers["Content-Security-Policy"]


async def test_who_asks_too_often_is_told_when_to_come_back(
    settings: Settings, store: ConfigStore, client: Client
) -> None:
    slow = settings.model_copy(update={"requests_per_second": 0.1})
    async with running_api(slow, store, client) as api:
        answers = [await api.get("/api/jobs") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 429, 429]
        assert 1 <= int(answers[1].headers["Retry-After"]) <= 10
        with as_another(api, Authorization="Bearer sterna_guess"):
            guesses = [(await api.get("/api/jobs")).status_code for _ in range(120)]
            assert guesses[:30] == [401] * 30
            assert 429 in guesses


def test_a_bucket_fills_with_time() -> None:
    now = [0.0]
    limit = RateLimit(2, 4, lambda: now[0])
    assert [limit.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert limit.take("b") == 0
    now[0] = 1.0
    assert [limit.take("a") for _ in range(3)] == [0, 0, 0.5]


async def test_without_authentication_only_loopback_is_served(
    settings: Settings, store: ConfigStore, client: Client
) -> None:
    unasked = settings.model_copy(update={"authentication": "off", "admin_key_file": None})
    async with running_api(unasked, store, client) as api:
        with as_another(api):
            assert (await api.get("/api/jobs")).status_code == 200
            rebound = await api.get("/api/jobs", headers={"Host": "attacker.example"})
            assert rebound.status_code == 421
            foreign = await api.post("/api/jobs", json={}, headers={"Origin": "https://evil.example"})
            assert foreign.status_code == 403
    with pytest.raises(InvalidConfiguration, match="without asking"):
        await serve(unasked.model_copy(update={"api_host": "0.0.0.0"}), KeyRing({"only": bytes(32)}))


@pytest.mark.parametrize("content", ["", "short", "sterna_short"])
def test_a_key_file_without_a_key_is_refused(
    settings: Settings, store: ConfigStore, client: Client, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "key"
    file.write_text(content, encoding="utf-8")
    given = settings.model_copy(update={"admin_key_file": file})
    with pytest.raises(InvalidConfiguration, match="holds no API key"):
        build_app(given, store, client)
