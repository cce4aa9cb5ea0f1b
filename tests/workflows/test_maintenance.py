"""Rows move inside the maintenance window only. The clock that answers is the test's own, and is put forward by it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from activities.maintenance import MaintenanceActivities
from core.job_spec import JobOptions, JobStatus
from core.models import PauseCommand
from tests.workflows.stand_ins import StandIns, entry
from workflows.migration_job import MigrationJob

SECONDS = 90
WINDOW = "22:00-05:00 Europe/Berlin"
CLOSES = datetime(2026, 10, 25, 4, tzinfo=UTC)
"""The night in which summer time ended: 05:00 in Berlin is 04:00, not 03:00 as the night before."""
OPENS = datetime(2026, 10, 25, 21, tzinfo=UTC)


class Clock:
    """Says these times, one for each question, and the last one from then on: the night passes in seconds."""

    def __init__(self, *times: datetime) -> None:
        self._times = list(times)

    def __call__(self) -> datetime:
        return self._times.pop(0) if len(self._times) > 1 else self._times[0]


class Slow:
    """A hook: each batch takes a while; how many were begun to be read."""

    def __init__(self) -> None:
        self.begun = 0

    async def __call__(self, given: Any) -> None:
        self.begun += given.span.count
        await asyncio.sleep(0.2 * given.span.count)


@pytest.fixture
def windowed(stand_ins: StandIns) -> StandIns:
    """A job of many batches, one after another, that has a window."""
    stand_ins.tables = [entry(batches=30)]
    stand_ins.options = JobOptions(maintenance_window=WINDOW, parallel_batches=1)
    return stand_ins


async def test_a_closing_window_lets_go_of_the_snapshot_and_the_next_one_goes_on(windowed: StandIns) -> None:
    slow = windowed.hooks["extract_batches"] = Slow()
    second = timedelta(seconds=1)
    clock = Clock(CLOSES - second, CLOSES - second / 4, OPENS - 2 * second, OPENS)
    async with windowed.serving(MaintenanceActivities(clock).look_at_window):
        job = await windowed.start_job()
        progress = await asyncio.wait_for(_closed(job), SECONDS)
        assert (progress.status, progress.waiting_until) == (JobStatus.ACTIVE, OPENS)
        assert progress.stage == "waiting for the maintenance window until 2026-10-25 22:00 Europe/Berlin"
        ended = await asyncio.wait_for(job.result(), SECONDS)
    assert (ended.status, ended.rows, ended.waiting_until) == (JobStatus.COMPLETED, 30, None)
    assert [given.first_epoch for given in windowed.of("keep_snapshot")] == [1, 2]
    assert slow.begun > 30, "what was read under the first snapshot is read again"


async def test_a_job_that_begins_outside_its_window_touches_neither_rows_nor_tables(windowed: StandIns) -> None:
    """An operator's pause and resume do not open it."""
    async with windowed.serving(MaintenanceActivities(Clock(OPENS - timedelta(hours=3))).look_at_window):
        job = await windowed.start_job()
        progress = await asyncio.wait_for(_closed(job), SECONDS)
        assert progress.waiting_until == OPENS
        await job.signal(MigrationJob.pause, PauseCommand())
        await job.signal(MigrationJob.resume)
        await asyncio.sleep(1)
        assert [update.status for update in windowed.of("record_status")][-1] == JobStatus.ACTIVE
        touching = ("prepare_tables", "keep_snapshot", "begin_load", "extract_batches")
        assert [name for name in touching if windowed.of(name)] == []
        await job.cancel()
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(job.result(), SECONDS)
    assert [outcome.update.status for outcome in windowed.of("record_outcome")] == [JobStatus.CANCELLED]


async def test_a_pause_of_an_operator_outlasts_the_opening_of_the_window(windowed: StandIns) -> None:
    async with windowed.serving(MaintenanceActivities(Clock(OPENS - timedelta(seconds=3), OPENS)).look_at_window):
        job = await windowed.start_job()
        await asyncio.wait_for(_closed(job), SECONDS)
        await job.signal(MigrationJob.pause, PauseCommand())
        while (progress := await job.query(MigrationJob.progress)).waiting_until is not None:
            await asyncio.sleep(0.05)
        assert progress.status == JobStatus.PAUSED
        assert windowed.of("prepare_tables") == []
        await job.signal(MigrationJob.resume)
        assert (await asyncio.wait_for(job.result(), SECONDS)).rows == 30


async def _closed(job: Any) -> Any:
    while (progress := await job.query(MigrationJob.progress)).waiting_until is None:
        await asyncio.sleep(0.05)
    return progress
