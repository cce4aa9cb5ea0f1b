"""Schedule: begins a job's run for one time of its schedule, by the same way as an operator's start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode

from core.errors import NotFound, Unavailable
from core.running_replay import is_replayed
from core.schedule import StartRunInput, StartRunResult
from core.temporal_client import schedule_id

if TYPE_CHECKING:
    from temporalio.client import Client

    from core.config_store.store import ConfigStore
    from core.job_start import JobStarter


class ScheduleActivities:
    """Served by `sterna-control` workers."""

    def __init__(self, store: ConfigStore, client: Client, starter: JobStarter) -> None:
        self._store = store
        self._client = client
        self._starter = starter

    @activity.defn
    async def start_run(self, given: StartRunInput) -> StartRunResult:
        """Begins a run in the config store and starts its workflow. Idempotent by the scheduled time.

        Raises Unavailable, to be tried again, while the job's rejects are replayed and until the workflow is known to
        have started.
        """
        if await is_replayed(self._client, given.job_id):
            raise Unavailable("the job's rejects are being replayed")
        try:
            begun = await self._store.begin_scheduled(given.job_id, given.scheduled_at, waits=given.waits)
        except NotFound:
            await self._delete_schedule(given.job_id)
            return StartRunResult(outcome="GONE")
        if begun is None:
            return StartRunResult(outcome="WAIT")
        if begun.outcome == "STARTED":
            await self._starter.ensure_started(given.job_id)
            run = (await self._store.get_job(given.job_id)).latest_run
            if run is not None and not run.status.final and run.workflow_run_id is None:
                raise Unavailable(f"the workflow of run {run.run} is not started yet")
        return StartRunResult(outcome=begun.outcome, run=begun.run)

    async def _delete_schedule(self, job_id: str) -> None:
        """The schedule of a job that was deleted while Temporal was away."""
        try:
            await self._client.get_schedule_handle(schedule_id(job_id)).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
