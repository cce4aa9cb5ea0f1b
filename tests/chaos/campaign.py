"""Jobs, some at the same time, struck by seeded faults; each is judged when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import psycopg
from temporalio.service import RPCError

from tests.chaos.arena import COMPARED, Arena, workflows
from tests.chaos.faults import OF_DESTINATION, OF_THE_REST, Fault, Faults, Landed
from tests.end_to_end.observation import open_client, staged
from tests.independent_comparison import assert_same_rows

END_SECONDS = 480.0
"""What a job may take under faults: retries wait for up to 30 s."""
OUTAGE_SECONDS = 60.0
BREATH_SECONDS = 6.0
"""At most, after a fault: where snapshots are lost faster than a table without a key can be read, no job ever ends."""
PATIENCE_SECONDS = 3.0
"""How long a table is parked before the operator of this campaign tries it again."""
Tell = Callable[[str], None]
Outcome = TypeVar("Outcome")


@dataclass
class Summary:
    """What was struck, and what it did."""

    landed: list[Landed] = field(default_factory=list)
    missed: int = 0
    jobs: int = 0
    rows: int = 0
    retries: int = 0
    violations: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For people."""
        kinds = Counter(fault.kind for fault in self.landed)
        at_load = sum(fault.at_load for fault in self.landed)
        share = 100 * at_load // max(len(self.landed), 1)
        lines = [f"  {count:4} {kind}" for kind, count in sorted(kinds.items())]
        return "\n".join(
            [
                f"{len(self.landed)} faults landed ({self.missed} found nothing to hit), {share} % of them in a load "
                "or between a commit and its answer:",
                *lines,
                f"{self.jobs} jobs, {self.rows:,} rows, {self.retries} retries by the operator, "
                f"{len(self.violations)} violations",
                *(f"  VIOLATION {violation}" for violation in self.violations),
            ]
        )


