"""What a table keeps of its rows when they are not of one moment, or not as they should be. Changes the table's state;
does nothing else."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from core.healing import CompareInput, Comparison, HealedRows, Healing
    from core.models import TableRun
    from core.schema import Digest

LEAST_SHARE = 0.1
"""Of the batches must be loaded, or copying them again costs less than comparing."""
MOST_COPIES = 10
"""A source whose readers lose every snapshot (behind a load balancer, for example) parks the table at last."""
MOST_ROUNDS = 2
"""What differs again after so many heals is changed by somebody all the time."""


def batches_end(state: TableRun) -> int:
    """All batches to load have lower numbers."""
    return state.entry.batches if state.healing.batches_end is None else state.healing.batches_end


def reads_anew(state: TableRun, kind: str) -> bool:
    """After a failure: under a new snapshot, without an operator. Where it may not, his retry must not meet the old one
    again."""
    if kind not in ("SnapshotGone", "SnapshotExpired"):
        return False
    again = kind == "SnapshotGone" and state.copy_number + state.healing.losses < MOST_COPIES
    state.snapshot_expired = not again and state.snapshot is not None
    return again


def keeps_rows(state: TableRun) -> bool:
    """After the loss of a snapshot: the rows that are loaded stay, to be compared with the new moment."""
    loaded = state.healing.stale or state.batches_done >= max(1, LEAST_SHARE * state.entry.batches)
    return _comparable(state) and loaded


def keep(state: TableRun) -> None:
    """No batch of the plan is read any more: what is missing comes with what has changed, by key."""
    healing = state.healing
    healing.losses += 1
    _set_aside(state)
    if not healing.stale:
        healing.stale, healing.cause = True, "snapshot"
    state.snapshot, state.counted_rows, state.source_read = state.newer_snapshot, None, False


def forget(state: TableRun) -> None:
    """All rows are copied again, into a new load that takes away the old one first."""
    state.copy_number += 1
    state.load, state.next_batch = None, 0
    state.unfinished, state.counted_rows, state.changed = [], None, {}
    state.extracted, state.batches_done, state.bytes_done, state.bounds = Digest(), 0, 0, None
    healing = state.healing
    empties = healing.empties or (healing.stale and healing.cause == "difference")
    state.healing = Healing(rounds=healing.rounds, losses=healing.losses, empties=empties)
    state.source_read = False


def comparison(state: TableRun) -> CompareInput:
    """What to compare."""
    assert state.load is not None
    return CompareInput(
        route=state.entry.route,
        load=state.load.load,
        snapshot=state.snapshot,
        abandoned=state.healing.abandoned,
        next_batch=batches_end(state),
        digests=state.options.validation == "checksum",
        heal=state.entry.heal,
    )


def take_up(state: TableRun, found: Comparison) -> None:
    """The batches to load next are those that the comparison found."""
    healing = state.healing
    healing.found, healing.repair, healing.abandoned = found, found.repair, []
    state.next_batch, healing.batches_end = found.first, found.first + found.batches


def finish(state: TableRun) -> None:
    """The destination is what the comparison saw at the source."""
    healing = state.healing
    found = healing.found
    assert found is not None
    state.extracted = found.source
    healing.done.append(
        HealedRows(
            cause=healing.cause,
            snapshot_epoch=state.snapshot.epoch if state.snapshot else None,
            missing=found.missing,
            extra=found.extra,
            changed=found.changed,
            batches=found.batches,
            evidence=found.evidence,
        )
    )
    healing.stale, healing.repair, healing.found = False, None, None


def heals(state: TableRun) -> bool:
    """A difference that the next proof finds is going to be healed."""
    alone = state.load is not None and state.load.rows_before == 0
    return state.entry.heal and alone and state.healing.rounds < MOST_ROUNDS


def verdict(state: TableRun, difference: str) -> str:
    """What a proof found in the end, and why it was not healed where the job wants it to be."""
    if not state.entry.heal or state.load is None:
        return difference
    if state.load.rows_before:
        why = f"the table held {state.load.rows_before} rows before the job, which nobody can tell from extra ones"
        return f"{difference}; not healed: {why}"
    return f"{difference}; healed {state.healing.rounds} times, and it differs again: does somebody write there?"


def heal(state: TableRun) -> bool:
    """After a proof that failed: what differs is loaded anew by key, or else (True) the whole table is."""
    healing = state.healing
    healing.rounds += 1
    if _comparable(state):
        _set_aside(state)
        healing.stale, healing.cause = True, "difference"
        state.counted_rows, state.source_read = None, False
        return False
    healing.empties = True
    return True


def _comparable(state: TableRun) -> bool:
    alone = state.load is not None and state.load.rows_before == 0
    return state.entry.keyed and not state.entry.incremental and alone and not state.rejected


def _set_aside(state: TableRun) -> None:
    healing = state.healing
    healing.abandoned += [span.first + at for span in state.unfinished for at in range(span.count)]
    healing.batches_end, healing.repair, healing.found = state.next_batch, None, None
    state.unfinished = []
