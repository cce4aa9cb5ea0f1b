"""The faults. Each strikes while the job works, and counts only where it is seen to have landed."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deploy.local.postgres_server import PostgresServer
from tests.chaos.arena import Arena

STOPPED_SECONDS = 20.0
"""Longer than a heartbeat may be late: the work goes to another worker, and the sleeper awakes to find it done."""
PLANTED_SECONDS = 1.5
LAND_SECONDS = 4.0
JUMP_SECONDS = 3600.0
JUMPED_SECONDS = 2.5


@dataclass(frozen=True)
class Landed:
    """What a fault hit."""

    kind: str
    in_flight: str
    at_load: bool
    """In a load, or between a commit and its answer."""


Fault = Callable[[Arena, int], Landed | None]
"""Strikes what works, or the databases of the job with this number; None where there was nothing to hit."""


def kill_worker(stage: str) -> Fault:
    """SIGKILL of one of the stage's workers; a successor starts at once."""

    def strike(arena: Arena, number: int) -> Landed | None:
        victim = arena.chance.choice([name for name in arena.stack.own_programs if name.startswith(stage)])
        if not (hit := arena.work_in_hand(victim)):
            return None
        arena.stack.kill(victim)
        arena.stack.restart(victim)
        return Landed(f"kill {stage}", ", ".join(hit), _at_load(hit))

    return strike


def stop_worker(name: str) -> Fault:
    """SIGSTOP, and SIGCONT when others have long taken over."""

    def strike(arena: Arena, number: int) -> Landed | None:
        if not (hit := arena.work_in_hand(name)):
            return None
        arena.stack.kill(name, signal.SIGSTOP)
        pid = arena.stack.process(name).pid
        threading.Timer(STOPPED_SECONDS, _awake, [arena, name, pid]).start()
        return Landed(f"stop {name}", ", ".join(hit), _at_load(hit))

    return strike


def kill_service(name: str) -> Fault:
    """SIGKILL of the API or the Temporal server, in the middle of some work."""

    def strike(arena: Arena, number: int) -> Landed | None:
        if not (hit := arena.work_in_hand()):
            return None
        arena.stack.kill(name)
        arena.stack.restart(name)
        return Landed(f"kill {name}", ", ".join(sorted(set(hit))), _at_load(hit))

    return strike


def crash_database(side: str) -> Fault:
    """Immediate shutdown, and a start that recovers from the log."""

    def strike(arena: Arena, number: int) -> Landed | None:
        server: PostgresServer = getattr(arena, side)
        wanted = "load_batches" if side == "destination" else "extract_batches"
        hit = arena.work_in_hand()
        if wanted not in hit:
            return None
        server.kill()
        time.sleep(arena.chance.uniform(0, 1.0))
        server.start()
        return Landed(f"crash {side} database", wanted, side == "destination")

    return strike


def cut(what: str) -> Fault:
    """A connection ends: between a commit and its answer, or at any statement of the source's or destination's."""

    def strike(arena: Arena, number: int) -> Landed | None:
        proxy = arena.to_source if what == "source" else arena.to_destination

        def cuts() -> int:
            return proxy.commits_cut if what == "commit" else proxy.others_cut

        before, loads_before = cuts(), proxy.loads_cut
        arena.armed[what] = 1
        landed = _within(LAND_SECONDS, lambda: cuts() > before)
        arena.armed[what] = 0
        if not landed and cuts() == before:
            return None
        loads = proxy.loads_cut - loads_before
        in_flight = "a commit" if what == "commit" else f"{cuts() - before} sessions, {loads} of them loading"
        return Landed(f"cut {what}", in_flight, what == "commit" or loads > 0)

    return strike


def plant_error(sqlstate: str, name: str) -> Fault:
    """The destination refuses every load for a moment, as it does under a real one of these."""

    def strike(arena: Arena, number: int) -> Landed | None:
        with arena.connect(arena.destination, number) as connection, _armed(connection, sqlstate):
            before = _raised(connection)
            landed = _within(LAND_SECONDS, lambda: _raised(connection) > before)
            time.sleep(PLANTED_SECONDS if landed else 0)
            hits = _raised(connection) - before
        return Landed(name, f"{hits} loads", at_load=True) if hits else None

    return strike


