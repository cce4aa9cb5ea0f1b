"""Commands reach the real workflow, and what went wrong outside of it is put right."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from temporalio.client import Client

from api.reconciler import Reconciler
from core.config_store.store import ConfigStore
from core.job_spec import JobSpec
from core.settings import Settings
from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import Json, Live, running_api, status_becomes, until
from tests.config_store.specs import sample
from tests.conftest import connect


@pytest.fixture
def api(live: Live) -> httpx.AsyncClient:
    """HTTP to a whole service."""
    return live.api


@pytest.fixture
async def waiting_job(api: httpx.AsyncClient, request_body: Json) -> str:
    """A job that waits in preflight, because its source database does not exist."""
    request_body["source"]["database"] = "no_such_database"
    job_id: str = (await api.post("/api/jobs", json=request_body)).json()["jobId"]

    async def is_waiting() -> bool:
        return bool((await api.get(f"/api/jobs/{job_id}")).json()["attention"])

    await until(is_waiting)
    return job_id


async def test_a_job_that_cannot_begin_says_what_it_waits_for(api: httpx.AsyncClient, waiting_job: str) -> None:
    job = (await api.get(f"/api/jobs/{waiting_job}")).json()
    assert job["status"] == "ACTIVE"
    assert "no_such_database" in job["attention"]
    progress = (await api.get(f"/api/jobs/{waiting_job}/progress")).json()
    assert (progress["status"], progress["attention"]) == ("ACTIVE", job["attention"])


async def test_pause_resume_and_cancel_reach_the_workflow(api: httpx.AsyncClient, waiting_job: str) -> None:
    path = f"/api/jobs/{waiting_job}"
    assert (await api.post(f"{path}/pause", json={"release": True})).status_code == 202
    await status_becomes(api, waiting_job, "PAUSED")
    assert (await api.post(f"{path}/resume")).status_code == 202
    await status_becomes(api, waiting_job, "ACTIVE")
    assert (await api.post(f"{path}/cancel", json={})).status_code == 202
    job = await status_becomes(api, waiting_job, "CANCELLED")
    assert job["runs"][0]["finishedAt"] is not None
    for command in ("pause", "resume", "cancel", "retry"):
        refused = await api.post(f"{path}/{command}")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:sterna:problem:conflict"), command
    assert (await api.delete(path)).status_code == 204


async def test_retry_wakes_a_waiting_job_once_its_database_is_there(
    api: httpx.AsyncClient, waiting_job: str, postgres: PostgresServer, databases: tuple[str, str]
) -> None:
    with connect(postgres, "postgres") as session:
        session.execute(f'ALTER DATABASE "{databases[0]}" RENAME TO no_such_database')
    try:
        refused = await api.post(f"/api/jobs/{waiting_job}/retry", json={"tables": ["no_such_table"]})
        assert refused.status_code == 404
        assert (await api.post(f"/api/jobs/{waiting_job}/retry")).status_code == 202
        await status_becomes(api, waiting_job, "COMPLETED")
    finally:
        with connect(postgres, "postgres") as session:
            session.execute(f'ALTER DATABASE no_such_database RENAME TO "{databases[0]}"')


async def test_a_finished_job_can_run_again(
    api: httpx.AsyncClient, request_body: Json, postgres: PostgresServer, databases: tuple[str, str]
) -> None:
    request_body["options"] = {"loadMode": "replace"}
    job_id = (await api.post("/api/jobs", json=request_body)).json()["jobId"]
    await status_becomes(api, job_id, "COMPLETED")
    assert (await api.post(f"/api/jobs/{job_id}/start")).json()["run"] == 2
    job = await status_becomes(api, job_id, "COMPLETED")
    assert [run["status"] for run in job["runs"]] == ["COMPLETED", "COMPLETED"]
    assert job["runs"][0]["workflowRunId"] != job["runs"][1]["workflowRunId"]
    with connect(postgres, databases[1]) as session:
        assert session.execute('SELECT count(*) FROM "CUSTOMERS"').fetchone() == (1000,)


async def test_commands_to_a_draft_are_refused(api: httpx.AsyncClient, request_body: Json) -> None:
    job_id = (await api.post("/api/jobs", json={**request_body, "draft": True})).json()["jobId"]
    for command in ("pause", "resume", "cancel", "retry"):
        answer = await api.post(f"/api/jobs/{job_id}/{command}")
        assert (answer.status_code, answer.json()["remedy"]) == (409, "Start it first")


async def test_retry_without_a_worker_is_told_as_unavailable(
    settings: Settings,
    store: ConfigStore,
    client: Client,
    request_body: Json,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.job_control.UPDATE_TIMEOUT", timedelta(seconds=1))
    async with running_api(settings, store, client) as api:
        job_id = (await api.post("/api/jobs", json=request_body)).json()["jobId"]
        answer = await api.post(f"/api/jobs/{job_id}/retry")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "control" in answer.json()["remedy"]


async def test_a_run_that_was_stored_but_not_started_is_started(
    store: ConfigStore, client: Client, reconciler: Reconciler
) -> None:
    job_id = (await store.create_job(sample(), draft=False)).job.job_id
    await reconciler.reconcile()
    found = await client.get_workflow_handle(f"migration/{job_id}").describe()
    assert (await store.runs(job_id))[0].workflow_run_id == found.run_id
    await reconciler.reconcile()
    again = await client.get_workflow_handle(f"migration/{job_id}").describe()
    assert again.run_id == found.run_id


async def test_a_start_that_was_not_written_down_is_not_repeated(
    store: ConfigStore, client: Client, reconciler: Reconciler, settings: Settings, postgres: PostgresServer
) -> None:
    job_id = (await store.create_job(sample(), draft=False)).job.job_id
    await reconciler.reconcile()
    handle = client.get_workflow_handle(f"migration/{job_id}")
    first = await handle.describe()
    await handle.terminate(reason="gone before the API could write it down")
    with connect(postgres, settings.config_store.rpartition("/")[2]) as session:
        session.execute("UPDATE migration_run SET workflow_run_id = NULL")
    await reconciler.reconcile()
    assert (await handle.describe()).run_id == first.run_id
    assert (await store.runs(job_id))[0].workflow_run_id == first.run_id


async def test_a_workflow_terminated_from_outside_closes_its_job_and_can_be_retried(
    api: httpx.AsyncClient,
    client: Client,
    live: Live,
    waiting_job: str,
    postgres: PostgresServer,
    databases: tuple[str, str],
) -> None:
    await client.get_workflow_handle(f"migration/{waiting_job}").terminate(reason="by a careless hand")
    await live.reconciler.reconcile()
    job = (await api.get(f"/api/jobs/{waiting_job}")).json()
    assert job["status"] == "FAILED"
    assert "by a careless hand" in job["attention"]
    retried = await api.post(f"/api/jobs/{waiting_job}/retry")
    assert (retried.status_code, retried.json()["status"], retried.json()["run"]) == (202, "ACTIVE", 1)
    await live.reconciler.reconcile()
    assert (await api.get(f"/api/jobs/{waiting_job}")).json()["status"] == "ACTIVE"


async def test_a_workflow_that_temporal_has_forgotten_closes_its_job(
    store: ConfigStore, reconciler: Reconciler, request_body: Json
) -> None:
    job_id = (await store.create_job(JobSpec.model_validate(request_body), draft=False)).job.job_id
    async with store.claim_start(job_id) as claim:
        assert claim is not None
        claim.workflow_run_id = "a run that never was"
    await reconciler.reconcile()
    job = await store.get_job(job_id)
    assert (job.status, "forgotten" in (job.attention or "")) == ("FAILED", True)
