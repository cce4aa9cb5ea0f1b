"""What is too large, too deep or cannot be kept is refused before it is parsed for good, with a problem document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from temporalio.client import Client

from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import open_store, private_settings, running_api
from tests.conftest import NewDatabase
from tests.sample_request import SAMPLE

MOST = 100_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def api(
    postgres: PostgresServer, new_database: NewDatabase, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    settings = private_settings(postgres, new_database(), tmp_path_factory.mktemp("api"))
    settings.max_body_bytes = MOST
    async with open_store(settings) as store, running_api(settings, store, client) as http:
        yield http


def _refused(answer: httpx.Response, status: int) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["status"] == status


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 10_000
        await asyncio.sleep(0)


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_said_or_not(api: httpx.AsyncClient) -> None:
    body = json.dumps({**SAMPLE, "draft": True})
    _refused(await api.post("/api/jobs", content=body.ljust(MOST + 1), headers=JSON), 413)
    _refused(await api.post("/api/jobs", content=_chunks(50), headers=JSON), 413)
    _refused(await api.post("/api/jobs", content=_chunks(50)), 413)
    assert (await api.post("/api/jobs", content=body.ljust(MOST), headers=JSON)).status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"name": ' + "[" * 40 + "]" * 40 + "}", 422),
        ('{"name": ' + "[" * 40_000 + "]" * 40_000 + "}", 422),
        ('{"a":' * 15_000 + "1" + "}" * 15_000, 422),
        ('{"name": "\\u0000"}', 422),
        ('{"\\ud800": 1}', 422),
        ('{"name": 1e999}', 422),
        ('{"name": NaN}', 422),
        ('{"name": ', 400),
        (b'{"name": "\xff"}', 400),
        ("9" * 5_000, 400),
        ("[]", 422),
        ("null", 422),
    ],
)
@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/plan"])
async def test_a_body_that_nobody_can_keep_is_refused(
    api: httpx.AsyncClient, path: str, body: str | bytes, status: int
) -> None:
    _refused(await api.post(path, content=body, headers=JSON), status)


async def test_what_is_no_json_is_refused(api: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        _refused(await api.post("/api/jobs", content=b"name=x\x00", headers={"Content-Type": kind}), 422)


async def test_addresses_hold_no_nul_and_end_somewhere(api: httpx.AsyncClient) -> None:
    for path in ("/api/jobs/a%00b", "/api/jobs?name=%00", "/api/jobs/x/rejects?table=%00"):
        _refused(await api.get(path), 422)
    _refused(await api.get("/api/jobs?name=" + "x" * 10_000), 414)


async def test_a_control_commands_note_is_looked_at_too(api: httpx.AsyncClient) -> None:
    job = (await api.post("/api/jobs", json={**SAMPLE, "draft": True})).json()["jobId"]
    answer = await api.post(f"/api/jobs/{job}/schedule/pause", content='{"note": "\\udfff"}', headers=JSON)
    _refused(answer, 422)
    assert answer.json()["errors"][0]["field"] == "note"
