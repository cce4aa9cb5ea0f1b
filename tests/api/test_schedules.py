"""Schedules over REST, kept by a real Temporal server and served by a real worker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.schedule import ScheduleActivities
from core.config_store.store import ConfigStore
from core.errors import Unavailable
from core.job_start import JobStarter
from core.schedule import StartRunInput, StartRunResult
from core.settings import Settings
from core.temporal_client import job_workflow_id, schedule_id
from tests.api.conftest import Json, Live, status_becomes, until
from tests.config_store.specs import sample

NIGHTLY = {"cron": "30 3 * * *", "timezone": "Europe/Berlin", "note": "after the backup"}


@pytest.fixture
def api(live: Live) -> httpx.AsyncClient:
    """HTTP to a whole service."""
    return live.api


@pytest.fixture
async def job_id(api: httpx.AsyncClient, request_body: Json) -> str:
    """A draft whose runs wait in preflight, because the source database does not exist."""
    request_body["source"]["database"] = "no_such_database"
    created = await api.post("/api/jobs", json={**request_body, "draft": True})
    return str(created.json()["jobId"])


async def put(api: httpx.AsyncClient, job_id: str, request: Json) -> Json:
    """The schedule that was put."""
    answer = await api.put(f"/api/jobs/{job_id}/schedule", json=request)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def starts_become(api: httpx.AsyncClient, job_id: str, expected: list[tuple[str, int]]) -> list[Json]:
    """Waits until the schedule's times have ended so, newest first."""
    found: list[Json] = []

    async def look() -> bool:
        nonlocal found
        found = (await api.get(f"/api/jobs/{job_id}/schedule")).json()["starts"]
        return len(found) >= len(expected)

    await until(look)
    assert [(start["outcome"], start["run"]) for start in found] == expected
    return found


async def test_a_schedule_says_its_next_times_wherever_one_looks(api: httpx.AsyncClient, job_id: str) -> None:
    found = await put(api, job_id, NIGHTLY)
    assert {name: found[name] for name in NIGHTLY} == NIGHTLY
    assert (found["overlap"], found["paused"], found["starts"]) == ("skip", False, [])
    times = [datetime.fromisoformat(text).astimezone(ZoneInfo("Europe/Berlin")) for text in found["nextTimes"]]
    assert len(times) == 5
    assert {(time.hour, time.minute) for time in times} == {(3, 30)}
    assert (await api.get(f"/api/jobs/{job_id}")).json()["schedule"] == found

    async def is_listed() -> bool:
        listed = (await api.get("/api/schedules")).json()["schedules"]
        return found in listed

    await until(is_listed)
    changed = await put(api, job_id, {"every": "2 hours"})
    assert (changed["cron"], changed["every"], changed["note"]) == (None, "2 hours", None)


async def test_a_time_starts_the_next_run_or_is_skipped_while_one_is_active(
    api: httpx.AsyncClient, job_id: str
) -> None:
    await put(api, job_id, NIGHTLY)
    assert (await api.post(f"/api/jobs/{job_id}/schedule/trigger")).status_code == 202
    await starts_become(api, job_id, [("STARTED", 1)])
    await status_becomes(api, job_id, "ACTIVE")
    await asyncio.sleep(1)
    await api.post(f"/api/jobs/{job_id}/schedule/trigger")
    skipped, _ = await starts_become(api, job_id, [("SKIPPED", 1), ("STARTED", 1)])
    assert skipped["reason"] == "the job was ACTIVE"
    await api.post(f"/api/jobs/{job_id}/cancel")
    await status_becomes(api, job_id, "CANCELLED")
    await asyncio.sleep(1)  # times are whole seconds, and two starts of one time are one
    await api.post(f"/api/jobs/{job_id}/schedule/trigger")
    await starts_become(api, job_id, [("STARTED", 2), ("SKIPPED", 1), ("STARTED", 1)])
    job = await status_becomes(api, job_id, "ACTIVE")
    assert [run["run"] for run in job["runs"]] == [1, 2]
    await api.post(f"/api/jobs/{job_id}/cancel")


async def test_a_time_may_wait_for_the_end_of_the_run_that_is_active(api: httpx.AsyncClient, job_id: str) -> None:
    await put(api, job_id, {**NIGHTLY, "overlap": "wait"})
    await api.post(f"/api/jobs/{job_id}/start")
    await status_becomes(api, job_id, "ACTIVE")
    await api.post(f"/api/jobs/{job_id}/schedule/trigger")
    await api.post(f"/api/jobs/{job_id}/cancel")
    await starts_become(api, job_id, [("STARTED", 2)])
    await api.post(f"/api/jobs/{job_id}/cancel")


