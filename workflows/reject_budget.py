"""How many rows of a table may still be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from core.models import TableRun
    from core.stage_models import LoadedBatches, LoadInput, StagedBatches, TransformInput
    from workflows import outcomes

Given = TypeVar("Given", TransformInput, LoadInput)
Answer = TypeVar("Answer", StagedBatches, LoadedBatches)


class RejectBudget:
    """Batches are tried as they are; one that is refused is tried again without the rows that do not fit, one batch
    activity at a time, so that together they never leave out more than `maxRejects`."""

    def __init__(self, state: TableRun) -> None:
        self._state = state
        self._lock = asyncio.Lock()
        self._staged: dict[int, int] = {}
        """By batch: rows that the transform stage left out of batches that are not loaded yet."""

    async def spend(
        self, given: Given, perform: Callable[[Given], Awaitable[Answer]], take: Callable[[Answer], None]
    ) -> Answer:
        """The activity's result, taken in before anything else may be left out."""
        try:
            result = await perform(given)
            take(result)
            return result
        except ActivityError as error:
            if outcomes.kind(error) != "DataRejected":
                raise
        await workflow.wait_condition(lambda: self._state.load is not None)
        async with self._lock:
            load = self._state.load.load if self._state.load is not None else 0
            result = await perform(given.model_copy(update={"allowed_rejects": max(0, self._left), "load": load}))
            take(result)
            return result

    def reserve(self, staged: StagedBatches) -> None:
        """What the transform stage left out counts before it is loaded."""
        for batch in staged.batches:
            self._staged.pop(batch.number, None)
            if batch.rejected:
                self._staged[batch.number] = batch.rejected

    def settle(self, staged: StagedBatches, rejected: int) -> None:
        """The batches are in the ledger, without so many rows."""
        for batch in staged.batches:
            self._staged.pop(batch.number, None)
        self._state.rejected += rejected

    def begin_again(self) -> None:
        """All rows are read anew."""
        self._staged.clear()
        self._state.rejected = 0

    @property
    def _left(self) -> int:
        return self._state.options.max_rejects - self._state.rejected - sum(self._staged.values())
