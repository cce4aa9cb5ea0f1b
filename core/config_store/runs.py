"""Runs in the config store: begun by the API, told about by their workflows, closed by the reconciler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.config_store.audit_events import audit
from core.config_store.jobs import activate, begin, lock_job, reload
from core.config_store.rows import new_id, read_job, read_run
from core.config_store.sessions import Transactions
from core.config_store.stored import SYSTEM, Actor, StoredJob, StoredRun
from core.config_store.tables import MigrationJob, MigrationRun
from core.config_store.unseen_commands import record_unseen_commands
from core.errors import Conflict, NotFound
from core.job_spec import JobStatus
from core.models import StatusUpdate

RUNNING = (JobStatus.ACTIVE, JobStatus.PAUSED)


@dataclass
class StartClaim:
    """The right to start the workflow of a run, held by one process at a time."""

    job: StoredJob
    run: StoredRun
    workflow_run_id: str | None = None
    """Set by the holder once the workflow is started."""


class Runs(Transactions):
    """The part of the config store about runs."""

    async def begin_run(self, job_id: str, *, actor: Actor = SYSTEM) -> StoredRun:
        """Makes the job ACTIVE with its next run, numbered from 1. Raises NotFound, Conflict while a run is active."""
        async with self.transaction() as session:
            job = await lock_job(session, job_id)
            if job.status in RUNNING:
                raise Conflict(
                    f"the job is {job.status} already", remedy="Pause, resume or cancel it, or wait for its end"
                )
            return read_run(await begin(session, job, actor))

    async def reopen_run(self, job_id: str, only: Sequence[str] | None, *, actor: Actor = SYSTEM) -> StoredRun:
        """Makes a FAILED job ACTIVE again in the run that failed, for these table ids (None: all).

        Raises NotFound, Conflict for a job that has not failed.
        """
        async with self.transaction() as session:
            job = await lock_job(session, job_id)
            if job.status != JobStatus.FAILED:
                raise Conflict(f"the job is {job.status}: there is nothing to retry", remedy=_instead(job.status))
            run = await _run_row(session, job.job_id, job.current_run)
            run.start_token = new_id()
            run.only_tables = None if only is None else list(only)
            run.workflow_run_id = None
            run.finished_at = None
            run.certificate = None
            await activate(session, job, run, "retry", actor)
            return read_run(run)

    @asynccontextmanager
    async def claim_start(self, job_id: str) -> AsyncIterator[StartClaim | None]:
        """The newest run if its workflow is not known to have started, else None. While the block runs no other
        process gets the claim; at its end the workflow's run id is stored. Raises NotFound."""
        async with self.transaction() as session:
            job = await reload(session, job_id)
            row = job.runs[-1] if job.runs else None
            if row is not None:
                await session.refresh(row, with_for_update=True)
                await session.refresh(job, ["status"])
            if row is None or row.workflow_run_id is not None or job.status not in RUNNING:
                yield None
                return
            claim = StartClaim(job=read_job(job), run=read_run(row))
            yield claim
            row.workflow_run_id = claim.workflow_run_id

    async def record_status(self, told: StatusUpdate) -> None:
        """Stores the workflow's word. Idempotent; word of a run that is not the newest leaves the job's row alone, and
        what an execution says after its last word, or after a newer one began, is passed over.

        Raises NotFound.
        """
        async with self.transaction() as session:
            job = await lock_job(session, told.job_id)
            run = await _run_row(session, job.job_id, told.run)
            await record_unseen_commands(session, run, told)
            if _is_late(run, told):
                return
            run.status = told.status
            run.attention = told.attention
            run.certificate = told.certificate or run.certificate
            if told.status.final and run.finished_at is None:
                run.finished_at = func.now()
            if job.current_run == told.run:
                job.status, job.attention, job.updated_at = told.status, told.attention, func.now()

    async def close_run(self, run: StoredRun, status: JobStatus, attention: str) -> bool:
        """Ends a run whose workflow ended without saying so. False where the run has ended or begun anew meanwhile."""
        async with self.transaction() as session:
            closed = await session.scalar(
                update(MigrationRun)
                .where(
                    MigrationRun.job_id == run.job_id,
                    MigrationRun.run == run.run,
                    MigrationRun.start_token == run.start_token,
                    MigrationRun.status.in_(RUNNING),
                )
                .values(status=status, attention=attention, finished_at=func.now())
                .returning(MigrationRun.run)
            )
            if closed is None:
                return False
            await session.execute(
                update(MigrationJob)
                .where(MigrationJob.job_id == run.job_id, MigrationJob.current_run == run.run)
                .values(status=status, attention=attention, updated_at=func.now())
            )
            audit(session, SYSTEM, "close", run.job_id, after={"status": status.value, "attention": attention})
            return True

    async def unfinished_runs(self) -> list[StoredRun]:
        """The newest run of every ACTIVE or PAUSED job."""
        query = (
            select(MigrationRun)
            .join(MigrationJob, MigrationJob.job_id == MigrationRun.job_id)
            .where(MigrationJob.status.in_(RUNNING), MigrationRun.run == MigrationJob.current_run)
        )
        async with self.transaction() as session:
            return [read_run(row) for row in await session.scalars(query)]

    async def runs(self, job_id: str) -> list[StoredRun]:
        """All runs of a job, oldest first. Raises NotFound."""
        async with self.transaction() as session:
            return [read_run(row) for row in (await reload(session, job_id)).runs]


async def _run_row(session: AsyncSession, job_id: str, run: int) -> MigrationRun:
    row = await session.get(MigrationRun, (job_id, run), with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"job {job_id} has no run {run}")
    return row


def _instead(status: str) -> str:
    if status in (JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.DRAFT):
        return "Start the job to begin a new run"
    return "Wait for its end"


def _is_late(run: MigrationRun, told: StatusUpdate) -> bool:
    """A stalled attempt to write a status must not wake up after the final one."""
    another = bool(told.workflow_run_id and run.workflow_run_id) and told.workflow_run_id != run.workflow_run_id
    return another or (JobStatus(run.status).final and not told.status.final)
