"""Starts the workflow of a run, exactly once, however many processes try and wherever one of them dies."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core import search_attributes
from core.config_store.runs import StartClaim
from core.config_store.store import ConfigStore
from core.dispatch import job_priority
from core.errors import Conflict, Unavailable
from core.job_spec import JobStatus
from core.models import JobRun
from core.route import endpoints
from core.running_replay import is_replayed
from core.temporal_client import job_workflow_id, task_queue

MEMO_TOKEN = "startToken"  # noqa: S105
RPC_TIMEOUT = timedelta(seconds=5)
CLOSING_SECONDS = 5.0
"""A run's last status is stored a moment before its workflow closes; the next run waits this long for that."""
LONGEST_SUMMARY = 200  # Temporal takes 400 bytes

log = logging.getLogger(__name__)


class JobStarter:
    """Gives runs their workflows."""

    def __init__(self, store: ConfigStore, client: Client, task_queue_prefix: str, *, all_wait: bool = False) -> None:
        """`all_wait`: every job waits for approval, not only those that say so."""
        self._store = store
        self._client = client
        self._queue = task_queue(task_queue_prefix, "control")
        self._all_wait = all_wait

    async def ensure_started(self, job_id: str) -> None:
        """Starts the newest run's workflow unless it has been started. Raises NotFound.

        Where Temporal is away nothing happens: the reconciler tries again, the run is safe in the config store.
        """
        try:
            async with self._store.claim_start(job_id) as claim:
                if claim is not None:
                    claim.workflow_run_id = await self._start(claim)
        except (RPCError, Unavailable) as error:
            log.warning("job %s is not started yet: %s", job_id, error)

    async def refuse_beside_replay(self, job_id: str) -> None:
        """Raises Conflict while the job's rejects are loaded again. Where Temporal is away nobody knows: the run is
        begun, and waits for the replay's end before its workflow starts."""
        try:
            if await is_replayed(self._client, job_id):
                raise Conflict("the job's rejects are being replayed", remedy="GET …/rejects/replay shows when it ends")
        except RPCError as error:
            log.warning("whether the rejects of job %s are replayed is not known: %s", job_id, error)

    async def _start(self, claim: StartClaim) -> str:
        """Run id of the workflow that carries the claim's token. Raises RPCError, Unavailable.

        The job is ACTIVE already: a replay that began before is seen here, one that begins now sees that.
        """
        if await is_replayed(self._client, claim.job.job_id):
            raise Unavailable("its rejects are being replayed")
        deadline = time.monotonic() + CLOSING_SECONDS
        while time.monotonic() < deadline:
            found = await describe(self._client, claim.job.job_id)
            if found is not None and await start_token(found) == claim.run.start_token:
                return str(found.run_id)
            try:
                return await self._start_workflow(claim)
            except WorkflowAlreadyStartedError:
                await asyncio.sleep(0.2)
        raise Unavailable("an earlier run's workflow has not closed")

    async def _start_workflow(self, claim: StartClaim) -> str:
        job, run = claim.job, claim.run
        waits = self._all_wait or job.spec.options.approval
        need = await self._store.approval_need(job.job_id, run.run) if waits else None
        handle = await self._client.start_workflow(
            "MigrationJob",
            JobRun(
                job_id=job.job_id,
                run=run.run,
                only=run.only_tables,
                name=job.name,
                notify=job.spec.options.notify,
                approval=need,
            ),
            id=job_workflow_id(job.job_id),
            task_queue=self._queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            memo={MEMO_TOKEN: run.start_token},
            search_attributes=search_attributes.for_job(job.job_id, JobStatus.ACTIVE, endpoints(job.spec)),
            static_summary=job.name[:LONGEST_SUMMARY],
            priority=job_priority(job.spec),
            rpc_timeout=RPC_TIMEOUT,
        )
        return str(handle.first_execution_run_id or handle.result_run_id)


async def describe(client: Client, job_id: str) -> WorkflowExecutionDescription | None:
    """The newest workflow execution of a job, None where Temporal knows none. Raises RPCError."""
    try:
        return await client.get_workflow_handle(job_workflow_id(job_id)).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def start_token(found: WorkflowExecutionDescription) -> str | None:
    """The token of the run that a workflow was started for."""
    token = await found.memo_value(MEMO_TOKEN, None, type_hint=str)
    return token if isinstance(token, str) else None
