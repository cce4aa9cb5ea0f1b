"""How many jobs there are, for metrics."""

from __future__ import annotations

from sqlalchemy import func, select

from core.config_store.sessions import Transactions
from core.config_store.tables import MigrationJob
from core.job_spec import JobStatus

UNFINISHED = (JobStatus.ACTIVE, JobStatus.PAUSED)


class JobCounts(Transactions):
    """The part of the config store that counts."""

    async def count_jobs(self) -> dict[JobStatus, int]:
        """Jobs of every status, those that none has included."""
        query = select(MigrationJob.status, func.count()).group_by(MigrationJob.status)
        async with self.transaction() as session:
            found = {JobStatus(status): count for status, count in await session.execute(query)}
        return {status: found.get(status, 0) for status in JobStatus}

    async def jobs_in_need(self) -> list[str]:
        """Ids of unfinished jobs that wait for an operator, those that were told last first."""
        query = (
            select(MigrationJob.job_id)
            .where(MigrationJob.status.in_(UNFINISHED), MigrationJob.attention.is_not(None))
            .order_by(MigrationJob.updated_at.desc())
        )
        async with self.transaction() as session:
            return list(await session.scalars(query))
