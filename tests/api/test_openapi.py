"""Thousands of made-up requests, right and wrong ones, after the API's own description: none ends in a 5xx, and every
answer is one that the description promises."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from deploy.local.postgres_server import free_port
from tests.api.conftest import Json, Live, running_api
from tests.sample_request import SAMPLE

REQUESTS = 2_000
EXAMPLES = 3
"""Of each phase and operation, at most."""
SECONDS = 300
"""Many times what it takes alone: a run that hangs ends."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
CONFIGURATION = """
[dictionaries.jobs]
values = {jobs}

[parameters."path.job_id"]
dictionary = "jobs"
probability = 0.7
"""
ENDLESS = "/events$"
"""A stream ends with its job."""


async def _jobs(api: httpx.AsyncClient, body: Json) -> list[str]:
    """Two drafts, one of them with a schedule, and a job that runs and ends."""
    bodies = [{**SAMPLE, "draft": True}, {**SAMPLE, "draft": True, "name": "another"}, body]
    made = [(await api.post("/api/jobs", json=each)).raise_for_status().json()["jobId"] for each in bodies]
    await api.put(f"/api/jobs/{made[0]}/schedule", json={"cron": "0 3 * * *"})
    return made


async def _run(api: httpx.AsyncClient, tmp_path: Path, jobs: list[str]) -> str:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(jobs=json.dumps(jobs)), encoding="utf-8")
    headers = [f"--header={name}: {value}" for name, value in api.headers.items() if name == "authorization"]
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run"),
        f"{api.base_url}/openapi.json",
        *(f"--checks={','.join(CHECKS)}", f"--max-examples={EXAMPLES}", "--seed=1", "--request-timeout=20"),
        *("--phases=examples,coverage,fuzzing", "--no-shrink", "--continue-on-failure", "--workers=1"),
        *("--suppress-health-check=all", f"--exclude-path-regex={ENDLESS}", "--warnings=off", *headers),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode()
    assert process.returncode == 0, text[-8000:]
    return text


@pytest.fixture
async def api(live: Live, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    """Beside the live one, and without its rate limit: 429 says nothing about a request."""
    settings = live.settings.model_copy(update={"requests_per_second": 1e6, "api_port": free_port()})
    async with running_api(settings, live.store, client) as http:
        yield http


async def test_no_made_up_request_ends_in_a_5xx_or_in_an_answer_that_is_not_described(
    api: httpx.AsyncClient, request_body: Json, tmp_path: Path
) -> None:
    text = await _run(api, tmp_path, await _jobs(api, request_body))
    counted = re.search(r"(\d+) generated", text)
    assert counted, text[-2000:]
    print(f"schemathesis: {counted[1]} requests, seed 1")
    assert int(counted[1]) >= REQUESTS, text[-2000:]