def deadlock(arena: Arena, number: int) -> Landed | None:
    """A session holds the table and asks for the ledger, which loads hold when they ask for the table."""
    with arena.connect(arena.destination, number) as watching:
        before = _deadlocks(watching)
        with contextlib.suppress(psycopg.Error), arena.connect(arena.destination, number) as rival:
            rival.autocommit = False
            rival.execute("SET deadlock_timeout = '8s'; SET lock_timeout = '6s'")  # the load is to be the victim
            rival.execute("LOCK TABLE public.items IN ACCESS EXCLUSIVE MODE")
            if not _within(LAND_SECONDS, lambda: _waiting(watching)):
                return None
            rival.execute("LOCK TABLE public.sterna_ledger IN ACCESS EXCLUSIVE MODE")
            rival.rollback()
        hits = 0
        if _within(3.0, lambda: _deadlocks(watching) > before):
            hits = _deadlocks(watching) - before
    return Landed("deadlock", f"{hits} loads", at_load=True) if hits else None


def fill_staging(arena: Arena, number: int) -> Landed | None:
    """The disk is full until an operator frees it; then tables go on by `retry`."""
    if not arena.small_staging or "extract_batches" not in arena.work_in_hand():
        return None
    filler = arena.stack.staging / "filler"
    try:
        _fill(filler)
        landed = _within(15.0, lambda: _told(arena, "staging folder"))
    finally:
        filler.unlink(missing_ok=True)
    return Landed("staging disk full", "extract_batches", at_load=False) if landed else None


def jump_clock(arena: Arena, number: int) -> Landed | None:
    """The wall clock of API and workers is an hour off, all at once, and right again after some seconds."""
    if not arena.clock.can_jump or not (hit := arena.work_in_hand()):
        return None
    with arena.clock.off_by(arena.chance.choice([-JUMP_SECONDS, JUMP_SECONDS])) as seen:
        time.sleep(JUMPED_SECONDS)
        hit = arena.work_in_hand() or hit
    return Landed("clock jump", f"{', '.join(sorted(set(hit)))}, {seen:+.0f} s", _at_load(hit))


Faults = tuple[tuple[int, Fault], ...]
"""How often each comes in one round, in a shuffled order."""
OF_DESTINATION: Faults = (
    (5, cut("commit")),
    (1, cut("destination")),
    (1, crash_database("destination")),
    (1, plant_error("40001", "serialization failure")),
    (1, plant_error("53100", "destination out of space")),
    (1, deadlock),
)
OF_THE_REST: Faults = (
    (3, kill_worker("worker-load")),
    (1, kill_worker("worker-extract")),
    (1, kill_worker("worker-transform")),
    (1, kill_worker("worker-control")),
    (1, stop_worker("worker-load-2")),
    (1, stop_worker("worker-extract-2")),
    (1, kill_service("api")),
    (1, kill_service("temporal")),
    (1, cut("source")),
    (1, crash_database("source")),
    (1, fill_staging),
    (1, jump_clock),
)


def _at_load(activities: list[str]) -> bool:
    return not {"begin_load", "load_batches"}.isdisjoint(activities)


def _awake(arena: Arena, stage: str, pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if arena.stack.process(stage).pid == pid:
            arena.stack.kill(stage, signal.SIGCONT)


def _within(seconds: float, happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def _armed(connection: psycopg.Connection[tuple[object, ...]], sqlstate: str) -> Iterator[None]:
    connection.execute("INSERT INTO chaos.armed VALUES (%s)", (sqlstate,))
    try:
        yield
    finally:
        connection.execute("DELETE FROM chaos.armed")


def _number(connection: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    found = connection.execute(query.encode()).fetchone()
    return int(str(found[0])) if found else 0


def _raised(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    return _number(connection, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM chaos.raised")


def _deadlocks(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    return _number(connection, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def _waiting(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.items'::regclass"
    return _number(connection, query) > 0


def _fill(file: Path) -> None:
    """Until nothing more goes in."""
    with file.open("wb") as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(1 << 16))
            filler.flush()


def _told(arena: Arena, words: str) -> bool:
    return any(words in said for progress in arena.all_progress() for said in _said(progress))


def _said(progress: dict[str, Any]) -> list[str]:
    return [progress["attention"] or "", *(table["message"] for table in progress["tables"])]
