from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from core.job_spec import JobOptions
from core.models import TableResult, TableRun
from core.progress import TableStatus
from core.stage_models import BatchSpan
from tests.workflows.stand_ins import StandIns, beating_until_stopped, entry, refusal, snapshot, until
from workflows.table_migration import TableMigration

SECONDS = 30


async def start(stand_ins: StandIns, **state: Any) -> WorkflowHandle[TableMigration, TableResult]:
    given: dict[str, Any] = {"entry": entry(batches=6), "snapshot": snapshot(1), **state}
    run = TableRun(
        job_id=stand_ins.prefix,
        run=1,
        generation="1.1",
        options=JobOptions(parallel_batches=2),
        workflow_priority=3,
        **given,
    )
    return await stand_ins.client.start_workflow(
        TableMigration.run, run, id=f"{stand_ins.prefix}/t1", task_queue=f"{stand_ins.prefix}-control"
    )


def extracted(stand_ins: StandIns) -> list[int]:
    return [given.span.first for given in stand_ins.of("extract_batches")]


async def test_batches_left_over_by_an_earlier_execution_survive_another_parking(stand_ins: StandIns) -> None:
    async def refuse(given: Any) -> None:
        raise refusal("OutOfSpace")

    stand_ins.hooks["load_batches"] = refuse
    left_over = [BatchSpan(first=number, count=1) for number in (1, 3, 4, 5)]
    async with stand_ins.serving():
        parked = await (await start(stand_ins, next_batch=6, unfinished=left_over, batches_done=2)).result()
        assert parked.status == TableStatus.PARKED
        assert parked.state is not None
        assert parked.state.unfinished == left_over
        stand_ins.hooks.clear()
        stand_ins.calls.clear()
        again = await start(
            stand_ins, **{name: getattr(parked.state, name) for name in ("next_batch", "unfinished", "load")}
        )
        assert (await again.result()).status == TableStatus.COMPLETED
    assert sorted(extracted(stand_ins)) == [1, 3, 4, 5]
    assert stand_ins.of("begin_load") == []


async def test_changed_values_that_were_counted_before_parking_are_counted_on(stand_ins: StandIns) -> None:
    async with stand_ins.serving():
        left_over = [BatchSpan(first=5, count=1)]
        state = {"next_batch": 6, "unfinished": left_over, "changed": {"c": {"characters": 4}, "d": {"years": 1}}}
        await asyncio.wait_for((await start(stand_ins, **state)).result(), SECONDS)
    assert stand_ins.of("validate_table")[-1].changed == {"c": {"characters": 5}, "d": {"years": 1}}


async def test_the_proof_is_told_where_the_time_went_and_what_earlier_executions_spent(stand_ins: StandIns) -> None:
    """Counting and the building of keys answer as workers of an earlier release do, without measures."""
    async with stand_ins.serving():
        earlier = {"extract": 1.0, "extract.source": 1.0}
        await asyncio.wait_for((await start(stand_ins, timings=earlier)).result(), SECONDS)
    given = stand_ins.of("validate_table")[-1]
    assert given.timings["extract.source"] == 1.0 + 6 * 0.25
    assert given.timings["extract.queue"] == 6 * 0.5
    assert given.timings["extract"] > 1.0 + 6 * 0.25, "with the count, as the workflow saw it"
    assert given.timings["finish"] > 0
    assert given.wall_seconds > 0


async def test_a_lost_snapshot_begins_a_new_load_and_reads_every_batch_again(stand_ins: StandIns) -> None:
    async def gone(given: Any) -> None:
        if given.snapshot.epoch == 1 and given.span.first == 3:
            raise refusal("SnapshotGone")

    stand_ins.hooks["extract_batches"] = gone
    async with stand_ins.serving():
        table = await start(stand_ins)
        await until(lambda: 3 in extracted(stand_ins))
        await table.signal(TableMigration.read_under, snapshot(2))
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.rows, result.copies) == (TableStatus.COMPLETED, 6, 2)
    anew = [given for given in stand_ins.of("extract_batches") if given.snapshot.epoch == 2]
    assert sorted(given.span.first for given in anew) == list(range(6))
    assert {given.token for given in anew} == {stand_ins.of("begin_load")[-1].token} == {"1.1.2.0"}
    assert stand_ins.of("validate_table")[-1].changed == {"c": {"characters": 6}}


