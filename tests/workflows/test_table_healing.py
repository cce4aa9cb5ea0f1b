"""What a table does with the rows it has when its snapshot is lost or its proof fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.healing import Comparison, Healing
from core.models import TableResult
from core.progress import TableStatus
from core.schema import Digest
from core.stage_models import BatchSpan
from tests.workflows.stand_ins import StandIns, entry, refusal, snapshot, until
from tests.workflows.test_table_migration import SECONDS, start
from workflows.table_migration import TableMigration

KEYED = entry(batches=6, keyed=True)
HALF_DONE: dict[str, Any] = {
    "entry": KEYED,
    "next_batch": 4,
    "unfinished": [BatchSpan(first=3, count=1)],
    "batches_done": 3,
    "load": {"load": 1, "rows_before": 0, "emptied": False},
}


def numbers(stand_ins: StandIns, repair: str | None) -> list[int]:
    return sorted(given.span.first for given in stand_ins.of("extract_batches") if given.repair == repair)


def epochs(stand_ins: StandIns) -> set[int]:
    return {given.snapshot.epoch for given in stand_ins.of("extract_batches")}


async def lose(stand_ins: StandIns, **state: Any) -> TableResult:
    """The table runs under snapshot 1, which is gone; snapshot 2 is told as soon as that is noticed."""

    async def gone(given: Any) -> None:
        if given.snapshot.epoch == 1:
            raise refusal("SnapshotGone")

    stand_ins.hooks["extract_batches"] = gone
    async with stand_ins.serving():
        table = await start(stand_ins, **{**HALF_DONE, **state})
        await until(lambda: stand_ins.of("extract_batches"))
        await table.signal(TableMigration.read_under, snapshot(2))
        return await asyncio.wait_for(table.result(), SECONDS)


async def test_loaded_rows_stay_and_what_differs_from_the_new_moment_is_loaded_in_their_place(
    stand_ins: StandIns,
) -> None:
    result = await lose(stand_ins)
    assert (result.status, result.copies, result.snapshot_epoch) == (TableStatus.COMPLETED, 1, 2)
    (compared,) = stand_ins.of("compare_table")
    assert compared.snapshot.epoch == 2
    assert 3 in compared.abandoned, "nobody may load it any more under the old moment"
    assert compared.next_batch > max(compared.abandoned)
    repair = f"repair-{compared.next_batch}"
    assert numbers(stand_ins, repair) == [compared.next_batch, compared.next_batch + 1]
    assert {given.load for given in stand_ins.of("load_batches")} == {1}
    assert stand_ins.of("begin_load") == []
    proof = stand_ins.of("validate_table")[-1]
    assert (proof.extracted.rows, proof.extracted.total) == (100, "7"), "as the comparison read the source"
    assert [(healed.cause, healed.snapshot_epoch, healed.changed) for healed in proof.healed] == [("snapshot", 2, 4)]
    assert stand_ins.of("count_source")[-1].snapshot.epoch == 2


async def test_keys_are_built_before_both_sides_are_compared(stand_ins: StandIns) -> None:
    await lose(stand_ins)
    called = [name for name, _ in stand_ins.calls]
    assert called.index("finish_table") < called.index("compare_table")


async def test_a_retry_after_the_source_threw_old_rows_away_keeps_what_was_loaded(stand_ins: StandIns) -> None:
    async with stand_ins.serving():
        expired = {**HALF_DONE, "snapshot_expired": True, "newer_snapshot": snapshot(2)}
        result = await asyncio.wait_for((await start(stand_ins, **expired)).result(), SECONDS)
    assert (result.status, result.copies, result.snapshot_epoch) == (TableStatus.COMPLETED, 1, 2)
    assert len(stand_ins.of("compare_table")) == 1
    assert numbers(stand_ins, None) == []


@pytest.mark.parametrize(
    "state",
    [
        {"entry": entry(batches=6)},
        {"entry": entry(batches=60, keyed=True)},
        {"load": {"load": 1, "rows_before": 5, "emptied": False}},
    ],
    ids=["no key", "hardly begun", "rows of others"],
)
async def test_other_tables_are_copied_again_as_a_whole(stand_ins: StandIns, state: dict[str, Any]) -> None:
    result = await lose(stand_ins, **state)
    assert (result.status, result.copies) == (TableStatus.COMPLETED, 2)
    assert stand_ins.of("compare_table") == []
    assert len(stand_ins.of("begin_load")) == 1
    assert stand_ins.of("validate_table")[-1].healed == []


async def test_a_snapshot_that_is_lost_while_rows_are_healed_is_healed_again(stand_ins: StandIns) -> None:
    async def gone(given: Any) -> None:
        if given.snapshot.epoch < 3:
            raise refusal("SnapshotGone")

    stand_ins.hooks["extract_batches"] = gone
    async with stand_ins.serving():
        table = await start(stand_ins, **HALF_DONE)
        await until(lambda: epochs(stand_ins) >= {1})
        await table.signal(TableMigration.read_under, snapshot(2))
        await until(lambda: epochs(stand_ins) >= {1, 2})
        await table.signal(TableMigration.read_under, snapshot(3))
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.copies, result.snapshot_epoch) == (TableStatus.COMPLETED, 1, 3)
    earlier, later = stand_ins.of("compare_table")
    assert later.next_batch > earlier.next_batch
    assert set(later.abandoned) & {earlier.next_batch, earlier.next_batch + 1}
    assert len(stand_ins.of("validate_table")[-1].healed) == 1


async def test_rows_that_break_a_key_between_two_moments_make_the_table_be_copied_again(stand_ins: StandIns) -> None:
    async def refuse(given: Any) -> None:
        if given.repair is not None:
            raise refusal("DataRejected")

    stand_ins.hooks["load_batches"] = refuse
    result = await lose(stand_ins)
    assert (result.status, result.copies, result.rows) == (TableStatus.COMPLETED, 2, 6)


async def test_a_proof_that_fails_heals_and_proves_again(stand_ins: StandIns) -> None:
    stand_ins.failing_proofs = 1
    async with stand_ins.serving():
        table = await start(stand_ins, entry=entry(batches=6, keyed=True, heal=True))
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.proved, result.copies) == (TableStatus.COMPLETED, True, 1)
    assert [(given.heal, given.snapshot.epoch) for given in stand_ins.of("compare_table")] == [(True, 1)]
    first, second = stand_ins.of("validate_table")
    assert (first.heals, first.healed) == (True, [])
    assert [healed.cause for healed in second.healed] == ["difference"]


async def test_a_table_without_a_key_is_emptied_and_copied_again(stand_ins: StandIns) -> None:
    stand_ins.failing_proofs = 1
    async with stand_ins.serving():
        table = await start(stand_ins, entry=entry(batches=6, heal=True))
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert (result.status, result.copies, result.rows) == (TableStatus.COMPLETED, 2, 6)
    begun = stand_ins.of("begin_load")
    assert [given.empties for given in begun] == [False, True]
    assert begun[0].token != begun[1].token


async def test_a_difference_that_comes_back_fails_the_table_at_last(stand_ins: StandIns) -> None:
    stand_ins.failing_proofs = 9
    async with stand_ins.serving():
        table = await start(stand_ins, entry=entry(batches=6, keyed=True, heal=True))
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert result.status == TableStatus.FAILED
    assert result.message.startswith("differs; healed 2 times, and it differs again")
    assert [given.heals for given in stand_ins.of("validate_table")] == [True, True, False]


async def test_a_table_that_held_other_rows_is_not_healed_and_says_why(stand_ins: StandIns) -> None:
    stand_ins.failing_proofs = 1
    async with stand_ins.serving():
        load = {"load": 1, "rows_before": 5, "emptied": False}
        table = await start(stand_ins, entry=entry(batches=6, keyed=True, heal=True), load=load)
        result = await asyncio.wait_for(table.result(), SECONDS)
    assert result.status == TableStatus.FAILED
    assert "not healed: the table held 5 rows before the job" in result.message
    assert stand_ins.of("compare_table") == []


async def test_a_comparison_that_cannot_be_made_copies_the_table_again(stand_ins: StandIns) -> None:
    stand_ins.comparable = False
    result = await lose(stand_ins)
    assert (result.status, result.copies, result.rows) == (TableStatus.COMPLETED, 2, 6)
    assert len(stand_ins.of("compare_table")) == 1


def healing_half_way() -> dict[str, Any]:
    """What continue-as-new, or a retry after parking, begins with in the middle of a repair of four batches."""
    found = Comparison(
        comparable=True, source=Digest(rows=100, total="7"), changed=4, repair="repair-6", first=6, batches=4
    )
    healing = Healing(stale=True, repair="repair-6", found=found, batches_end=10, losses=1)
    return {**HALF_DONE, "snapshot": snapshot(2), "healing": healing, "next_batch": 9, "batches_done": 5}


async def test_a_table_that_continues_as_new_while_it_is_healed_goes_on_with_the_rest_of_the_repair(
    stand_ins: StandIns,
) -> None:
    async with stand_ins.serving():
        state = {**healing_half_way(), "unfinished": [BatchSpan(first=8, count=1)]}
        result = await asyncio.wait_for((await start(stand_ins, **state)).result(), SECONDS)
    assert (result.status, result.copies, result.snapshot_epoch) == (TableStatus.COMPLETED, 1, 2)
    assert (numbers(stand_ins, "repair-6"), numbers(stand_ins, None)) == ([8, 9], [])
    assert stand_ins.of("compare_table") == stand_ins.of("begin_load") == []
    proof = stand_ins.of("validate_table")[-1]
    assert (proof.extracted.rows, [healed.changed for healed in proof.healed]) == (100, [4])
    assert proof.batches_end == 10, "a replay's number must be beyond those of the repair"


async def test_a_table_that_parks_while_it_is_healed_is_healed_on_by_its_retry(stand_ins: StandIns) -> None:
    async def full(given: Any) -> None:
        raise refusal("OutOfSpace")

    stand_ins.hooks["load_batches"] = full
    async with stand_ins.serving():
        parked = await asyncio.wait_for(
            (await start(stand_ins, **{**healing_half_way(), "unfinished": []})).result(), SECONDS
        )
        assert parked.state is not None
        assert parked.status == TableStatus.PARKED
        stand_ins.hooks.clear()
        stand_ins.calls.clear()
        again = await stand_ins.client.start_workflow(
            TableMigration.run, parked.state, id=f"{stand_ins.prefix}/t1", task_queue=f"{stand_ins.prefix}-control"
        )
        result = await asyncio.wait_for(again.result(), SECONDS)
    assert (result.status, numbers(stand_ins, "repair-6")) == (TableStatus.COMPLETED, [9])
    assert len(stand_ins.of("validate_table")[-1].healed) == 1
