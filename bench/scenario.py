"""A piece of work that several contenders do in turns, and what their runs took."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contender import Contender, Failed, Reading, Role
from bench.process_usage import UsageMeter
from bench.servers import Servers

Round = dict[str, Reading]
"""The readings of one round, by contender."""


@dataclass
class Scenario:
    """Contenders run in turns, round by round; a peer may run in the first rounds only."""

    name: str
    title: str
    rows: int
    contenders: Sequence[Contender]
    rounds: list[Round] = field(default_factory=list)

    def measure(self, servers: Servers, *, runs: int, peer_runs: int) -> None:
        """Adds rounds. A peer that failed once runs no more."""
        beaten: set[str] = set()
        for number in range(max(runs, peer_runs)):
            readings: Round = {}
            self.rounds.append(readings)
            for contender in self.contenders:
                asked = peer_runs if contender.role is Role.PEER else runs
                if number >= asked or contender.name in beaten:
                    continue
                reading = readings[contender.name] = take(servers, contender)
                report_progress(f"{self.title}, round {number + 1}, {contender.name}: {describe(reading)}")
                if reading.fault and contender.role is Role.PEER:
                    beaten.add(contender.name)

    def readings(self, name: str) -> list[Reading]:
        """Of one contender, oldest first."""
        return [readings[name] for readings in self.rounds if name in readings]


def take(servers: Servers, contender: Contender) -> Reading:
    """One run: prepared before, verified after the clock."""
    contender.prepare()
    with UsageMeter(groups(servers)).measuring() as usage:
        started = time.perf_counter()
        try:
            contender.run()
            fault = ""
        except Failed as error:
            fault = f"failed: {error}"
        seconds = time.perf_counter() - started
    if not fault:
        try:
            contender.verify()
        except Failed as error:
            fault = f"wrong: {error}"
    return Reading(seconds, usage, fault)


def groups(servers: Servers) -> dict[str, int]:
    """Name and first process of everything that runs for longer than a contender."""
    named = {
        "source": server_process(servers.source.folder / "postmaster.pid"),
        "destination": server_process(servers.destination.folder / "postmaster.pid"),
        **{name: servers.stack.process(name).pid for name in servers.stack.names},
    }
    if servers.mariadb:
        named["mariadb"] = server_process(servers.mariadb.folder / "mysqld.pid")
    return named


def server_process(file: Path) -> int:
    """The process id that a server wrote."""
    return int(file.read_text().split()[0])


def describe(reading: Reading) -> str:
    """For the console."""
    return f"{reading.seconds:.2f} s" + (f" ({reading.fault})" if reading.fault else "")


def report_progress(text: str) -> None:
    """Beside the tables, which go to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
