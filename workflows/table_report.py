"""A table's progress in numbers and in words."""

from __future__ import annotations

from datetime import datetime

from core.models import TableResult, TableRun
from core.progress import TableProgress, TableStatus


def estimate(state: TableRun, stage: str, now: datetime) -> TableProgress:
    """Progress with rate and remaining time. The rate counts from the table's start, pauses included."""
    elapsed = (now - state.started_at).total_seconds() if state.started_at else 0.0
    rate = state.extracted.rows / elapsed if elapsed > 0 else 0.0
    left = state.entry.batches - state.batches_done
    eta = elapsed / state.batches_done * left if state.batches_done else None
    return TableProgress(
        table_id=state.entry.table_id,
        name=state.entry.name,
        status=TableStatus.RUNNING,
        stage=f"paused ({stage})" if state.paused else stage,
        batches=state.entry.batches,
        batches_done=state.batches_done,
        estimated_rows=state.entry.estimated_rows,
        rows=state.extracted.rows,
        bytes=state.bytes_done,
        rows_per_second=rate,
        eta_seconds=eta,
        copies=state.copy_number,
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
    return f"**{progress.name}**: {progress.stage}. {done}{rejected}, {progress.rows_per_second:,.0f} rows/s"
