"""Four eyes: a job that asks for it begins when somebody approves who did not ask for the run."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from temporalio.client import Client

from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.job_spec import JobOptions
from core.settings import Settings
from tests.api.conftest import Json, Live, running_api, status_becomes, until
from tests.config_store.specs import sample

ASKS, APPROVES = Actor("asks"), Actor("approves")


@pytest.fixture
def api(live: Live) -> httpx.AsyncClient:
    return live.api


async def key_of(api: httpx.AsyncClient, name: str, role: str = "operator") -> dict[str, str]:
    made = (await api.post("/api/keys", json={"name": name, "role": role})).raise_for_status().json()
    return {"Authorization": f"Bearer {made['secret']}"}


async def waits(api: httpx.AsyncClient, job_id: str) -> Json:
    """The job, once it waits for its approval."""

    async def look() -> bool:
        return "waits for approval" in ((await api.get(f"/api/jobs/{job_id}")).json()["attention"] or "")

    await until(look)
    job: Json = (await api.get(f"/api/jobs/{job_id}")).json()
    return job


async def test_a_job_begins_when_a_second_person_approves_and_the_certificate_names_them(
    api: httpx.AsyncClient, request_body: Json
) -> None:
    maker, starter, other = [await key_of(api, name) for name in ("maker", "starter", "other")]
    reader = await key_of(api, "reader", "viewer")
    request_body["options"] = {"approval": True}
    draft = (await api.post("/api/jobs", json={**request_body, "draft": True}, headers=maker)).json()
    path = f"/api/jobs/{draft['jobId']}"
    assert (await api.post(f"{path}/approve", headers=other)).status_code == 409
    assert (await api.post(f"{path}/start", headers=starter)).status_code == 202
    job = await waits(api, draft["jobId"])
    assert job["status"] == "ACTIVE"
    assert (await api.get(f"{path}/progress")).json()["tables"] == []
    for asker in (maker, starter):
        refused = await api.post(f"{path}/approve", headers=asker)
        assert (refused.status_code, "maker, starter" in refused.json()["detail"]) == (409, True)
    assert (await api.post(f"{path}/approve", headers=reader)).status_code == 403
    assert (await api.post(f"{path}/approve", headers=other)).status_code == 202
    await status_becomes(api, draft["jobId"], "COMPLETED")
    approval = (await api.get(f"{path}/certificate")).json()["approval"]
    assert approval["by"] == "other"
    events = (await api.get("/api/audit", params={"jobId": draft["jobId"], "limit": 200})).json()["events"]
    assert [event["actor"] for event in events if event["action"] == "approved"] == ["other"]
    assert sorted(event["actor"] for event in events if event["action"] == "approve refused") == ["maker", "starter"]


async def test_a_job_that_waits_for_approval_can_be_cancelled(api: httpx.AsyncClient, request_body: Json) -> None:
    request_body["options"] = {"approval": True}
    job_id = (await api.post("/api/jobs", json=request_body)).json()["jobId"]
    await waits(api, job_id)
    assert (await api.post(f"/api/jobs/{job_id}/cancel")).status_code == 202
    await status_becomes(api, job_id, "CANCELLED")


async def test_a_job_that_needs_no_approval_takes_none(api: httpx.AsyncClient, request_body: Json) -> None:
    request_body["source"]["database"] = "no_such_database"
    job_id = (await api.post("/api/jobs", json=request_body)).json()["jobId"]
    refused = await api.post(f"/api/jobs/{job_id}/approve", headers=await key_of(api, "eager"))
    assert (refused.status_code, "needs no approval" in refused.json()["detail"]) == (409, True)
    assert (await api.post(f"/api/jobs/{job_id}/cancel")).status_code == 202


async def test_the_setting_makes_every_job_wait(
    settings: Settings, store: ConfigStore, client: Client, request_body: Json
) -> None:
    asked = settings.model_copy(update={"require_approval": True})
    async with running_api(asked, store, client) as api:
        job_id = (await api.post("/api/jobs", json=request_body)).json()["jobId"]
    history = await client.get_workflow_handle(f"migration/{job_id}").fetch_history()
    given = history.events[0].workflow_execution_started_event_attributes.input.payloads[0].data
    assert b'"notBy":["administrator"]' in given.replace(b" ", b"")


async def test_an_approval_covers_what_was_asked_for_before_it(store: ConfigStore) -> None:
    spec = sample().model_copy(update={"options": JobOptions(approval=True)})
    job_id = (await store.create_job(spec, draft=False, actor=ASKS)).job.job_id
    need = await store.approval_need(job_id, 1)
    assert (need.not_by, need.given) == (["asks"], None)
    async with store.recorded(job_id, "approve", actor=APPROVES):
        pass
    assert (await store.approval_need(job_id, 1)).given is None
    await store.record_approval(job_id, 1, APPROVES)
    again = await store.approval_need(job_id, 1)
    assert again.given is not None
    assert again.given.by == "approves"


async def test_scheduled_runs_need_approval_after_each_change_of_the_schedule_only(store: ConfigStore) -> None:
    job_id = (await store.create_job(sample(), actor=ASKS)).job.job_id
    await store.record_event(job_id, "schedule", actor=Actor("schedules"))
    begun = await store.begin_scheduled(job_id, datetime(2026, 1, 1, tzinfo=UTC), waits=False)
    assert begun is not None
    assert begun.run == 1
    need = await store.approval_need(job_id, 1)
    assert (need.not_by, need.given) == (["asks", "schedules"], None)
    await store.record_approval(job_id, 1, APPROVES)
    assert (await store.approval_need(job_id, 1)).given is not None
    await store.record_event(job_id, "trigger schedule", actor=ASKS)
    assert (await store.approval_need(job_id, 1)).given is None
    assert (await store.approval_need(job_id, 2)).given is None
