"""Limits of a running job reach its tables, those that run and those that begin later."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from core.job_spec import JobOptions, JobStatus
from core.limits import Limits, TableLimits
from core.models import TableRun
from core.read_pressure import ReadPressure
from tests.workflows.stand_ins import StandIns, entry, snapshot, until
from workflows.migration_job import MigrationJob
from workflows.table_migration import TableMigration

SECONDS = 30


class Crowd:
    """A hook that holds everybody who comes, and counts them."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.opened = asyncio.Event()

    async def __call__(self, given: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.opened.wait()
        self.inside -= 1


async def test_more_batches_at_once_begin_as_soon_as_they_are_allowed(stand_ins: StandIns) -> None:
    crowd = stand_ins.hooks["extract_batches"] = Crowd()
    stand_ins.tables, stand_ins.options = [entry(batches=9)], JobOptions(parallel_batches=1)
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: crowd.inside == 1)
        await job.execute_update("set_limits", {"parallelBatches": 3})
        await until(lambda: crowd.inside == 3)
        assert (await job.query(MigrationJob.progress)).limits == Limits(parallel_tables=4, parallel_batches=3)
        crowd.opened.set()
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert (progress.status, progress.rows) == (JobStatus.COMPLETED, 9)
    assert crowd.most == 3


async def test_more_tables_begin_as_soon_as_they_are_allowed_under_the_limits_that_hold(stand_ins: StandIns) -> None:
    crowd = stand_ins.hooks["extract_batches"] = Crowd()
    stand_ins.tables = [entry(f"t{number}", batches=4) for number in range(3)]
    stand_ins.options = JobOptions(parallel_tables=1, parallel_batches=2)
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: crowd.inside == 2)
        await job.execute_update("set_limits", {"parallelTables": 3, "parallelBatches": 1})
        await until(lambda: {given.route for given in stand_ins.of("extract_batches")} == {"t0", "t1", "t2"})
        assert crowd.inside == 4, "the first table's two, and one of each other"
        crowd.opened.set()
        assert (await asyncio.wait_for(job.result(), SECONDS)).rows == 12
    assert crowd.most == 4


async def test_a_rate_is_kept_over_all_tables_and_a_change_holds_at_once(stand_ins: StandIns) -> None:
    """Every batch is one row. Only upper bounds: a slow machine cannot break them."""
    stand_ins.tables = [entry(f"t{number}", batches=3) for number in range(2)]
    stand_ins.options = JobOptions(max_rows_per_second=2)
    async with stand_ins.serving():
        began = time.monotonic()
        job = await stand_ins.start_job()
        assert (await asyncio.wait_for(job.result(), SECONDS)).rows == 6
        assert time.monotonic() - began > 6 / 2 - 0.2
        stand_ins.prefix += "x"

    stand_ins.options = JobOptions(max_rows_per_second=1)
    stand_ins.tables, stand_ins.calls = [entry(batches=60)], []
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: stand_ins.of("extract_batches"))
        await job.execute_update("set_limits", {"maxRowsPerSecond": None})
        assert (await asyncio.wait_for(job.result(), SECONDS)).rows == 60


@pytest.mark.parametrize("wrong", [{}, {"parallelTables": 0}, {"maxRowsPerSecond": "fast"}, {"tables": 2}], ids=str)
async def test_limits_that_make_no_sense_are_refused_and_change_nothing(stand_ins: StandIns, wrong: Any) -> None:
    crowd = stand_ins.hooks["extract_batches"] = Crowd()
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: crowd.inside)
        before = (await job.query(MigrationJob.progress)).limits
        with pytest.raises(WorkflowUpdateFailedError):
            await job.execute_update("set_limits", wrong)
        assert (await job.query(MigrationJob.progress)).limits == before
        crowd.opened.set()
        await asyncio.wait_for(job.result(), SECONDS)


async def test_limits_and_what_was_seen_of_the_source_hold_in_the_execution_that_goes_on(stand_ins: StandIns) -> None:
    """What continue-as-new hands over: the options of the job say four batches at once."""
    crowd = stand_ins.hooks["extract_batches"] = Crowd()
    loads = stand_ins.hooks["load_batches"] = Crowd()
    async with stand_ins.serving():
        run = TableRun(
            job_id=stand_ins.prefix,
            run=1,
            generation="1.1",
            entry=entry(batches=8),
            options=JobOptions(),
            snapshot=snapshot(1),
            workflow_priority=3,
            limits=TableLimits(parallel_batches=2),
            pressure=ReadPressure(best=0.1, at_once=1, times=5),
        )
        table = await stand_ins.client.start_workflow(
            TableMigration.run, run, id=f"{stand_ins.prefix}/t1", task_queue=f"{stand_ins.prefix}-control"
        )
        await until(lambda: crowd.inside)
        assert (await table.query(TableMigration.progress)).message.startswith("reading slower: the source answers 5 ×")
        crowd.opened.set()
        await until(lambda: loads.inside == 2)
        await asyncio.sleep(0.5)
        loads.opened.set()
        assert (await asyncio.wait_for(table.result(), SECONDS)).rows == 8
    assert (crowd.most, loads.most) == (1, 2)
