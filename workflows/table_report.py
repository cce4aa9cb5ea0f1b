"""What a table's workflow says of its state: progress in numbers and in words, what to prove, how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.models import TableResult, TableRun
from core.progress import TableProgress, TableStatus
from core.stage_models import BatchSpan, ValidateInput
from workflows import table_healing


def estimate(state: TableRun, stage: str, now: datetime) -> TableProgress:
    """Progress with rate and remaining time. The rate counts from the table's start, pauses included."""
    elapsed = (now - state.started_at).total_seconds() if state.started_at else 0.0
    rate = state.extracted.rows / elapsed if elapsed > 0 else 0.0
    left = table_healing.batches_end(state) - state.batches_done
    if state.healing.batches_end is not None:
        left = table_healing.batches_end(state) - state.next_batch + sum(span.count for span in state.unfinished)
    eta = elapsed / state.batches_done * left if state.batches_done else None
    return TableProgress(
        table_id=state.entry.table_id,
        name=state.entry.name,
        status=TableStatus.RUNNING,
        stage=f"paused ({stage})" if state.paused else stage,
        batches=state.batches_done + left,
        batches_done=state.batches_done,
        estimated_rows=state.entry.estimated_rows,
        rows=state.extracted.rows,
        bytes=state.bytes_done,
        rows_per_second=rate,
        eta_seconds=eta,
        copies=state.copy_number,
        message="" if state.source_read else state.pressure.in_words(),
        timings=state.timings,
        wall_seconds=elapsed,
        rejected=state.rejected,
    )


def result_of(state: TableRun, status: TableStatus, message: str, now: datetime) -> TableResult:
    """How the table's child ends."""
    return TableResult(
        table_id=state.entry.table_id,
        status=status,
        rows=state.extracted.rows,
        bytes=state.bytes_done,
        batches=state.batches_done,
        message=message,
        copies=state.copy_number,
        snapshot_epoch=state.snapshot.epoch if state.snapshot else None,
        finished_at=now,
        rejected=state.rejected,
    )


def describe(progress: TableProgress) -> str:
    """Markdown for Temporal's UI."""
    done = f"{progress.batches_done} of {progress.batches} batches, {progress.rows:,} rows"
    rejected = f", {progress.rejected:,} rejected" if progress.rejected else ""
    slower = f"\n\n{progress.message}" if progress.message else ""
    return f"**{progress.name}**: {progress.stage}. {done}{rejected}, {progress.rows_per_second:,.0f} rows/s{slower}"


def named(span: BatchSpan) -> str:
    """The batches, for people."""
    if span.count == 1:
        return f"batch {span.first}"
    return f"batches {span.first} to {span.first + span.count - 1}"


def proof_input(state: TableRun, now: datetime) -> ValidateInput:
    """What the destination must hold."""
    assert state.load is not None
    assert state.started_at is not None
    return ValidateInput(
        route=state.entry.route,
        extracted=state.extracted,
        counted_rows=state.counted_rows,
        begun=state.load,
        mode=state.options.validation,
        snapshot=state.snapshot,
        copies=state.copy_number,
        timings=state.timings,
        wall_seconds=(now - state.started_at) / timedelta(seconds=1),
        changed=state.changed,
        bounds=state.bounds,
        healed=state.healing.done,
        heals=table_healing.heals(state),
        rejected=state.rejected,
        batches_end=table_healing.batches_end(state),
        max_rejects=state.options.max_rejects,
    )
