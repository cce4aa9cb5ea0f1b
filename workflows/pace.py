"""A table's pace: its extracts take turns so that its part of the job's rates is kept over all workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from core.limits import TableLimits
    from core.models import TableEntry
    from core.stage_models import BatchSpan, StagedBatches
    from workflows.token_bucket import TokenBucket

STEP_SECONDS = 2.0
"""One activity takes what its table may read in this time, but at least one batch."""
SHORTEST_WAIT_SECONDS = 0.1


@dataclass(frozen=True)
class Amount:
    """Rows and bytes that are read."""

    rows: float
    bytes: float


class Pace:
    """Durable timers between extracts. Without rates it costs nothing."""

    def __init__(self, entry: TableEntry, limits: TableLimits) -> None:
        now = _now()
        self._batch = Amount(
            entry.estimated_rows / max(entry.batches, 1), entry.estimated_bytes / max(entry.batches, 1)
        )
        self._limits = limits
        self._rows = TokenBucket(limits.rows_per_second, now)
        self._bytes = TokenBucket(limits.bytes_per_second, now)
        self._turn = asyncio.Lock()
        self._changes = 0

    def limit(self, limits: TableLimits) -> None:
        """Other rates hold; who waits counts anew."""
        now = _now()
        self._limits = limits
        self._rows.change(limits.rows_per_second, now)
        self._bytes.change(limits.bytes_per_second, now)
        self._changes += 1

    @property
    def limited(self) -> bool:
        """A rate holds."""
        return self._limits.rows_per_second is not None or self._limits.bytes_per_second is not None

    @property
    def most_batches(self) -> int | None:
        """How many batches one activity may take; None: as many as were planned."""
        steps = [
            rate * STEP_SECONDS / size
            for rate, size in (
                (self._limits.rows_per_second, self._batch.rows),
                (self._limits.bytes_per_second, self._batch.bytes),
            )
            if rate is not None and size > 0
        ]
        return max(1, int(min(steps))) if steps else None

    async def extracting(self, span: BatchSpan, extract: Callable[[], Awaitable[StagedBatches]]) -> StagedBatches:
        """Extracts when its turn has come. What it was expected to read is owed at once, so that extracts
        that run side by side keep the rate together; what it read is known afterwards."""
        expected = Amount(self._batch.rows * span.count, self._batch.bytes * span.count)
        async with self._turn:
            await self.wait()
            self._spend(expected.rows, expected.bytes)
        staged = await extract()
        rows = sum(batch.digest.rows for batch in staged.batches)
        self._spend(rows - expected.rows, sum(batch.bytes for batch in staged.batches) - expected.bytes)
        return staged

    async def wait(self) -> None:
        """Returns when nothing is owed."""
        while (seconds := max(self._rows.seconds_to_wait(_now()), self._bytes.seconds_to_wait(_now()))) > 0:
            known = self._changes
            try:
                await workflow.wait_condition(
                    lambda known=known: self._changes != known,  # type: ignore[misc]
                    timeout=max(seconds, SHORTEST_WAIT_SECONDS),
                    timeout_summary="keeps the job's rates",
                )
            except TimeoutError:
                continue

    def _spend(self, rows: float, size: float) -> None:
        self._rows.spend(rows, _now())
        self._bytes.spend(size, _now())


def _now() -> float:
    return workflow.now().timestamp()