async def test_a_snapshot_whose_rows_the_source_threw_away_parks_and_a_retry_reads_anew(stand_ins: StandIns) -> None:
    async def expired(given: Any) -> None:
        if given.snapshot.epoch == 1 and given.span.first == 3:
            raise refusal("SnapshotExpired", "raise UNDO_RETENTION")

    stand_ins.hooks["extract_batches"] = expired
    async with stand_ins.serving():
        parked = await asyncio.wait_for((await start(stand_ins)).result(), SECONDS)
        assert (parked.status, parked.message, parked.copies) == (TableStatus.PARKED, "raise UNDO_RETENTION", 1)
        assert parked.state is not None
        stand_ins.calls.clear()
        carried = parked.state.model_dump(exclude={"job_id", "run", "generation", "options", "workflow_priority"})
        again = await start(stand_ins, **carried)
        await until(lambda: not extracted(stand_ins))
        await again.signal(TableMigration.read_under, snapshot(2))
        result = await asyncio.wait_for(again.result(), SECONDS)
    assert (result.status, result.rows, result.snapshot_epoch) == (TableStatus.COMPLETED, 6, 2)
    assert {given.snapshot.epoch for given in stand_ins.of("extract_batches")} == {2}


async def test_a_newer_snapshot_counts_before_the_old_one_is_missed(stand_ins: StandIns) -> None:
    held = asyncio.Event()

    async def hold(given: Any) -> None:
        await held.wait()

    stand_ins.hooks["extract_batches"] = hold
    async with stand_ins.serving():
        table = await start(stand_ins)
        await until(lambda: extracted(stand_ins))
        await table.signal(TableMigration.read_under, snapshot(2))
        held.set()
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.snapshot_epoch, result.copies, result.rows) == (2, 2, 6)


async def test_a_table_is_cancelled_while_a_pause_is_stopping_its_batch(stand_ins: StandIns) -> None:
    told, closed = asyncio.Event(), asyncio.Event()

    async def slow_to_stop(given: Any) -> None:
        try:
            await beating_until_stopped(given)
        except asyncio.CancelledError:
            told.set()
            await closed.wait()
            raise

    stand_ins.hooks["extract_batches"] = slow_to_stop
    async with stand_ins.serving():
        table = await start(stand_ins)
        await until(lambda: extracted(stand_ins))
        await table.signal(TableMigration.pause)
        await asyncio.wait_for(told.wait(), SECONDS)
        await table.cancel()
        await asyncio.sleep(0.5)
        closed.set()
        with pytest.raises(WorkflowFailureError) as failure:
            await asyncio.wait_for(table.result(), SECONDS)
    assert isinstance(failure.value.cause, CancelledError)


async def test_a_batch_that_fails_because_a_pause_stops_it_is_done_again_and_parks_nothing(stand_ins: StandIns) -> None:
    told = asyncio.Event()

    async def fail_when_stopped(given: Any) -> None:
        try:
            await beating_until_stopped(given)
        except asyncio.CancelledError:
            told.set()
            raise ApplicationError("cancelled on the server", type="Contended") from None

    stand_ins.hooks["load_batches"] = fail_when_stopped
    async with stand_ins.serving():
        table = await start(stand_ins)
        await until(lambda: stand_ins.of("load_batches"))
        await table.signal(TableMigration.pause)
        await asyncio.wait_for(told.wait(), SECONDS)
        stand_ins.hooks.clear()
        await table.signal(TableMigration.resume)
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.rows) == (TableStatus.COMPLETED, 6)


