"""The API behind TLS and behind proxies, on real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from api.serving import server_config
from core.errors import InvalidConfiguration
from core.settings import Settings
from deploy.local.postgres_server import free_port
from tests.certificates import Authority

FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


@asynccontextmanager
async def serving(authority: Authority, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    @app.get("/who")
    async def who(request: Request) -> list[str]:
        return [request.client.host if request.client else "", request.url.scheme]

    given = Settings(api_port=free_port(), log_level="WARNING", **settings)
    server = uvicorn.Server(server_config(app, given))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    scheme = "https" if given.api_tls_certificate else "http"
    trusting = ssl.create_default_context(cafile=authority.file)
    base_url = f"{scheme}://127.0.0.1:{given.api_port}"
    async with httpx.AsyncClient(base_url=base_url, verify=trusting, trust_env=False) as http:
        yield http
    server.should_exit = True
    await task


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> str:
    file = tmp_path / "api.pem"
    file.write_bytes(authority.issue("api", "127.0.0.1"))
    return str(file)


async def test_the_api_speaks_tls_by_its_certificate_and_nothing_else(authority: Authority, pair: str) -> None:
    async with serving(authority, api_tls_certificate=pair, api_tls_key=pair) as http:
        assert (await http.get("/who")).json() == ["127.0.0.1", "https"]
        with pytest.raises(httpx.TransportError):
            await http.get(str(http.base_url).replace("https", "http") + "/who")


async def test_forwarded_headers_are_believed_from_trusted_proxies_only(authority: Authority) -> None:
    async with serving(authority) as http:
        assert (await http.get("/who", headers=FORWARDED)).json() == ["127.0.0.1", "http"]
    async with serving(authority, api_trusted_proxies=["10.0.0.0/8"]) as http:
        assert (await http.get("/who", headers=FORWARDED)).json() == ["127.0.0.1", "http"]
    async with serving(authority, api_trusted_proxies=["127.0.0.1"]) as http:
        assert (await http.get("/who", headers=FORWARDED)).json() == ["203.0.113.7", "https"]


def test_a_certificate_that_cannot_be_used_stops_the_process_and_names_the_setting(
    authority: Authority, pair: str, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pem"
    locked.write_bytes(authority.issue("api", "127.0.0.1", password="canary-passphrase"))
    for settings, words in (
        ({"api_tls_key": pair}, "STERNA_API_TLS_CERTIFICATE is not"),
        ({"api_tls_certificate": "missing.pem"}, "missing.pem.*No such file"),
        ({"api_tls_certificate": str(authority.file)}, "STERNA_API_TLS_KEY"),
        ({"api_tls_certificate": str(locked)}, "passphrase"),
    ):
        with pytest.raises(InvalidConfiguration, match=words):
            server_config(FastAPI(), Settings(**settings))  # type: ignore[arg-type]