class Campaign:
    """Strikes until the time is over; every job that was begun is judged. `together` jobs work at once, so that there
    is nearly always something to hit, and each of `strikers` goes its own rounds, with at most `breath` seconds after a
    fault: one meets another's ruins."""

    def __init__(
        self,
        arena: Arena,
        tell: Tell,
        *,
        rows: int,
        together: int = 1,
        breath: float = BREATH_SECONDS,
        strikers: tuple[Faults, ...] = (OF_DESTINATION, OF_THE_REST),
    ) -> None:
        self._arena = arena
        self._tell = tell
        self._rows = rows
        self._together = together
        self._breath = breath
        self._strikers = strikers
        self._numbers = itertools.count(1)
        self.summary = Summary()

    def run(self, seconds: float, *, jobs: int = 0, faults: int = 0) -> Summary:
        """Faults strike for so many seconds, or until so many jobs were judged and faults landed where that takes
        longer."""
        end = time.monotonic() + seconds

        def goes_on() -> bool:
            return time.monotonic() < end or self.summary.jobs < jobs or len(self.summary.landed) < faults

        # A server ends with the thread that started it (prctl(2), PR_SET_PDEATHSIG): strikers outlive the jobs.
        with ThreadPoolExecutor(len(self._strikers)) as strikers, ThreadPoolExecutor(self._together) as lanes:
            works = [lanes.submit(self._work, goes_on) for _ in range(self._together)]

            def something_works() -> bool:
                return goes_on() and not all(work.done() for work in works)

            strikes = [strikers.submit(self._strike, faults, something_works) for faults in self._strikers]
        for lane in [*works, *strikes]:
            lane.result()
        return self.summary

    def _work(self, goes_on: Callable[[], bool]) -> None:
        """One job after another."""
        while goes_on():
            number = next(self._numbers)
            _through_outages(lambda number=number: self._arena.make_databases(number, self._rows))
            job_id = _through_outages(lambda number=number: self._arena.start_job(number, self._rows))
            self._tell(f"job {number}: {job_id}")
            self._arena.working[number] = job_id
            try:
                progress = self._watch(number, job_id)
            finally:
                del self._arena.working[number]
            self._judge(number, job_id, progress)

    def _strike(self, faults: Faults, goes_on: Callable[[], bool]) -> None:
        """In rounds; a fault that finds nothing to hit comes again in the next."""
        chance = self._arena.chance
        missed: list[Fault] = []
        while goes_on():
            due = [*missed, *(fault for weight, fault in faults for _ in range(weight))]
            missed = []
            for fault in chance.sample(due, len(due)):
                while goes_on() and not (numbers := self._arena.loading()):
                    time.sleep(0.2)
                if not goes_on():
                    break
                if self._lands(fault, chance.choice(numbers)):
                    time.sleep(chance.uniform(0, self._breath))
                else:
                    missed.append(fault)

    def _lands(self, fault: Fault, number: int) -> bool:
        try:
            landed = fault(self._arena, number)
        except (psycopg.Error, RPCError, httpx.TransportError) as error:
            self._tell(f"  could not strike: {error!r}")
            landed = None
        if landed is None:
            self.summary.missed += 1
            self._tell(f"  nothing to hit for {fault.__qualname__.split('.')[0]}")
        else:
            self.summary.landed.append(landed)
            self._tell(f"  {landed.kind}: {landed.in_flight}")
        return landed is not None

    def _operate(self, number: int, job_id: str) -> dict[str, Any] | None:
        """What an operator does who reads that something waits for him."""
        progress = self._arena.look(number, job_id)
        if progress is None or progress["status"] != "ACTIVE":
            return progress
        waits = progress["stage"] == "waiting for an operator" or any(
            table["status"] == "PARKED" for table in progress["tables"]
        )
        if waits:
            time.sleep(PATIENCE_SECONDS)
            with contextlib.suppress(httpx.TransportError):
                answer = self._arena.jobs.http.post(f"/api/jobs/{job_id}/retry", json={})
                self.summary.retries += answer.is_success
        return progress

    def _watch(self, number: int, job_id: str) -> dict[str, Any] | None:
        """The job's last progress, as its operator sees it."""
        deadline = time.monotonic() + END_SECONDS
        progress = None
        while time.monotonic() < deadline:
            progress = self._operate(number, job_id)
            if progress is not None and progress["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                break
            time.sleep(1.0)
        return progress

    def _judge(self, number: int, job_id: str, progress: dict[str, Any] | None) -> None:
        found, rows = _through_outages(lambda: self._violations(number, job_id, progress))
        self.summary.jobs += 1
        self.summary.rows += rows
        self.summary.violations += [f"job {number} ({job_id}): {violation}" for violation in found]
        self._tell(f"job {number}: {'; '.join(found) or 'as it should be'}")

    def _violations(self, number: int, job_id: str, progress: dict[str, Any] | None) -> tuple[list[str], int]:
        """What is not as it should be, and how many rows were compared."""
        if progress is None or progress["status"] != "COMPLETED":
            said = progress and [progress["status"], *(table["message"] for table in progress["tables"])]
            return [f"did not complete: {said}"], 0
        rows = 0
        found = [f"{table['name']} is not proved" for table in progress["tables"] if not table["proved"]]
        arena = self._arena
        with (
            arena.connect(arena.source, number) as source,
            arena.connect(arena.destination, number) as destination,
        ):
            for table, (expected, arrived) in COMPARED.items():
                try:
                    rows += assert_same_rows(source, expected, destination, arrived)
                except AssertionError as error:
                    found.append(f"{table}: {error}")
            recorded = destination.execute(
                "SELECT sum(rows) FROM public.sterna_ledger AS l WHERE number >= 0 AND job_id = %s AND load = "
                "(SELECT max(load) FROM public.sterna_ledger WHERE job_id = l.job_id AND table_id = l.table_id)",
                (job_id,),
            ).fetchone()
            if recorded is None or int(str(recorded[0])) != rows:
                found.append(f"the ledger sums up to {recorded}, not to {rows}")
        return found + self._left_over(number, job_id), rows

    def _left_over(self, number: int, job_id: str) -> list[str]:
        """Staged objects, workflows, sessions, advisory locks, temporary tables."""
        deadline = time.monotonic() + 20
        while found := self._seen_left_over(number, job_id):
            if time.monotonic() > deadline:
                return found
            time.sleep(0.5)
        return []

    def _seen_left_over(self, number: int, job_id: str) -> list[str]:
        arena = self._arena
        found = [f"staged {path.name}" for path in staged(arena.stack, job_id)]
        found += [f"running {name}" for name in asyncio.run(_running(arena, job_id))]
        for server in (arena.source, arena.destination):
            with arena.connect(server, number) as connection:
                for query in LEFT_OVER:
                    found += [f"left in the database: {what}" for (what,) in connection.execute(query).fetchall()]
        return found


LEFT_OVER = (
    "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name LIKE 'sterna%'",
    "SELECT 'advisory lock' FROM pg_locks WHERE locktype = 'advisory' AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())",
    "SELECT relname::text FROM pg_class WHERE relpersistence = 't'",
)


def _through_outages(act: Callable[[], Outcome]) -> Outcome:
    """Tries again where what is asked has itself been struck."""
    deadline = time.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return act()
        except (psycopg.OperationalError, psycopg.InterfaceError, RPCError, RuntimeError, httpx.TransportError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)


async def _running(arena: Arena, job_id: str) -> list[str]:
    return await workflows(await open_client(arena.stack), job_id)