async def test_a_staged_batch_that_is_gone_is_extracted_again(stand_ins: StandIns) -> None:
    async def gone_once(given: Any) -> None:
        if given.batches[0].number == 2 and extracted(stand_ins).count(2) == 1:
            raise refusal("StagedBatchGone")

    stand_ins.hooks["load_batches"] = gone_once
    async with stand_ins.serving():
        result = await asyncio.wait_for((await start(stand_ins)).result(), SECONDS)
    assert (result.status, result.rows) == (TableStatus.COMPLETED, 6)
    assert sorted(extracted(stand_ins)) == [0, 1, 2, 2, 3, 4, 5]
    assert stand_ins.of("validate_table")[-1].changed == {"c": {"characters": 6}}


async def test_batches_are_extracted_while_others_are_loaded_but_not_too_far_ahead(stand_ins: StandIns) -> None:
    held = asyncio.Event()

    async def hold(given: Any) -> None:
        await held.wait()

    stand_ins.hooks["load_batches"] = hold
    async with stand_ins.serving():
        table = await start(stand_ins)
        await until(lambda: len(extracted(stand_ins)) == 4)
        await until(lambda: len(stand_ins.of("load_batches")) == 2)
        await asyncio.sleep(0.5)
        assert (len(extracted(stand_ins)), len(stand_ins.of("load_batches"))) == (4, 2)
        held.set()
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.rows) == (TableStatus.COMPLETED, 6)


async def test_rows_are_extracted_while_the_load_begins_and_loaded_only_after(stand_ins: StandIns) -> None:
    begun = asyncio.Event()

    async def hold(given: Any) -> None:
        await begun.wait()

    stand_ins.hooks["begin_load"] = hold
    async with stand_ins.serving():
        table = await start(stand_ins)
        await until(lambda: len(extracted(stand_ins)) >= 2)
        await asyncio.sleep(0.3)
        assert stand_ins.of("load_batches") == []
        begun.set()
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.rows) == (TableStatus.COMPLETED, 6)


async def test_a_load_that_cannot_begin_parks_the_table_though_batches_wait_for_it(stand_ins: StandIns) -> None:
    async def refuse(given: Any) -> None:
        await until(lambda: len(extracted(stand_ins)) >= 2)
        raise refusal("AccessDenied")

    stand_ins.hooks["begin_load"] = refuse
    async with stand_ins.serving():
        result = await asyncio.wait_for((await start(stand_ins, entry=entry(batches=2))).result(), SECONDS)
    assert result.status == TableStatus.PARKED
    assert result.state is not None
    assert [span.first for span in result.state.unfinished] == [0, 1]


async def test_no_stage_takes_more_batches_at_once_than_the_job_allows(stand_ins: StandIns) -> None:
    now, most = 0, 0

    async def count(given: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1

    stand_ins.hooks["extract_batches"] = count
    async with stand_ins.serving():
        await asyncio.wait_for((await start(stand_ins)).result(), SECONDS)
    assert most == 2


async def test_a_small_table_is_counted_as_it_is_extracted_and_builds_nothing_where_there_is_nothing(
    stand_ins: StandIns,
) -> None:
    small = entry(batches=3, batches_per_activity=3, builds_after_load=False)
    async with stand_ins.serving():
        result = await asyncio.wait_for((await start(stand_ins, entry=small)).result(), SECONDS)
    assert (result.status, result.rows) == (TableStatus.COMPLETED, 3)
    assert [given.count for given in stand_ins.of("extract_batches")] == [True]
    assert stand_ins.of("validate_table")[0].counted_rows == 3
    assert (stand_ins.of("count_source"), stand_ins.of("finish_table")) == ([], [])


async def test_a_large_table_is_counted_once_and_by_itself(stand_ins: StandIns) -> None:
    async with stand_ins.serving():
        await asyncio.wait_for((await start(stand_ins)).result(), SECONDS)
    assert not any(given.count for given in stand_ins.of("extract_batches"))
    assert len(stand_ins.of("count_source")) == 1
