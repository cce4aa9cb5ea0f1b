"""Each time of a schedule begins one run at most, and watermarks belong to runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.config_store.store import ConfigStore
from core.errors import NotFound
from core.job_spec import JobStatus
from core.models import StatusUpdate
from core.watermark import StoredWatermark
from tests.config_store.specs import sample

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
async def job_id(store: ConfigStore) -> str:
    """A draft."""
    return (await store.create_job(sample())).job.job_id


async def test_a_time_begins_one_run_however_often_it_is_asked_for(store: ConfigStore, job_id: str) -> None:
    found = await asyncio.gather(*(store.begin_scheduled(job_id, AT, waits=False) for _ in range(5)))
    assert {(start.outcome, start.run) for start in found if start} == {("STARTED", 1)}
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.COMPLETED))
    again = await store.begin_scheduled(job_id, AT, waits=False)
    assert again == found[0]
    assert len(await store.runs(job_id)) == 1
    later = await store.begin_scheduled(job_id, AT + timedelta(hours=1), waits=False)
    assert later is not None
    assert (later.outcome, later.run) == ("STARTED", 2)


async def test_a_time_at_which_the_job_runs_is_skipped_and_stays_so(store: ConfigStore, job_id: str) -> None:
    await store.begin_run(job_id)
    skipped = await store.begin_scheduled(job_id, AT, waits=False)
    assert skipped is not None
    assert (skipped.outcome, skipped.run, skipped.reason) == ("SKIPPED", 1, "the job was ACTIVE")
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.FAILED))
    assert await store.begin_scheduled(job_id, AT, waits=False) == skipped
    assert await store.scheduled_starts(job_id) == [skipped]


async def test_a_time_that_waits_begins_its_run_when_the_job_has_ended(store: ConfigStore, job_id: str) -> None:
    await store.begin_run(job_id)
    assert await store.begin_scheduled(job_id, AT, waits=True) is None
    assert await store.scheduled_starts(job_id) == []
    await store.record_status(StatusUpdate(job_id=job_id, run=1, status=JobStatus.CANCELLED))
    begun = await store.begin_scheduled(job_id, AT, waits=True)
    assert begun is not None
    assert (begun.outcome, begun.run) == ("STARTED", 2)


async def test_an_unknown_job_has_no_times(store: ConfigStore) -> None:
    with pytest.raises(NotFound):
        await store.begin_scheduled("00000000-0000-0000-0000-000000000000", AT, waits=False)


async def test_a_run_begins_at_the_watermark_of_the_newest_proved_run_before_it(store: ConfigStore) -> None:
    job = (await store.create_job(sample())).job
    table_id = job.tables[0].table_id

    async def record(run: int, number: int, value: str | None) -> None:
        reached = StoredWatermark(table_id=table_id, run=run, number=number, value=value)
        await store.record_watermark(reached, load=run)

    await record(1, 1, None)
    await record(3, 2, "70")
    await record(3, 2, "80")
    before = {run: await store.watermarks(job.job_id, before_run=run) for run in (1, 2, 3, 4, 9)}
    assert {run: found[table_id].value if found else "none" for run, found in before.items()} == {
        1: "none", 2: None, 3: None, 4: "80", 9: "80",
    }  # fmt: skip
    await store.delete_job(job.job_id)
    assert await store.watermarks(job.job_id, before_run=9) == {}
