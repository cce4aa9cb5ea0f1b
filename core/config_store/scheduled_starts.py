"""What schedules did, in the config store: each of their times begins one run at most."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from core.config_store.jobs import begin, lock_job
from core.config_store.sessions import Transactions
from core.config_store.stored import Actor
from core.config_store.tables import ScheduledStart
from core.job_spec import JobStatus
from core.schedule import StoredStart

SCHEDULE = Actor("schedule")
RUNNING = (JobStatus.ACTIVE, JobStatus.PAUSED)
SHOWN = 20


class ScheduledStarts(Transactions):
    """The part of the config store about schedules."""

    async def begin_scheduled(self, job_id: str, at: datetime, *, waits: bool) -> StoredStart | None:
        """Begins the job's next run for one time of its schedule, or skips the time because the job still runs.

        The run and the word on it are one transaction. Idempotent by the time: asked again, the same answer. None where
        the job still runs and the time `waits`. Raises NotFound.
        """
        async with self.transaction() as session:
            job = await lock_job(session, job_id)
            known = await session.get(ScheduledStart, (job.job_id, at))
            if known is not None:
                return _read(known)
            busy = job.status in RUNNING
            if busy and waits:
                return None
            row = ScheduledStart(job_id=job.job_id, scheduled_at=at)
            if busy:
                row.outcome, row.run, row.reason = "SKIPPED", job.current_run, f"the job was {job.status}"
            else:
                row.outcome, row.run = "STARTED", (await begin(session, job, SCHEDULE)).run
            session.add(row)
            await session.flush()
            await session.refresh(row)
            return _read(row)

    async def scheduled_starts(self, job_id: str) -> list[StoredStart]:
        """The last times of the job's schedule, newest first."""
        query = (
            select(ScheduledStart)
            .where(ScheduledStart.job_id == job_id)
            .order_by(ScheduledStart.scheduled_at.desc())
            .limit(SHOWN)
        )
        async with self.transaction() as session:
            return [_read(row) for row in await session.scalars(query)]


def _read(row: ScheduledStart) -> StoredStart:
    return StoredStart.model_validate(
        {
            "scheduled_at": row.scheduled_at,
            "outcome": row.outcome,
            "run": row.run,
            "reason": row.reason,
            "decided_at": row.decided_at,
        }
    )
