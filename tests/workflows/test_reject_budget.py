"""Batches of one table run side by side; together they leave out no more rows than `maxRejects`."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity

from core.job_spec import JobOptions
from core.models import TableResult, TableRun
from core.progress import TableStatus
from core.schema import Digest
from core.stage_models import LoadedBatches, LoadInput
from tests.workflows.stand_ins import StandIns, entry, refusal
from workflows.table_migration import TableMigration

SECONDS = 30


class OneBadRowInEachBatch(StandIns):
    """A destination that refuses one row of every batch."""

    @activity.defn
    async def load_batches(self, given: LoadInput) -> LoadedBatches:
        await self._called(given)
        await asyncio.sleep(0.05)  # long enough for others to come in between
        if not given.allowed_rejects:
            raise refusal("DataRejected", "a row is refused")
        return LoadedBatches(digest=Digest(rows=9), bytes=1, rejected=1)


async def run(stand_ins: StandIns, max_rejects: int, **state: Any) -> TableResult:
    async with stand_ins.serving():
        options = JobOptions(parallel_batches=4, max_rejects=max_rejects)
        begun = TableRun(
            job_id=stand_ins.prefix,
            run=1,
            generation="1.1",
            entry=entry(batches=6),
            options=options,
            snapshot=None,
            workflow_priority=3,
            **state,
        )
        handle = await stand_ins.client.start_workflow(
            TableMigration.run, begun, id=f"{stand_ins.prefix}/t1", task_queue=f"{stand_ins.prefix}-control"
        )
        return await asyncio.wait_for(handle.result(), SECONDS)


async def test_as_many_rows_are_left_out_as_may_be_and_the_proof_is_told(stand_ins: StandIns) -> None:
    refusing = OneBadRowInEachBatch(stand_ins.client)
    result = await run(refusing, 6)
    assert (result.status, result.rows, result.rejected) == (TableStatus.COMPLETED, 54, 6)
    [proof] = refusing.of("validate_table")
    assert (proof.extracted.rows, proof.rejected) == (54, 6)
    asked = [given.allowed_rejects for given in refusing.of("load_batches") if given.allowed_rejects is not None]
    assert asked == [6, 5, 4, 3, 2, 1]


async def test_one_more_than_may_be_parks_the_table(stand_ins: StandIns) -> None:
    refusing = OneBadRowInEachBatch(stand_ins.client)
    result = await run(refusing, 5)
    assert (result.status, result.rejected) == (TableStatus.PARKED, 5)
    assert "a row is refused" in result.message


async def test_rows_that_were_left_out_before_continue_as_new_count_on(stand_ins: StandIns) -> None:
    refusing = OneBadRowInEachBatch(stand_ins.client)
    result = await run(refusing, 6, next_batch=4, batches_done=4, rejected=4, extracted=Digest(rows=36))
    assert (result.status, result.rows, result.rejected) == (TableStatus.COMPLETED, 54, 6)
    asked = [given.allowed_rejects for given in refusing.of("load_batches") if given.allowed_rejects is not None]
    assert asked == [2, 1]
