"""Progress, its stream and the certificate, of a job that really runs."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import Json, Live, status_becomes
from tests.conftest import connect


async def _events(api: httpx.AsyncClient, job_id: str) -> list[tuple[str, Json]]:
    async with asyncio.timeout(60), api.stream("GET", f"/api/jobs/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = []
        name = ""
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
        return events


async def test_a_job_is_followed_to_its_certificate(
    live: Live, request_body: Json, postgres: PostgresServer, databases: tuple[str, str]
) -> None:
    job_id = (await live.api.post("/api/jobs", json=request_body)).json()["jobId"]
    none_yet = await live.api.get(f"/api/jobs/{job_id}/certificate")
    events = await _events(live.api, job_id)
    assert [name for name, _ in events[:-1]] == ["progress"] * (len(events) - 1)
    name, last = events[-1]
    assert (name, last["status"], last["rows"]) == ("done", "COMPLETED", 1010)
    assert {table["status"] for table in last["tables"]} == {"COMPLETED"}
    assert all(table["proved"] for table in last["tables"])
    assert (await live.api.get(f"/api/jobs/{job_id}/progress")).json() == last
    certificate = await live.api.get(f"/api/jobs/{job_id}/certificate")
    assert (certificate.status_code, certificate.headers["content-type"]) == (200, "application/json")
    assert certificate.json()
    assert (none_yet.status_code, none_yet.headers["content-type"]) == (404, "application/problem+json")
    assert (await live.api.get(f"/api/jobs/{job_id}/certificate", params={"run": 2})).status_code == 404
    with connect(postgres, databases[1]) as session:
        assert session.execute("SELECT count(*) FROM notes").fetchone() == (10,)


async def test_a_watcher_who_comes_late_gets_the_end_at_once(live: Live, request_body: Json) -> None:
    job_id = (await live.api.post("/api/jobs", json=request_body)).json()["jobId"]
    await status_becomes(live.api, job_id, "COMPLETED")
    events = await _events(live.api, job_id)
    assert [name for name, _ in events] == ["done"]


async def test_deleting_a_finished_job_deletes_its_documents(live: Live, request_body: Json) -> None:
    job_id = (await live.api.post("/api/jobs", json=request_body)).json()["jobId"]
    await status_becomes(live.api, job_id, "COMPLETED")
    assert any(Path(live.settings.documents, "jobs", job_id).rglob("*.json"))
    assert (await live.api.delete(f"/api/jobs/{job_id}")).status_code == 204
    assert not Path(live.settings.documents, "jobs", job_id).exists()


async def test_without_a_worker_progress_says_so(
    api: httpx.AsyncClient, request_body: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.job_progress.JOB_TIMEOUT", timedelta(seconds=1))
    job_id = (await api.post("/api/jobs", json=request_body)).json()["jobId"]
    progress = (await api.get(f"/api/jobs/{job_id}/progress")).json()
    assert (progress["status"], progress["run"]) == ("ACTIVE", 1)
    assert "control worker" in progress["attention"]
    assert [table["status"] for table in progress["tables"]] == ["PENDING", "PENDING"]


async def test_a_draft_has_progress_an_empty_profile_and_no_certificate(
    api: httpx.AsyncClient, request_body: Json
) -> None:
    job_id = (await api.post("/api/jobs", json={**request_body, "draft": True})).json()["jobId"]
    progress = (await api.get(f"/api/jobs/{job_id}/progress")).json()
    assert (progress["status"], progress["run"], progress["rows"]) == ("DRAFT", 0, 0)
    assert [table["name"] for table in progress["tables"]] == ["users → CUSTOMERS", "notes → notes"]
    profile = (await api.get(f"/api/jobs/{job_id}/profile")).json()
    assert (profile["unmeasured"], profile["bound"]) == (
        ["users → CUSTOMERS", "notes → notes"],
        "Nothing has been measured yet.",
    )
    answer = await api.get(f"/api/jobs/{job_id}/certificate")
    assert (answer.status_code, answer.json()["detail"]) == (404, "the job has not been started")
