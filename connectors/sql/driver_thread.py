"""Runs a blocking driver's calls on a thread of their own, so that heartbeats go on and statements can be ended."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from core.stopwatch import computing

P = ParamSpec("P")
T = TypeVar("T")

INTERRUPT_SECONDS = 30.0
"""A driver that does not come back after its statement was cancelled is left behind."""


class DriverThread:
    """One thread for one session: drivers forbid two calls at once, and some (SQLite) another thread at all."""

    def __init__(self, name: str, interrupt: Callable[[], None]) -> None:
        """`interrupt` is called from another thread to end the call that runs; it must not raise."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._interrupt = interrupt

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result. A cancelled caller interrupts it, waits until the driver has come back, and only then
        goes on, so that no statement outlives its activity."""
        context = contextvars.copy_context()  # the driver may call back for more rows, which beats for the activity
        running = asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: context.run(lambda: computing(call, *args, **kwargs))
        )
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._interrupt)
            await asyncio.wait([running], timeout=INTERRUPT_SECONDS)
            if running.done() and not running.cancelled():
                running.exception()  # it was cancelled: its own error tells nobody anything
            raise

    def close(self) -> None:
        """Lets the thread go; a call that still runs is not waited for."""
        self._pool.shutdown(wait=False)
