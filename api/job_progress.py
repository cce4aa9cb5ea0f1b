"""Where a job is: asked of its workflow and its running tables, after its end read from its last words."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pydantic import ValidationError
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from core.config_store.stored import StoredJob
from core.documents import DocumentStore, progress_document
from core.errors import NotFound
from core.limits import Limits
from core.progress import JobProgress, TableProgress, TableStatus
from core.temporal_client import job_workflow_id, table_workflow_id

JOB_TIMEOUT = timedelta(seconds=5)
TABLE_TIMEOUT = timedelta(seconds=2)
NOBODY_ANSWERS = "No control worker answers. Start one: sterna worker --stages control"


class ProgressReader:
    """Puts a job's progress together. Reads only, never fails because a worker is away."""

    def __init__(self, client: Client, documents: DocumentStore) -> None:
        self._client = client
        self._documents = documents

    async def read(self, job: StoredJob) -> JobProgress:
        """Live numbers while the job runs, its last words afterwards; else what the config store knows."""
        if job.latest_run is None:
            return _stored_progress(job)
        if job.status.final:
            return self.last_words(job) or _stored_progress(job)
        live = await self._ask_job(job)
        if live is None:
            stored = self.last_words(job) or _stored_progress(job)
            return stored.model_copy(update={"attention": job.attention or NOBODY_ANSWERS})
        return await self._with_tables(live)

    async def limits(self, job: StoredJob) -> Limits | None:
        """Those that hold for a job that runs; None where nobody knows."""
        live = await self._ask_job(job)
        return live.limits if live else None

    def last_words(self, job: StoredJob) -> JobProgress | None:
        """The document that the newest run left, with status and attention as they stand now."""
        try:
            text = self._documents.read(progress_document(job.job_id, job.run))
            progress = JobProgress.model_validate_json(text)
        except (NotFound, ValidationError):
            return None
        return progress.model_copy(update={"status": job.status, "attention": job.attention})

    async def recall(self, job_id: str, tables: list[TableProgress]) -> list[tuple[TableProgress, TableProgress]]:
        """Tables with what they say of themselves; those that have ended answer while Temporal keeps them."""
        answers = await asyncio.gather(*(self._ask_table(job_id, table) for table in tables))
        return list(zip(tables, answers, strict=True))

    async def _ask_job(self, job: StoredJob) -> JobProgress | None:
        handle = self._client.get_workflow_handle(job_workflow_id(job.job_id))
        try:
            answer = await handle.query("progress", result_type=JobProgress, rpc_timeout=JOB_TIMEOUT)
        except (RPCError, WorkflowQueryFailedError):
            return None
        assert isinstance(answer, JobProgress)
        if answer.run != job.run:
            return None
        # Who reads that a job has ended asks for its certificate next, and that lies in the row.
        return answer.model_copy(update={"status": job.status}) if answer.status.final else answer

    async def _with_tables(self, job: JobProgress) -> JobProgress:
        tables = await asyncio.gather(*(self._with_own_numbers(job.job_id, table) for table in job.tables))
        running = [table for table in tables if table.status is TableStatus.RUNNING]
        return job.model_copy(
            update={
                "tables": tables,
                "rows": sum(table.rows for table in tables),
                "rows_per_second": sum(table.rows_per_second for table in running),
            }
        )

    async def _with_own_numbers(self, job_id: str, table: TableProgress) -> TableProgress:
        return await self._ask_table(job_id, table) if table.status is TableStatus.RUNNING else table

    async def _ask_table(self, job_id: str, table: TableProgress) -> TableProgress:
        """What is known of it already, where nobody answers."""
        handle = self._client.get_workflow_handle(table_workflow_id(job_id, table.table_id))
        try:
            answer = await handle.query("progress", result_type=TableProgress, rpc_timeout=TABLE_TIMEOUT)
        except (RPCError, WorkflowQueryFailedError):
            return table
        assert isinstance(answer, TableProgress)
        return answer


def _stored_progress(job: StoredJob) -> JobProgress:
    latest = job.latest_run
    return JobProgress(
        job_id=job.job_id,
        run=job.run,
        status=job.status,
        attention=job.attention,
        tables=[
            TableProgress(table_id=table.table_id, name=f"{table.source} → {table.destination}") for table in job.tables
        ],
        started_at=latest.started_at if latest else None,
        certificate=latest.certificate if latest else None,
    )
