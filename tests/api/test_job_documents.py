"""Jobs over HTTP: posted, started once, listed, edited, deleted."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from temporalio.client import Client

from core import search_attributes
from core.settings import Settings
from tests.api.conftest import Json, until
from tests.sample_request import SAMPLE


async def _workflows_of(client: Client, settings: Settings) -> list[str]:
    query = f"TaskQueue = '{settings.task_queue_prefix}-control'"
    return [execution.id async for execution in client.list_workflows(query)]


async def test_the_sample_request_is_accepted_verbatim_and_started(api: httpx.AsyncClient, client: Client) -> None:
    answer = await api.post("/api/jobs", json=SAMPLE)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/api/jobs/{job['jobId']}"
    assert (job["status"], job["run"], job["attention"]) == ("ACTIVE", 1, None)
    assert job["tables"][0]["destination"] == "public.CUSTOMERS"
    found = await client.get_workflow_handle(f"migration/{job['jobId']}").describe()
    assert found.workflow_type == "MigrationJob"
    assert found.static_summary is not None
    attributes = {key: found.typed_search_attributes[key] for key in search_attributes.ALL}
    assert attributes == {
        search_attributes.JOB_ID: job["jobId"],
        search_attributes.STATUS: "ACTIVE",
        search_attributes.SOURCE: "POSTGRES pg-db.example.com/customers",
        search_attributes.DESTINATION: "ORACLE oracle-db.example.com/ORCL",
    }
    assert job["runs"][0]["workflowRunId"] == found.run_id
    shown = (await api.get(answer.headers["location"])).json()
    assert shown == job


async def test_what_is_shown_can_be_posted_again(api: httpx.AsyncClient) -> None:
    first = (await api.post("/api/jobs", json={**SAMPLE, "draft": True})).json()
    again = await api.post("/api/jobs", json={**first["spec"], "draft": True})
    assert again.status_code == 201
    assert again.json()["spec"] == first["spec"]


async def test_a_draft_is_edited_started_and_not_edited_any_more(
    api: httpx.AsyncClient, client: Client, settings: Settings
) -> None:
    job = (await api.post("/api/jobs", json={**SAMPLE, "draft": True})).json()
    path = f"/api/jobs/{job['jobId']}"
    assert (job["status"], job["run"], job["runs"]) == ("DRAFT", 0, [])
    edited = await api.put(path, json={**SAMPLE, "name": "Renamed"})
    assert (edited.status_code, edited.json()["name"]) == (200, "Renamed")
    started = await api.post(f"{path}/start")
    assert (started.status_code, started.json()["status"]) == (202, "ACTIVE")
    await until(lambda: _is(client, settings, [f"migration/{job['jobId']}"]))
    for refused in (api.put(path, json=SAMPLE), api.delete(path), api.post(f"{path}/start")):
        answer = await refused
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:sterna:problem:conflict")


async def test_a_deleted_draft_is_gone(api: httpx.AsyncClient) -> None:
    job = (await api.post("/api/jobs", json={**SAMPLE, "draft": True})).json()
    assert (await api.delete(f"/api/jobs/{job['jobId']}")).status_code == 204
    gone = await api.get(f"/api/jobs/{job['jobId']}")
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    assert gone.json()["detail"] == f"there is no job {job['jobId']}"


async def test_the_same_post_with_a_key_is_one_job_and_one_workflow(
    api: httpx.AsyncClient, client: Client, settings: Settings
) -> None:
    async def post() -> httpx.Response:
        return await api.post("/api/jobs", json=SAMPLE, headers={"Idempotency-Key": "once"})

    answers = await asyncio.gather(*(post() for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    ids = {answer.json()["jobId"] for answer in answers}
    assert len(ids) == 1
    job_id = ids.pop()
    await until(lambda: _is(client, settings, [f"migration/{job_id}"]))
    await client.get_workflow_handle(f"migration/{job_id}").terminate()
    late = await post()
    assert (late.status_code, late.json()["jobId"]) == (200, job_id)
    found = await client.get_workflow_handle(f"migration/{job_id}").describe()
    assert found.status is not None
    assert found.status.name == "TERMINATED", "a late repetition must not start the job again"


async def test_a_key_is_refused_for_another_body_and_taken_again_by_none(api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    body: Json = {**SAMPLE, "draft": True}
    first = await api.post("/api/jobs", json=body, headers=key)
    assert first.status_code == 201
    other = await api.post("/api/jobs", json={**body, "name": "Other"}, headers=key)
    assert (other.status_code, other.json()["title"]) == (409, "Conflict")
    assert "new key" in other.json()["remedy"]
    without = await api.post("/api/jobs", json=body)
    assert without.json()["jobId"] != first.json()["jobId"]


async def test_the_list_filters_and_pages(api: httpx.AsyncClient) -> None:
    ids = [
        (await api.post("/api/jobs", json={**SAMPLE, "name": f"job {n}", "draft": n != 1})).json()["jobId"]
        for n in range(3)
    ]
    page = (await api.get("/api/jobs", params={"limit": 2})).json()
    assert [job["jobId"] for job in page["jobs"]] == [ids[2], ids[1]]
    rest = (await api.get("/api/jobs", params={"limit": 2, "cursor": page["nextCursor"]})).json()
    assert ([job["jobId"] for job in rest["jobs"]], rest["nextCursor"]) == ([ids[0]], None)
    active = (await api.get("/api/jobs", params={"status": "ACTIVE"})).json()
    assert [job["jobId"] for job in active["jobs"]] == [ids[1]]
    both = (await api.get("/api/jobs", params=[("status", "ACTIVE"), ("status", "DRAFT")])).json()
    assert len(both["jobs"]) == 3
    assert [job["name"] for job in (await api.get("/api/jobs", params={"name": "B 2"})).json()["jobs"]] == ["job 2"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"status": "LOST"}, "status[0]"),
        ({"limit": "0"}, "limit"),
        ({"name": "\x00"}, "name"),
        ({"limit": "x"}, "limit"),
    ],
)
async def test_a_wrong_filter_is_named(api: httpx.AsyncClient, parameters: dict[str, str], field: str) -> None:
    answer = await api.get("/api/jobs", params=parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_made_up_cursor_is_a_problem(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/jobs", params={"cursor": "made up"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "the cursor is not one that a page gave")


async def _is(client: Client, settings: Settings, expected: list[str]) -> bool:
    return await _workflows_of(client, settings) == expected
