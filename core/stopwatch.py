"""Where one piece of work spends its time: waiting for others, or computing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import ParamSpec, TypeVar

from core.time_spent import TimeSpent

P = ParamSpec("P")
T = TypeVar("T")

WORKER = "worker"


class Stopwatch:
    """Measures one piece of work on an event loop. Its parts never add up to more than the time that passed."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._parts: TimeSpent = {}
        self._inner_wall = self._inner_computed = 0.0
        self._in_threads = 0.0
        self._lock = Lock()

    @contextmanager
    def running(self) -> Iterator[Stopwatch]:
        """Inside the block, `timed` and `computing` count here, in its threads too."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    @contextmanager
    def waiting(self, part: str) -> Iterator[None]:
        """The block waits for `part`, but for what computes meanwhile and for blocks inside it.

        The event loop's own computing is taken off whole, whichever work of this process it was for: a worker that is
        too busy to take what a server has sent is not waiting for the server.
        """
        outer_wall, outer_computed = self._inner_wall, self._inner_computed
        self._inner_wall = self._inner_computed = 0.0
        began, computed_before = time.monotonic(), self._computed()
        try:
            yield
        finally:
            wall, computed = time.monotonic() - began, self._computed() - computed_before
            own = max(0.0, computed - self._inner_computed)
            self._add(part, max(0.0, wall - self._inner_wall - own))
            self._inner_wall, self._inner_computed = outer_wall + wall, outer_computed + computed

    def took(self, part: str, seconds: float) -> None:
        """A blocking call on the event loop's thread. Taken for computing: asking the thread's clock for each of
        thousands of calls would cost more than what it tells."""
        self._add(part, seconds)
        self._inner_wall += seconds
        self._inner_computed += seconds

    def computed(self, seconds: float) -> None:
        """Computing in another thread."""
        with self._lock:
            self._in_threads += seconds

    def read(self) -> tuple[float, TimeSpent]:
        """Seconds until now, and what they went to; WORKER is what is left of them."""
        seconds = time.monotonic() - self._began
        return seconds, self._parts | {WORKER: max(0.0, seconds - sum(self._parts.values()))}

    def _add(self, part: str, seconds: float) -> None:
        self._parts[part] = self._parts.get(part, 0.0) + seconds

    def _computed(self) -> float:
        return time.thread_time() + self._in_threads


_current: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


def timed(part: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The call's result; its time is `part` of the work that it is done for, where that is measured."""
    watch = _current.get()
    if watch is None:
        return call(*args, **kwargs)
    began = time.monotonic()
    try:
        return call(*args, **kwargs)
    finally:
        watch.took(part, time.monotonic() - began)


def computing(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The call's result, in a thread other than the event loop's: what it computes is no waiting."""
    watch = _current.get()
    if watch is None:
        return call(*args, **kwargs)
    began = time.thread_time()
    try:
        return call(*args, **kwargs)
    finally:
        watch.computed(time.thread_time() - began)


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`asyncio.to_thread` for work that computes."""
    return await asyncio.to_thread(lambda: computing(call, *args, **kwargs))