async def test_a_schedule_is_paused_resumed_and_deleted(api: httpx.AsyncClient, job_id: str) -> None:
    path = f"/api/jobs/{job_id}/schedule"
    await put(api, job_id, {"every": "1 second"})
    await starts_become(api, job_id, [("STARTED", 1)])
    paused = (await api.post(f"{path}/pause", json={"note": "until the migration"})).json()
    assert (paused["paused"], paused["note"], paused["nextTimes"]) == (True, "until the migration", [])
    resumed = (await api.post(f"{path}/resume")).json()
    assert resumed["paused"] is False
    assert resumed["nextTimes"]
    assert (await api.delete(path)).status_code == 204
    for answer in (await api.get(path), await api.delete(path), await api.post(f"{path}/pause")):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:sterna:problem:not-found")
    assert (await api.get(f"/api/jobs/{job_id}")).json()["schedule"] is None
    await api.post(f"/api/jobs/{job_id}/cancel")


async def test_a_deleted_job_has_no_schedule_and_one_that_is_left_over_goes_at_its_next_time(
    api: httpx.AsyncClient, live: Live, client: Client, request_body: Json
) -> None:
    jobs = [(await api.post("/api/jobs", json={**request_body, "draft": True})).json()["jobId"] for _ in range(2)]
    for job_id in jobs:
        await put(api, job_id, NIGHTLY)
    assert (await api.delete(f"/api/jobs/{jobs[0]}")).status_code == 204
    with pytest.raises(RPCError):
        await client.get_schedule_handle(schedule_id(jobs[0])).describe()
    await live.store.delete_job(jobs[1])
    await client.get_schedule_handle(schedule_id(jobs[1])).trigger()

    async def is_gone() -> bool:
        try:
            await client.get_schedule_handle(schedule_id(jobs[1])).describe()
        except RPCError:
            return True
        return False

    await until(is_gone)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "", "either 'cron'"),
    ({"cron": "0 3 * * *", "every": "1 day"}, "", "either 'cron'"),
    ({"cron": "at three"}, "cron", "0 3 * * *"),
    ({"cron": "0 3 * * * *"}, "cron", "five fields"),
    ({"cron": "99 3 * * *"}, "", "Correct 'cron'"),
    ({"every": "often"}, "every", "15 minutes"),
    ({"every": "0 minutes"}, "every", "15 minutes"),
    ({"cron": "@daily", "timezone": "Berlin"}, "timezone", "Europe/Berlin"),
    ({"cron": "@daily", "catchUp": "1 second"}, "catchUp", "at least 10 seconds"),
    ({"cron": "@daily", "overlap": "all"}, "overlap", ""),
]


@pytest.mark.parametrize(("request_", "field", "remedy"), REFUSED)
async def test_a_wrong_schedule_is_refused_by_field(
    api: httpx.AsyncClient, job_id: str, request_: dict[str, Any], field: str, remedy: str
) -> None:
    answer = await api.put(f"/api/jobs/{job_id}/schedule", json=request_)
    assert answer.status_code == 422, answer.text
    assert field in str([error["field"] for error in answer.json().get("errors", [])])
    assert remedy in answer.text
    assert (await api.get(f"/api/jobs/{job_id}/schedule")).status_code == 404


async def test_a_start_that_broke_off_after_the_run_was_recorded_is_made_good(
    store: ConfigStore, client: Client, settings: Settings
) -> None:
    """As where a worker dies between the two: the next attempt starts the workflow of the same run."""

    class Dies(JobStarter):
        async def ensure_started(self, job_id: str) -> None:
            return None

    job_id = (await store.create_job(sample())).job.job_id
    asked = StartRunInput(job_id=job_id, scheduled_at=datetime(2026, 3, 1, 3, tzinfo=UTC), waits=False)
    queues = settings.task_queue_prefix
    with pytest.raises(Unavailable, match="run 1 is not started yet"):
        await ScheduleActivities(store, client, Dies(store, client, queues)).start_run(asked)
    activities = ScheduleActivities(store, client, JobStarter(store, client, queues))
    for _ in range(2):
        assert await activities.start_run(asked) == StartRunResult(outcome="STARTED", run=1)
    job = await store.get_job(job_id)
    assert [run.run for run in job.runs] == [1]
    handle = client.get_workflow_handle(job_workflow_id(job_id))
    assert (await handle.describe()).run_id == job.runs[0].workflow_run_id
    await handle.terminate()
