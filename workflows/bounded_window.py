"""A window of work in flight: at most so many at once, drained before a workflow continues as new."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow


class BoundedWindow:
    """Runs coroutines as tasks of the workflow, `size` at most. The first failure stops further submissions."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def submit(self, work: Coroutine[Any, Any, None]) -> None:
        """Waits for a free place, then starts the work. Raises the failure of an earlier one instead."""
        try:
            await workflow.wait_condition(lambda: len(self._tasks) < self.size or self._failure is not None)
            self._raise_failure()
        except BaseException:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def drain(self) -> None:
        """Waits until nothing runs. Raises the first failure at once: others may wait for what has failed."""
        await workflow.wait_condition(lambda: not self._tasks or self._failure is not None)
        self._raise_failure()

    async def abandon(self) -> None:
        """Cancels what runs and waits until it has stopped; failures no longer matter."""
        for task in self._tasks:
            task.cancel()
        await workflow.wait_condition(lambda: not self._tasks)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None and self._failure is None:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
