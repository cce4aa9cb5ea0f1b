"""Runs begin once, take their workflow's word, and are closed when no word comes."""

from __future__ import annotations

import asyncio

import pytest

from core.config_store.store import ConfigStore
from core.errors import Conflict, NotFound
from core.job_spec import JobStatus
from core.models import StatusUpdate
from tests.config_store.conftest import Database
from tests.config_store.specs import sample


@pytest.fixture
async def job_id(store: ConfigStore) -> str:
    """A draft."""
    return (await store.create_job(sample())).job.job_id


async def test_runs_are_numbered_from_one_and_never_two_at_once(store: ConfigStore, job_id: str) -> None:
    outcomes = await asyncio.gather(*(store.begin_run(job_id) for _ in range(5)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 4 + ["StoredRun"]
    job = await store.get_job(job_id)
    assert (job.status, job.run) == (JobStatus.ACTIVE, 1)
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.COMPLETED))
    assert (await store.begin_run(job_id)).run == 2
    assert [run.status for run in await store.runs(job_id)] == [JobStatus.COMPLETED, JobStatus.ACTIVE]


async def test_status_reaches_job_and_run_and_may_be_told_twice(store: ConfigStore, job_id: str) -> None:
    await store.begin_run(job_id)
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.ACTIVE, attention="mend it"))
    job = await store.get_job(job_id)
    assert (job.status, job.attention) == (JobStatus.ACTIVE, "mend it")
    final = StatusUpdate(job_id=job_id, run=1, status=JobStatus.COMPLETED, certificate="jobs/x/certificate.json")
    await store.record_status(final)
    first = (await store.runs(job_id))[0]
    await store.record_status(final)
    again = (await store.runs(job_id))[0]
    assert again == first
    assert (again.certificate, again.attention) == ("jobs/x/certificate.json", None)
    assert again.finished_at is not None
    assert (await store.get_job(job_id)).status is JobStatus.COMPLETED


async def test_late_word_of_an_old_run_leaves_the_job_alone(store: ConfigStore, job_id: str) -> None:
    await store.begin_run(job_id)
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.FAILED))
    await store.begin_run(job_id)
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.CANCELLED))
    assert (await store.get_job(job_id)).status is JobStatus.ACTIVE
    assert [run.status for run in await store.runs(job_id)] == [JobStatus.CANCELLED, JobStatus.ACTIVE]


async def test_word_about_a_job_that_is_gone_is_not_found(store: ConfigStore, job_id: str) -> None:
    await store.delete_job(job_id)
    with pytest.raises(NotFound):
        await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.FAILED))


async def test_word_about_a_run_that_never_began_is_not_found(store: ConfigStore, job_id: str) -> None:
    with pytest.raises(NotFound, match="no run 1"):
        await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.ACTIVE))
    assert (await store.get_job(job_id)).status is JobStatus.DRAFT


async def test_retry_continues_the_failed_run_under_a_new_token(store: ConfigStore, job_id: str) -> None:
    begun = await store.begin_run(job_id)
    with pytest.raises(Conflict, match="nothing to retry"):
        await store.reopen_run(job_id, None)
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.FAILED, certificate="c"))
    again = await store.reopen_run(job_id, ["table"])
    assert (again.run, again.only_tables, again.certificate, again.finished_at) == (1, ["table"], None, None)
    assert again.start_token != begun.start_token
    assert (await store.get_job(job_id)).status is JobStatus.ACTIVE


async def test_the_start_is_claimed_by_one_process_until_it_succeeds(store: ConfigStore, job_id: str) -> None:
    async with store.claim_start(job_id) as claim:
        assert claim is None, "a draft has nothing to start"
    await store.begin_run(job_id)
    with pytest.raises(RuntimeError, match="Temporal is away"):
        async with store.claim_start(job_id) as claim:
            raise RuntimeError("Temporal is away")
    started: list[int] = []

    async def start() -> None:
        async with store.claim_start(job_id) as claim:
            if claim is not None:
                started.append(claim.run.run)
                await asyncio.sleep(0.05)
                claim.workflow_run_id = "wf"

    await asyncio.gather(*(start() for _ in range(4)))
    assert started == [1]
    assert (await store.runs(job_id))[0].workflow_run_id == "wf"


async def test_closing_spares_a_run_that_ended_or_began_anew(store: ConfigStore, job_id: str) -> None:
    stale = await store.begin_run(job_id)
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.COMPLETED))
    assert not await store.close_run(stale, JobStatus.FAILED, "terminated")
    assert (await store.get_job(job_id)).status is JobStatus.COMPLETED
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.FAILED))
    anew = await store.reopen_run(job_id, None)
    assert not await store.close_run(stale, JobStatus.FAILED, "terminated")
    assert [run.start_token for run in await store.unfinished_runs()] == [anew.start_token]
    assert await store.close_run(anew, JobStatus.FAILED, "terminated")
    job = await store.get_job(job_id)
    assert (job.status, job.attention) == (JobStatus.FAILED, "terminated")
    assert await store.unfinished_runs() == []


async def test_every_change_is_in_the_audit_trail(store: ConfigStore, job_id: str, look: Database) -> None:
    await store.update_draft(job_id, sample(name="New name"))
    await store.begin_run(job_id)
    rows = look.execute(
        "SELECT action, before ->> 'name', after ->> 'name', before ->> 'status', after ->> 'status'"
        " FROM audit_event ORDER BY event_id"
    ).fetchall()
    assert rows == [
        ("create", None, "Prod Customer Migration", None, None),
        ("update", "Prod Customer Migration", "New name", None, None),
        ("start", None, None, "DRAFT", "ACTIVE"),
    ]
