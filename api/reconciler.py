"""Puts right what a crash or a foreign hand left behind: runs never started, workflows ended from outside."""

from __future__ import annotations

import asyncio
import logging

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError, TerminatedError, TimeoutError
from temporalio.service import RPCError

from core.config_store.store import ConfigStore
from core.config_store.stored import StoredRun
from core.errors import MigrationError
from core.job_spec import JobStatus
from core.job_start import RPC_TIMEOUT, JobStarter, describe, start_token
from core.temporal_client import job_workflow_id

INTERVAL_SECONDS = 15.0

log = logging.getLogger(__name__)


class Reconciler:
    """Compares ACTIVE and PAUSED jobs with their workflows. Several may run at once: every step is conditional."""

    def __init__(self, store: ConfigStore, client: Client, starter: JobStarter) -> None:
        self._store = store
        self._client = client
        self._starter = starter

    async def run(self, interval: float = INTERVAL_SECONDS) -> None:
        """Reconciles every `interval` seconds until cancelled; outages are logged and waited for."""
        while True:
            try:
                await self.reconcile()
            except (MigrationError, RPCError) as error:
                log.warning("reconciling waits: %s", error)
            except Exception:
                log.exception("reconciling failed")
            await asyncio.sleep(interval)

    async def reconcile(self) -> None:
        """One look at all unfinished runs. Raises Unavailable, RPCError."""
        for run in await self._store.unfinished_runs():
            await self._reconcile_run(run)

    async def _reconcile_run(self, run: StoredRun) -> None:
        if run.workflow_run_id is None:
            await self._starter.ensure_started(run.job_id)
            return
        found = await describe(self._client, run.job_id)
        if found is None or await start_token(found) != run.start_token:
            await self._close(
                run, JobStatus.FAILED, "Temporal has forgotten the job's workflow. Retry continues the run"
            )
        elif found.status not in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            status, attention = await self._end_of(run, str(found.run_id))
            await self._close(run, status, attention)

    async def _close(self, run: StoredRun, status: JobStatus, attention: str) -> None:
        if await self._store.close_run(run, status, attention):
            log.warning("job %s, run %d closed as %s: %s", run.job_id, run.run, status, attention)

    async def _end_of(self, run: StoredRun, workflow_run_id: str) -> tuple[JobStatus, str]:
        handle = self._client.get_workflow_handle(job_workflow_id(run.job_id), run_id=workflow_run_id)
        try:
            await handle.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
        except WorkflowFailureError as error:
            cause = error.cause
            if isinstance(cause, CancelledError):
                return JobStatus.CANCELLED, "Its workflow was cancelled before it could say so"
            if isinstance(cause, TerminatedError):
                return JobStatus.FAILED, f"Its workflow was terminated from outside: {cause}. Retry continues the run"
            if isinstance(cause, TimeoutError):
                return JobStatus.FAILED, "Its workflow timed out. Retry continues the run"
            return JobStatus.FAILED, f"Its workflow failed: {cause}. Retry continues the run"
        return JobStatus.FAILED, "Its workflow ended without a last word. Retry continues the run"
