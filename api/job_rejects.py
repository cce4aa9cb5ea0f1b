"""The rejects of a job's newest run: listed from their documents, replayed by a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal

from pydantic import Field
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.base_model import Model
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor, StoredJob, StoredTable
from core.dispatch import job_priority
from core.documents import DocumentStore, progress_document
from core.errors import Conflict, NotFound
from core.job_start import RPC_TIMEOUT
from core.progress import JobProgress
from core.rejects import Reject, TableRejects
from core.replay import ReplayOutcome, ReplayRequest, ReplayRun
from core.temporal_client import replay_workflow_id, task_queue

STATES: dict[WorkflowExecutionStatus | None, Literal["RUNNING", "COMPLETED"]] = {
    WorkflowExecutionStatus.RUNNING: "RUNNING",
    WorkflowExecutionStatus.COMPLETED: "COMPLETED",
}


class RejectPage(Model):
    """Some of the rows that the destination does not hold."""

    total: int
    """Of all pages."""
    rejects: list[Reject]


class ReplayView(Model):
    """The newest replay of a job's rejects."""

    status: Literal["RUNNING", "COMPLETED", "FAILED"]
    loaded: int = 0
    rejected: int = 0
    """Refused again: they stay rejects, with the new reason."""
    proved: bool = False
    message: str = Field(default="", description="Why it failed.")


class JobRejects:
    """What the routes about rejects do."""

    def __init__(self, store: ConfigStore, client: Client, documents: DocumentStore, task_queue_prefix: str) -> None:
        self._store = store
        self._client = client
        self._documents = documents
        self._queue = task_queue(task_queue_prefix, "control")

    async def page(self, job_id: str, table: str | None, offset: int, limit: int, run: int | None = None) -> RejectPage:
        """Rows by table and batch, of the newest run unless one is given. Raises NotFound for a table that the job
        does not have."""
        job = await self._store.get_job(job_id)
        total, rejects = 0, list[Reject]()
        for chosen in _chosen(job, [table] if table else []):
            kept = TableRejects(self._documents, job.job_id, run or job.run, chosen.table_id)
            count = kept.count(waiting=True)
            first = max(0, offset - total)
            if first < count and len(rejects) < limit:
                rejects += islice(kept.read(), first, first + limit - len(rejects))
            total += count
        return RejectPage(total=total, rejects=rejects)

    async def replay(self, job_id: str, request: ReplayRequest, actor: Actor) -> ReplayView:
        """Starts loading rejects again, or goes on where a replay was stopped before it wrote the certificate. Raises
        NotFound for a table that the job does not have, Conflict while the job or a replay runs and where there is
        nothing to replay."""
        job = await self._store.get_job(job_id)
        if not job.status.final:
            raise Conflict(
                f"the job is {job.status}", remedy="Retry its parked tables, or wait for its end and replay then"
            )
        chosen, run = _chosen(job, request.tables), request.run or job.run
        rejected = (TableRejects(self._documents, job.job_id, run, one.table_id) for one in chosen)
        if not any(one.count() for one in rejected) and not self._uncertified(job, run, chosen):
            raise Conflict("there is no reject to replay", remedy="GET …/rejects lists them")
        ids = [table.table_id for table in chosen] if request.tables else []
        async with self._store.recorded(job.job_id, "replay", actor=actor, after=request.model_dump()):
            await self._start(ReplayRun(job_id=job.job_id, run=run, tables=ids), job_priority(job.spec))
        return ReplayView(status="RUNNING")

    async def _start(self, run: ReplayRun, priority: Priority) -> None:
        try:
            await self._client.start_workflow(
                "ReplayRejects",
                run,
                id=replay_workflow_id(run.job_id),
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary="load the rejects again",
                priority=priority,
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError as error:
            raise Conflict("a replay is running already", remedy="GET …/rejects/replay shows it") from error

    def _uncertified(self, job: StoredJob, run: int, tables: Sequence[StoredTable]) -> bool:
        """The run's last words name rejects of these tables, which an unfinished replay has loaded."""
        try:
            last = JobProgress.model_validate_json(self._documents.read(progress_document(job.job_id, run)))
        except NotFound:
            return False
        ids = {table.table_id for table in tables}
        return any(table.rejected for table in last.tables if table.table_id in ids)

    async def last_replay(self, job_id: str) -> ReplayView:
        """How the newest replay stands. Raises NotFound where there was none."""
        await self._store.get_job(job_id)
        handle = self._client.get_workflow_handle(replay_workflow_id(job_id), result_type=ReplayOutcome)
        try:
            found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            status = STATES.get(found.status)
            if status == "RUNNING":
                return ReplayView(status=status)
            outcome = await handle.result(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise NotFound("the job's rejects were never replayed", remedy="POST …/rejects/replay") from error
        except WorkflowFailureError as error:
            message = error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause)
            return ReplayView(status="FAILED", message=message)
        return ReplayView(status="COMPLETED", loaded=outcome.loaded, rejected=outcome.rejected, proved=outcome.proved)


def _chosen(job: StoredJob, names: Sequence[str]) -> list[StoredTable]:
    """The job's tables, or those of them that are meant by id or by the name of either side."""
    if not names:
        return list(job.tables)
    chosen = []
    for name in names:
        found = [table for table in job.tables if name in _names(table)]
        if not found:
            known = ", ".join(table.destination for table in job.tables)
            raise NotFound(f"the job has no table {name}", remedy=f"Its tables: {known}")
        chosen += found
    return chosen


def _names(table: StoredTable) -> set[str]:
    sides = (table.source, table.destination)
    return {table.table_id, *sides, *(side.rsplit(".", 1)[-1] for side in sides)}
