"""CPU seconds and peak memory of named groups of processes, each a process and everything below it (Linux, proc(5))."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.stopwatch import TICKS

FIRST_SAMPLE_SECONDS = 0.05
SAMPLE_SECONDS = 0.5
SLOWER = 1.2
"""Each sample costs some milliseconds: short runs are looked at often, long ones not."""
SETTLING_SECONDS = 0.2
CLIENT = "client"
"""The group of everything below this process that is in no other group: the contender's own programs."""
RESET_PEAK = "5"


@dataclass(frozen=True)
class Usage:
    """Of one group."""

    cpu: float
    """Seconds, children that ended included."""
    peak: float
    """MB: VmHWM of a single process; of several the highest sum of private memory, shared memory counted once."""


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    parent: int
    ticks: int


class UsageMeter:
    """Measures the groups between entering and leaving `measuring`."""

    def __init__(self, groups: Mapping[str, int]) -> None:
        """`groups`: name and the first process of each."""
        self._groups = dict(groups)
        self._peaks: dict[str, float] = {}
        self._done = threading.Event()

    @contextmanager
    def measuring(self) -> Iterator[dict[str, Usage]]:
        """The dictionary is filled when the block ends."""
        usage: dict[str, Usage] = {}
        for pid in self._groups.values():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)
        time.sleep(SETTLING_SECONDS)
        before = self._ticks()
        self._peaks.clear()
        self._done.clear()
        sampler = threading.Thread(target=self._sample, daemon=True)
        sampler.start()
        try:
            yield usage
        finally:
            self._done.set()
            sampler.join()
            self._note_peaks()
            time.sleep(SETTLING_SECONDS)
            after = self._ticks()
            for name, ticks in after.items():
                cpu = (ticks - before.get(name, 0)) / TICKS
                usage[name] = Usage(cpu, self._peaks.get(name, 0.0))

    def _sample(self) -> None:
        seconds = FIRST_SAMPLE_SECONDS
        while not self._done.wait(seconds):
            self._note_peaks()
            seconds = min(seconds * SLOWER, SAMPLE_SECONDS)

    def _note_peaks(self) -> None:
        for name, pids in self._members(process_table()).items():
            self._peaks[name] = max(self._peaks.get(name, 0.0), _memory(pids))

    def _ticks(self) -> dict[str, int]:
        table = process_table()
        found = {name: sum(table[pid].ticks for pid in pids) for name, pids in self._members(table).items()}
        # Programs of a contender have ended by now: their time is with this process, its own left out.
        own = os.times()
        found[CLIENT] = found.get(CLIENT, 0) + round((own.children_user + own.children_system) * TICKS)
        return found

    def _members(self, table: Mapping[int, Process]) -> dict[str, list[int]]:
        children = defaultdict(list)
        for pid, process in table.items():
            children[process.parent].append(pid)
        first = {pid: name for name, pid in self._groups.items()}
        members: dict[str, list[int]] = defaultdict(list)
        waiting = [(pid, first.get(pid, CLIENT)) for pid in children[os.getpid()]]
        while waiting:
            pid, name = waiting.pop()
            members[name].append(pid)
            waiting += [(child, first.get(child, name)) for child in children[pid]]
        return members


def process_table() -> dict[int, Process]:
    """All processes of the machine."""
    table = {}
    for folder in os.listdir("/proc"):  # noqa: PTH208  # twice a second beside what is measured
        if folder.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{folder}/stat").read_text().rpartition(")")[2].split()
                table[int(folder)] = Process(int(fields[1]), sum(map(int, fields[11:15])))
    return table


def _memory(pids: list[int]) -> float:
    """MB."""
    statuses = [status for status in map(_status, pids) if status]
    if len(statuses) == 1:
        return statuses[0].get("VmHWM", 0) / 1024
    private = sum(status.get("RssAnon", 0) for status in statuses)
    shared = max((status.get("RssShmem", 0) + status.get("RssFile", 0) for status in statuses), default=0)
    return (private + shared) / 1024


def _status(pid: int) -> dict[str, int]:
    """The sizes in kB; nothing for a process that ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(size) for name, size, _ in pairs}
