"""Jobs in the config store: created, read, listed, edited, deleted."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.config_store.audit_events import audit
from core.config_store.rows import new_id, read_job, read_summary, read_table, table_row, write_spec
from core.config_store.sessions import Transactions
from core.config_store.stored import (
    SYSTEM,
    Actor,
    Created,
    Idempotency,
    JobFilter,
    JobPage,
    JobSummary,
    StoredJob,
    StoredTable,
)
from core.config_store.tables import IdempotencyKey, MigrationJob, MigrationRun, TableConfig
from core.errors import Conflict, InvalidConfiguration, NotFound
from core.job_spec import JobSpec, JobStatus, TableSpec

EVERYTHING = (
    selectinload(MigrationJob.connectors),
    selectinload(MigrationJob.tables).selectinload(TableConfig.transformations),
    selectinload(MigrationJob.runs),
)


class Jobs(Transactions):
    """The part of the config store about jobs."""

    async def create_job(
        self, spec: JobSpec, *, draft: bool = True, idempotency: Idempotency | None = None, actor: Actor = SYSTEM
    ) -> Created:
        """Stores a new job: a draft, or with its first run begun.

        A key that has made a job before gives that job again, also when both come at once. Raises Conflict where the
        key came with another request, or its job has been deleted.
        """
        async with self.transaction() as session:
            job_id = new_id()
            if idempotency is not None:
                earlier = await _claim_key(session, idempotency, job_id)
                if earlier is not None:
                    return Created(job=read_job(earlier), new=False)
            row = MigrationJob(job_id=job_id, status=JobStatus.DRAFT, runs=[])
            write_spec(row, spec)
            session.add(row)
            audit(session, actor, "create", job_id, after=shown(spec))
            await session.flush()
            if not draft:
                await begin(session, await reload(session, job_id), actor)
            return Created(job=read_job(await reload(session, job_id)), new=True)

    async def get_job(self, job_id: str) -> StoredJob:
        """The job with its specification, table ids and runs. Raises NotFound."""
        async with self.transaction() as session:
            return read_job(await reload(session, job_id))

    async def get_summary(self, job_id: str) -> JobSummary:
        """The job without its tables and runs, for those who ask often. Raises NotFound."""
        async with self.transaction() as session:
            row = await session.get(MigrationJob, _checked(job_id))
            if row is None:
                raise _no_such_job(job_id)
            return read_summary(row)

    async def list_jobs(self, wanted: JobFilter, *, limit: int = 50, cursor: str | None = None) -> JobPage:
        """One page of jobs, newest first. Raises InvalidConfiguration for a cursor that no page gave."""
        query = _matching(wanted).order_by(MigrationJob.created_at.desc(), MigrationJob.job_id.desc()).limit(limit + 1)
        if cursor is not None:
            moment, job_id = _read_cursor(cursor)
            last = tuple_(literal(moment), literal(job_id, MigrationJob.job_id.type))
            query = query.where(tuple_(MigrationJob.created_at, MigrationJob.job_id) < last)
        async with self.transaction() as session:
            rows = (await session.scalars(query)).all()
        page = rows[:limit]
        more = len(rows) > limit
        return JobPage(jobs=[read_summary(row) for row in page], next_cursor=_cursor(page[-1]) if more else None)

    async def update_draft(self, job_id: str, spec: JobSpec, *, actor: Actor = SYSTEM) -> StoredJob:
        """Replaces a draft's specification; its tables get new ids. Raises NotFound, Conflict."""
        async with self.transaction() as session:
            row = await lock_job(session, job_id)
            if row.status != JobStatus.DRAFT:
                raise Conflict(
                    f"the job is {row.status}; only a DRAFT can be edited", remedy="Post the change as a new job"
                )
            before = read_job(await reload(session, job_id)).spec
            row.connectors.clear()
            row.tables.clear()
            await session.flush()
            write_spec(row, spec)
            row.updated_at = func.now()
            audit(session, actor, "update", job_id, before=shown(before), after=shown(spec))
            await session.flush()
            return read_job(await reload(session, job_id))

    async def delete_job(self, job_id: str, *, actor: Actor = SYSTEM) -> None:
        """Deletes a draft or a finished job. Raises NotFound, Conflict while it is ACTIVE or PAUSED."""
        async with self.transaction() as session:
            row = await lock_job(session, job_id)
            status = JobStatus(row.status)
            if status != JobStatus.DRAFT and not status.final:
                raise Conflict(f"the job is {status}; it cannot be deleted while it runs", remedy="Cancel it first")
            before = read_job(await reload(session, job_id)).spec
            audit(session, actor, "delete", job_id, before={"status": status.value, **shown(before)})
            await session.delete(row)

    async def resolve_tables(self, job_id: str, tables: Sequence[TableSpec]) -> list[StoredTable]:
        """The tables of a selection as rows, with their ids, in the order given. Idempotent: a table of the same
        source and destination names keeps the row, and the id, that it has. Raises NotFound."""
        async with self.transaction() as session:
            await lock_job(session, job_id)
            row = await reload(session, job_id)
            known = {_names(table): table for table in row.tables}
            resolved = []
            for spec in tables:
                key = (spec.source_schema, spec.source_table, spec.destination_schema, spec.destination_table)
                if key not in known:
                    known[key] = table_row(spec, len(known))
                    row.tables.append(known[key])
                resolved.append(known[key])
            await session.flush()
            return [read_table(table) for table in resolved]


