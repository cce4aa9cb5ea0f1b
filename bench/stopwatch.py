"""Time by the clock and time of the processors, servers included."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SETTLING_SECONDS = 0.3


@dataclass
class Taken:
    """What a piece of work took, known when its block has ended."""

    seconds: float = 0.0
    cpu: float = 0.0
    """Of this process and everything below it: clients that ended, and servers that were started from here."""


@contextmanager
def stopwatch() -> Iterator[Taken]:
    """Measures the block."""
    taken = Taken()
    cpu, started = _settled_cpu(), time.perf_counter()
    yield taken
    taken.seconds = time.perf_counter() - started
    taken.cpu = _settled_cpu() - cpu


def _settled_cpu() -> float:
    """A server's process that has just ended is counted with its parent only when that has noticed."""
    time.sleep(SETTLING_SECONDS)
    return _cpu_of_tree()


def _cpu_of_tree() -> float:
    """Seconds of all processes below this one and of their children that ended, from /proc (Linux, proc(5))."""
    children, ticks = defaultdict(list), {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            children[int(fields[1])].append(int(folder.name))
            ticks[int(folder.name)] = sum(map(int, fields[11:15]))
    total, waiting = 0, [os.getpid()]
    while waiting:
        process = waiting.pop()
        total += ticks.get(process, 0)
        waiting += children[process]
    return total / TICKS
