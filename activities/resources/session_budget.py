"""At most so many sessions on one database, over all jobs and workers: an activity holds slots while it runs."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections import Counter
from pathlib import Path

from temporalio import activity

from activities.resources.activity_scope import ActivityScope, current_scope
from activities.resources.session_slots import HeldSlots, SessionSlots, Slot
from core.errors import BudgetTaken

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
BEAT_SECONDS = 2.0
PATIENCE_SECONDS = 8.0
"""For a second database while sessions on a first are held, which others may wait for; and for whom Temporal grants
only seconds."""

log = logging.getLogger(__name__)


class SessionBudget:
    """Used inside `EndsWithActivity`, which lets go when the activity has ended; elsewhere it counts nothing.

    Nothing can wait for ever: one slot is never given to a lasting session (a snapshot's keeper), an activity waits
    without end only while it holds nothing, and whoever wants several slots of one database takes those that are free.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._slots: dict[str, SessionSlots] = {}
        self._held = HeldSlots()
        self._in_use: Counter[str] = Counter()

    async def admit(self, database: str, most: int | None, *, lasting: bool, patient: bool) -> None:
        """Returns when the running activity may open a session. Raises BudgetTaken where it waited too long."""
        scope = current_scope()
        if scope is None or database in scope.slots:
            return
        patience = PATIENCE_SECONDS if scope.slots or not patient else float("inf")
        limit = most or self._most
        deadline, pause, beat = time.monotonic() + patience, FIRST_PAUSE, time.monotonic()
        while not (taken := self._of(database).take(1 if lasting else 0, limit, 1)):
            if time.monotonic() > deadline:
                raise BudgetTaken(
                    f"all {limit} sessions that Sterna may have on {database} are taken",
                    remedy="It is tried again. Raise maxConnections or STERNA_MAX_CONNECTIONS if the database bears it",
                )
            if pause == FIRST_PAUSE:
                log.info("waiting for one of the %d sessions that Sterna may have on %s", limit, database)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 1.5, LONGEST_PAUSE)
            if time.monotonic() - beat > BEAT_SECONDS:
                activity.heartbeat()
                self._of(database).take_from_silent(limit)
                beat = time.monotonic()
        self._keep(scope, database, taken)

    def at_once(self, database: str, most: int | None, wanted: int) -> int:
        """How many sessions the running activity, which was admitted, may have there at once: at most `wanted`."""
        scope = current_scope()
        if scope is None or database not in scope.slots:
            return wanted
        more = self._of(database).take(0, most or self._most, wanted - len(scope.slots[database]))
        self._keep(scope, database, more)
        return len(scope.slots[database])

    def in_use(self) -> dict[str, int]:
        """Sessions that activities of this process hold now, by database."""
        return dict(self._in_use)

    def _keep(self, scope: ActivityScope, database: str, slots: list[Slot]) -> None:
        scope.slots.setdefault(database, []).extend(slots)
        self._held.add(slots)
        self._in_use[database] += len(slots)
        scope.end.callback(self._release, database, slots)

    def _release(self, database: str, slots: list[Slot]) -> None:
        self._in_use[database] -= len(slots)
        self._held.release(slots)

    def _of(self, database: str) -> SessionSlots:
        if database not in self._slots:
            name = hashlib.sha256(database.encode()).hexdigest()[:24]
            self._slots[database] = SessionSlots(self._folder / name)
        return self._slots[database]
