"""The config store as processes see it."""

from __future__ import annotations

from sqlalchemy import text

from core.config_store.approvals import Approvals
from core.config_store.credentials import Credentials
from core.config_store.job_counts import JobCounts
from core.config_store.jobs import Jobs
from core.config_store.notices import Notices
from core.config_store.runs import Runs
from core.config_store.scheduled_starts import ScheduledStarts
from core.config_store.upgrade import upgrade
from core.config_store.watermarks import Watermarks


class ConfigStore(Jobs, Runs, Watermarks, ScheduledStarts, JobCounts, Approvals, Credentials, Notices):
    """Jobs and runs in PostgreSQL. Each method is one transaction; every method may raise Unavailable."""

    async def upgrade(self) -> None:
        """Brings the schema up to date; processes that start together wait for each other."""
        await upgrade(self._engine)

    async def check(self) -> None:
        """Asks the database for a sign of life."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1 FROM migration_job LIMIT 1"))

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()
