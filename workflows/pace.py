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

STEP_SECONDS = 0.5
"""One activity takes what its table may read in this time, but at least one batch."""
SHORTEST_WAIT_SECONDS = 0.1


@dataclass(frozen=True)
class Amount:
    """Rows and bytes that are read."""

    rows: float
    bytes: float


class Meter:
    """What passes one end: is read from the source, or is loaded into the destination."""

    def __init__(self, limits: TableLimits) -> None:
        now = _now()
        self._rows = TokenBucket(limits.rows_per_second, now)
        self._bytes = TokenBucket(limits.bytes_per_second, now)
        self.turn = asyncio.Lock()

    def change(self, limits: TableLimits) -> None:
        """Other rates hold."""
        now = _now()
        self._rows.change(limits.rows_per_second, now)
        self._bytes.change(limits.bytes_per_second, now)

    def spend(self, rows: float, size: float) -> None:
        """So much passes; less than nothing gives back what was expected too much."""
        now = _now()
        self._rows.spend(rows, now)
        self._bytes.spend(size, now)

    def seconds_to_wait(self) -> float:
        """Until nothing is owed."""
        now = _now()
        return max(self._rows.seconds_to_wait(now), self._bytes.seconds_to_wait(now))


class Pace:
    """Durable timers between extracts, and between loads: what was held up on its way does not come in one burst.
    Without rates it costs nothing."""

    def __init__(self, entry: TableEntry, limits: TableLimits) -> None:
        self._batch = Amount(
            entry.estimated_rows / max(entry.batches, 1), entry.estimated_bytes / max(entry.batches, 1)
        )
        self._limits = limits
        self._read, self._loaded = Meter(limits), Meter(limits)
        self._changes = 0

    def limit(self, limits: TableLimits) -> None:
        """Other rates hold; who waits counts anew."""
        self._limits = limits
        self._read.change(limits)
        self._loaded.change(limits)
        self._changes += 1

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
        async with self._read.turn:
            await self._paid(self._read)
            self._read.spend(expected.rows, expected.bytes)
        staged = await extract()
        found = _amount(staged)
        self._read.spend(found.rows - expected.rows, found.bytes - expected.bytes)
        return staged

    async def before_loading(self, staged: StagedBatches) -> None:
        """Returns when the destination's turn has come."""
        found = _amount(staged)
        async with self._loaded.turn:
            await self._paid(self._loaded)
            self._loaded.spend(found.rows, found.bytes)

    async def wait(self) -> None:
        """Returns when nothing is owed for what was read."""
        await self._paid(self._read)

    async def _paid(self, meter: Meter) -> None:
        while (seconds := meter.seconds_to_wait()) > 0:
            known = self._changes
            try:
                await workflow.wait_condition(
                    lambda known=known: self._changes != known,  # type: ignore[misc]
                    timeout=max(seconds, SHORTEST_WAIT_SECONDS),
                    timeout_summary="keeps the job's rates",
                )
            except TimeoutError:
                continue


def _amount(staged: StagedBatches) -> Amount:
    return Amount(sum(batch.digest.rows for batch in staged.batches), sum(batch.bytes for batch in staged.batches))


def _now() -> float:
    return workflow.now().timestamp()
