"""A piece of work that several contenders do in turns, and what their runs took."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contender import Contender, Failed, Reading, Role
from bench.process_usage import UsageMeter
from bench.servers import Servers

PEER_SECONDS = 60.0
"""A peer that has run for longer in all is not run again: the whole bench must end."""

Round = dict[str, Reading]
"""The readings of one round, by contender."""


@dataclass
class Scenario:
    """Contenders run in turns, round by round; a peer may run in the first rounds only."""

    name: str
    """As measures refer to it."""
    title: str
    rows: int
    contenders: Sequence[Contender]
    runs: int
    peer_runs: int
    enough_seconds: float = math.inf
    """Sterna and the limits are not run again after so much time in all."""
    rounds: list[Round] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    """Contenders that could not take part, and why."""

    def measure(self, servers: Servers) -> None:
        """Runs all rounds. A peer that failed once runs no more."""
        try:
            for number in range(max(self.runs, self.peer_runs)):
                self.rounds.append({})
                for contender in self.contenders:
                    asked = self.peer_runs if contender.role is Role.PEER else self.runs
                    if number < asked and contender.name not in self.absent:
                        self._run(servers, contender, number)
        finally:
            for contender in self.contenders:
                contender.close()

    def readings(self, name: str) -> list[Reading]:
        """Of one contender, oldest first."""
        return [readings[name] for readings in self.rounds if name in readings]

    def seconds(self, name: str) -> list[float]:
        """Of the runs that were verified."""
        return [reading.seconds for reading in self.readings(name) if not reading.fault]

    def best_limit(self, role: Role = Role.LIMIT) -> str | None:
        """The limit of that kind with the lowest median."""
        limits = [each.name for each in self.contenders if each.role is role and self.seconds(each.name)]
        return min(limits, key=lambda name: statistics.median(self.seconds(name)), default=None)

    @property
    def faults(self) -> list[str]:
        """Of runs of Sterna or a limit, none of which may fail."""
        judged = [each.name for each in self.contenders if each.role is not Role.PEER]
        return [f"{self.title}: {name} {run.fault}" for name in judged for run in self.readings(name) if run.fault]

    def _run(self, servers: Servers, contender: Contender, number: int) -> None:
        if number == 0:
            try:
                contender.install()
            except Failed as error:
                self.absent[contender.name] = str(error)
                tell(f"{self.title}: without {contender.name}: {error}")
                return
        enough = PEER_SECONDS if contender.role is Role.PEER else self.enough_seconds
        if sum(self.seconds(contender.name)) > enough:
            return
        reading = take(servers, contender)
        self.rounds[-1][contender.name] = reading
        if reading.fault and contender.role is Role.PEER:
            self.absent[contender.name] = reading.fault
        fault = f" ({reading.fault})" if reading.fault else ""
        tell(f"{self.title}, {self.rows:,} rows, round {number + 1}, {contender.name}: {reading.seconds:.2f} s{fault}")


def take(servers: Servers, contender: Contender) -> Reading:
    """One run: prepared before, verified after the clock."""
    contender.prepare()
    with UsageMeter(groups(servers, contender)).measuring() as usage:
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


def groups(servers: Servers, contender: Contender) -> dict[str, int]:
    """Name and first process of everything that runs for longer than a contender."""
    working = contender.stack or servers.stack
    idle = {} if working is servers.stack else {f"idle {name}": servers.stack for name in servers.stack.names}
    named = {
        **{name: working.process(name).pid for name in working.names},
        **{name: stack.process(name.removeprefix("idle ")).pid for name, stack in idle.items()},
        "source": server_process(servers.source.folder / "postmaster.pid"),
        "destination": server_process(servers.destination.folder / "postmaster.pid"),
    }
    if servers.mariadb:
        named["mariadb"] = server_process(servers.mariadb.folder / "mysqld.pid")
    return named


def server_process(file: Path) -> int:
    """The process id that a server wrote."""
    return int(file.read_text().split()[0])


def tell(text: str) -> None:
    """Progress, beside what goes to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
