from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict

import pytest

from connectors.sql.driver_thread import DriverThread
from core.stopwatch import Stopwatch, computing, in_thread, timed


class Clocks:
    """The wall's clock and each thread's own, moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 0.0
        self.threads: dict[int, float] = defaultdict(float)
        monkeypatch.setattr(time, "monotonic", lambda: self.wall)
        monkeypatch.setattr(time, "thread_time", lambda: self.threads[threading.get_ident()])

    def idle(self, seconds: float) -> None:
        self.wall += seconds

    def compute(self, seconds: float) -> None:
        self.wall += seconds
        self.threads[threading.get_ident()] += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_waiting_is_what_is_neither_computed_nor_measured_inside(clocks: Clocks) -> None:
    with Stopwatch().running() as watch:
        clocks.compute(1)
        with watch.waiting("source"):
            clocks.idle(10)
            clocks.compute(2)
            timed("staging", clocks.compute, 4)
            with watch.waiting("digest"):
                clocks.idle(20)
                clocks.compute(8)
            clocks.idle(10)
    assert watch.read() == (55, {"source": 20, "staging": 4, "digest": 20, "worker": 11})


async def test_what_threads_compute_meanwhile_is_no_waiting(clocks: Clocks) -> None:
    driver = DriverThread("test", lambda: None)
    with Stopwatch().running() as watch, watch.waiting("destination"):
        clocks.idle(5)
        await in_thread(clocks.compute, 3)
        await driver.run(clocks.compute, 4)
        await driver.run(clocks.idle, 6)
    driver.close()
    assert watch.read() == (18, {"destination": 11, "worker": 7})


def test_a_disk_that_is_slow_counts_as_staging_and_leaves_no_part_below_zero(clocks: Clocks) -> None:
    with Stopwatch().running() as watch, watch.waiting("source"):
        timed("staging", clocks.idle, 6)
        clocks.idle(1)
    assert watch.read() == (7, {"source": 1, "staging": 6, "worker": 0})


def test_parts_of_a_failed_call_are_kept(clocks: Clocks) -> None:
    def fail() -> None:
        clocks.idle(2)
        raise OSError("disk")

    with Stopwatch().running() as watch, pytest.raises(OSError, match="disk"), watch.waiting("source"):
        timed("staging", fail)
    assert watch.read() == (2, {"source": 0, "staging": 2, "worker": 0})


def test_without_a_stopwatch_calls_are_just_made() -> None:
    assert (timed("staging", max, 1, 2), computing(max, 1, 2)) == (2, 2)


async def test_two_pieces_of_work_on_one_loop_have_stopwatches_of_their_own() -> None:
    async def work(part: str) -> dict[str, float]:
        with Stopwatch().running() as watch:
            await asyncio.sleep(0)
            timed(part, lambda: None)
            await in_thread(timed, f"{part} in a thread", lambda: None)
            return watch.read()[1]

    one, other = await asyncio.gather(work("a"), work("b"))
    assert (set(one), set(other)) == ({"a", "a in a thread", "worker"}, {"b", "b in a thread", "worker"})
