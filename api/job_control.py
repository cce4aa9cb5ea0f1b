"""What operators do with jobs: each command is checked against the job's state, then told to its workflow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from api.job_progress import ProgressReader
from core.base_model import Request
from core.config_store.audit_events import as_recorded
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor, Created, Idempotency, StoredJob
from core.errors import Conflict, NotFound, Unavailable
from core.job_spec import JobSpec, JobStatus
from core.job_start import RPC_TIMEOUT, JobStarter
from core.limits import LimitsRequest
from core.models import PauseRequest, RetryRequest
from core.progress import JobProgress, TableProgress, TableStatus
from core.temporal_client import job_workflow_id

UPDATE_TIMEOUT = timedelta(seconds=15)
RECORDED = {"recorded": True}
"""Tells a workflow that its command stands in the audit trail."""
Command = Callable[[WorkflowHandle[Any, Any]], Awaitable[None]]


class JobControl:
    """Commands to jobs. Every method raises NotFound for an unknown job and Conflict where its state forbids it."""

    def __init__(self, store: ConfigStore, client: Client, starter: JobStarter, progress: ProgressReader) -> None:
        self._store = store
        self._client = client
        self._starter = starter
        self._progress = progress

    async def submit(self, spec: JobSpec, *, draft: bool, key: str | None, actor: Actor) -> Created:
        """Saves a job and, unless it is a draft, starts it. The same key and request again give the same job."""
        idempotency = None if key is None else Idempotency(key, _request_hash(spec, draft))
        created = await self._store.create_job(spec, draft=draft, idempotency=idempotency, actor=actor)
        if draft:
            return created
        await self._starter.ensure_started(created.job.job_id)
        return Created(job=await self._store.get_job(created.job.job_id), new=created.new)

    async def start(self, job_id: str, actor: Actor) -> StoredJob:
        """Begins the next run of a draft or of a job that has ended."""
        await self._starter.refuse_beside_replay(job_id)
        await self._store.begin_run(job_id, actor=actor)
        await self._starter.ensure_started(job_id)
        return await self._store.get_job(job_id)

    async def refuse_beside_replay(self, job_id: str) -> None:
        """What would take away the documents that a replay works on."""
        await self._starter.refuse_beside_replay(job_id)

    async def pause(self, job_id: str, request: PauseRequest, actor: Actor) -> StoredJob:
        """Asks the workflow to pause; the status follows when nothing is in flight."""

        async def signal(handle: WorkflowHandle[Any, Any]) -> None:
            await handle.signal("pause", _told(request), rpc_timeout=RPC_TIMEOUT)

        return await self._tell(job_id, "pause", signal, actor, request.model_dump())

    async def resume(self, job_id: str, actor: Actor) -> StoredJob:
        """Asks the workflow to go on."""

        async def signal(handle: WorkflowHandle[Any, Any]) -> None:
            await handle.signal("resume", RECORDED, rpc_timeout=RPC_TIMEOUT)

        return await self._tell(job_id, "resume", signal, actor, None)

    async def cancel(self, job_id: str, actor: Actor) -> StoredJob:
        """Asks the workflow to stop for good; what was loaded stays."""

        async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
            await handle.cancel(rpc_timeout=RPC_TIMEOUT)

        return await self._tell(job_id, "cancel", cancel, actor, None)

    async def approve(self, job_id: str, actor: Actor) -> StoredJob:
        """Lets a run that waits for it begin. Raises Conflict for those who asked for the run, and where none waits."""
        job = await self._tell(job_id, "approve", _approving(actor), actor, None)
        await self._store.record_approval(job.job_id, job.runs[-1].run, actor)
        return job

    async def retry(self, job_id: str, request: RetryRequest, actor: Actor) -> StoredJob:
        """Starts parked and failed tables again: all, or those named. Raises NotFound where no such table waits."""
        job = await self._store.get_job(job_id)
        if job.status is not JobStatus.FAILED:
            return await self._tell(job_id, "retry", self._retrying(request), actor, request.model_dump())
        await self._starter.refuse_beside_replay(job_id)
        last = self._progress.last_words(job)
        await self._store.reopen_run(job_id, _unfinished_tables(last, request.tables), actor=actor)
        await self._starter.ensure_started(job_id)
        return await self._store.get_job(job_id)

    async def set_limits(self, job_id: str, request: LimitsRequest, actor: Actor) -> StoredJob:
        """Changes the limits of a job that runs; its next run begins with its options again."""
        return await self._tell(job_id, "limit", _limiting(request), actor, request.named(), self._limits_before)

    def _retrying(self, request: RetryRequest) -> Command:
        async def update(handle: WorkflowHandle[Any, Any]) -> None:
            try:
                taken = await handle.execute_update(
                    "retry_tables", _told(request), result_type=list[str], rpc_timeout=UPDATE_TIMEOUT
                )
            except WorkflowUpdateFailedError as error:
                raise Conflict(f"the job refuses to retry: {error.cause}") from error
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise _nobody_answered("the tables may yet be tried again") from error
            if request.tables and not taken:
                raise _none_waits(request.tables)

        return update

    async def _tell(
        self,
        job_id: str,
        action: str,
        command: Command,
        actor: Actor,
        details: dict[str, Any] | None,
        standing: Callable[[StoredJob], Awaitable[dict[str, Any]]] | None = None,
    ) -> StoredJob:
        job = await self._store.get_job(job_id)
        if job.status is JobStatus.DRAFT or job.status.final:
            raise Conflict(f"the job is {job.status}: there is nothing to {action}", remedy="Start it first")
        before = {"status": job.status.value, **(await standing(job) if standing else {})}
        async with self._store.recorded(job.job_id, action, actor=actor, before=before, after=details):
            await self._command(job.job_id, command)
        return await self._store.get_job(job_id)

    async def _command(self, job_id: str, command: Command) -> None:
        try:
            await command(self._client.get_workflow_handle(job_workflow_id(job_id)))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise Conflict(
                "the job's workflow does not run", remedy="Its status is put right within 15 s; look again then"
            ) from error

    async def _limits_before(self, job: StoredJob) -> dict[str, Any]:
        limits = await self._progress.limits(job)
        return limits.model_dump(by_alias=True) if limits else {}


def _told(request: Request) -> dict[str, Any]:
    """What the request names, for a converter that would write what is not named as null."""
    return {**request.model_dump(exclude_unset=True, by_alias=True), **RECORDED}


def _limiting(request: LimitsRequest) -> Command:
    async def update(handle: WorkflowHandle[Any, Any]) -> None:
        try:
            await handle.execute_update("set_limits", _told(request), rpc_timeout=UPDATE_TIMEOUT)
        except WorkflowUpdateFailedError as error:
            raise Conflict(f"the job refuses the limits: {error.cause}") from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise _nobody_answered("the limits may yet be changed") from error

    return update


def _approving(actor: Actor) -> Command:
    async def update(handle: WorkflowHandle[Any, Any]) -> None:
        try:
            await handle.execute_update(
                "approve", {"by": as_recorded(actor.name), **RECORDED}, rpc_timeout=UPDATE_TIMEOUT
            )
        except WorkflowUpdateFailedError as error:
            raise Conflict(f"the job refuses the approval: {error.cause}") from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise _nobody_answered("the job may yet be approved") from error

    return update


def _nobody_answered(what_may_be: str) -> Unavailable:
    return Unavailable(f"no control worker answered; {what_may_be}", remedy="Start one: sterna worker --stages control")


def _request_hash(spec: JobSpec, draft: bool) -> str:
    request = {"draft": draft, **spec.model_dump(mode="json", by_alias=True)}
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _unfinished_tables(last: JobProgress | None, wanted: list[str]) -> list[str] | None:
    """Ids of the tables that the failed run left undone; None, which means all, where it left no word of any."""
    if last is None or not last.tables:
        if wanted:
            raise Conflict(
                "the failed run left no word on its tables, so none can be chosen", remedy="Retry without naming tables"
            )
        return None
    undone = [table for table in last.tables if table.status is not TableStatus.COMPLETED]
    chosen = [table.table_id for table in undone if not wanted or any(_is_meant(table, name) for name in wanted)]
    if wanted and not chosen:
        raise _none_waits(wanted)
    return chosen or None


def _is_meant(table: TableProgress, name: str) -> bool:
    destination = table.name.rpartition(" → ")[2]
    return name in (table.table_id, table.name, destination, destination.rpartition(".")[2])


def _none_waits(names: list[str]) -> NotFound:
    return NotFound(
        f"none of the job's parked or failed tables is named {', '.join(names)}",
        remedy="GET …/progress shows the tables; use a table's id or its destination name",
    )
