"""The gate that every activity of a table or job passes: closed while paused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import outcomes
from workflows.activity_options import PAUSE_GRACE

Result = TypeVar("Result")


class StageGate:
    """Starts activities only while open. Closing lets those in flight finish for a grace, then stops them; what was
    stopped is done again after opening."""

    def __init__(self, *, closed: bool) -> None:
        self.closed = closed
        self._running: dict[int, workflow.ActivityHandle[Any]] = {}
        self._stopped: set[int] = set()
        self._started = 0

    async def run(self, start: Callable[[], workflow.ActivityHandle[Result]]) -> Result:
        """The result of an activity that `start` starts, again where a pause stopped it. Raises ActivityError, and
        CancelledError where the caller was cancelled while the activity ended."""
        while True:
            await workflow.wait_condition(lambda: not self.closed)
            self._started += 1
            number, handle = self._started, start()
            self._running[number] = handle
            try:
                result = await handle
            except ActivityError as error:
                if number not in self._stopped or not outcomes.cancelled(error) or _is_cancelled():
                    raise
            else:
                if _is_cancelled():  # an activity that ends well in spite of it hides the cancellation from who waits
                    raise asyncio.CancelledError
                return result
            finally:
                self._running.pop(number, None)
                self._stopped.discard(number)

    async def close(self) -> None:
        """Closes and returns when nothing runs any more."""
        self.closed = True
        try:
            await workflow.wait_condition(lambda: not self._running or not self.closed, timeout=PAUSE_GRACE)
        except TimeoutError:
            self._stop_running()
        await workflow.wait_condition(lambda: not self._running or not self.closed)

    def open(self) -> None:
        """Lets waiting and stopped work go on."""
        self.closed = False

    def _stop_running(self) -> None:
        for number, handle in self._running.items():
            self._stopped.add(number)
            handle.cancel()


def _is_cancelled() -> bool:
    """The caller itself is being cancelled: a cancellation that meets a pause is delivered but once, and to both."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