async def begin(session: AsyncSession, job: MigrationJob, actor: Actor) -> MigrationRun:
    """Makes a job that is locked or new ACTIVE with its next run."""
    run = MigrationRun(job_id=job.job_id, run=job.current_run + 1, start_token=new_id())
    session.add(run)
    job.current_run = run.run
    await activate(session, job, run, "start", actor)
    return run


async def activate(session: AsyncSession, job: MigrationJob, run: MigrationRun, action: str, actor: Actor) -> None:
    """Makes a job and one of its runs ACTIVE and writes that down."""
    audit(
        session,
        actor,
        action,
        job.job_id,
        before={"status": job.status},
        after={"status": JobStatus.ACTIVE.value, "run": run.run, "only": run.only_tables},
    )
    job.status = run.status = JobStatus.ACTIVE
    job.attention = run.attention = None
    job.updated_at = func.now()
    await session.flush()
    await session.refresh(run)


async def reload(session: AsyncSession, job_id: str) -> MigrationJob:
    """The job's row with all that hangs on it, as the database has it now. Raises NotFound."""
    row = await session.get(MigrationJob, _checked(job_id), options=EVERYTHING, populate_existing=True)
    if row is None:
        raise _no_such_job(job_id)
    return row


async def lock_job(session: AsyncSession, job_id: str) -> MigrationJob:
    """The job's row alone, locked against other writers. Raises NotFound."""
    row = await session.get(MigrationJob, _checked(job_id), with_for_update=True, populate_existing=True)
    if row is None:
        raise _no_such_job(job_id)
    return row


async def _claim_key(session: AsyncSession, idempotency: Idempotency, job_id: str) -> MigrationJob | None:
    """None: the key is new and now stands for `job_id`; waits for another transaction that claims it just now."""
    claim = insert(IdempotencyKey).values(key=idempotency.key, request_hash=idempotency.request_hash, job_id=job_id)
    claimed = await session.scalar(claim.on_conflict_do_nothing().returning(IdempotencyKey.job_id))
    if claimed is not None:
        return None
    earlier = await session.get_one(IdempotencyKey, idempotency.key)
    if earlier.request_hash != idempotency.request_hash:
        raise Conflict(
            "this Idempotency-Key came with another request before", remedy="Use a new key for each new request"
        )
    try:
        return await reload(session, earlier.job_id)
    except NotFound as error:
        raise Conflict(
            "the job that this Idempotency-Key made has been deleted", remedy="Use a new key to make it again"
        ) from error


def _matching(wanted: JobFilter) -> Select[MigrationJob]:
    query = select(MigrationJob)
    if wanted.statuses:
        query = query.where(MigrationJob.status.in_([status.value for status in wanted.statuses]))
    if wanted.name:
        query = query.where(MigrationJob.name.icontains(wanted.name, autoescape=True))
    return query


def _cursor(row: MigrationJob) -> str:
    return base64.urlsafe_b64encode(f"{row.created_at.isoformat()} {row.job_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        moment, job_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(moment), str(uuid.UUID(job_id))
    except ValueError as error:
        raise InvalidConfiguration("the cursor is not one that a page gave", remedy="Leave it out to begin") from error


def _names(row: TableConfig) -> tuple[str | None, str, str | None, str | None]:
    return row.source_schema, row.source_table, row.destination_schema, row.destination_table


def shown(spec: JobSpec) -> dict[str, Any]:
    """A specification in an audit event: what it says beyond the defaults."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _checked(job_id: str) -> str:
    try:
        return str(uuid.UUID(job_id))
    except ValueError:
        raise _no_such_job(job_id) from None


def _no_such_job(job_id: str) -> NotFound:
    return NotFound(f"there is no job {job_id}", remedy="GET /api/jobs lists the jobs")
