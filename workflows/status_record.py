"""Tells the config store, and Temporal's visibility, the status of a job."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.status import StatusActivities
    from core.job_spec import JobStatus
    from core.models import Command, GivenCommand, JobRun, RunOutcome, StatusUpdate
    from core.search_attributes import STATUS
    from workflows.activity_options import control
    from workflows.job_report import JobReport


class StatusRecord:
    """Writes one status after another, and none twice."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._turn = asyncio.Lock()
        self._written: StatusUpdate | None = None
        self._closed = False
        self._unrecorded: list[GivenCommand] = []

    def hear(self, action: str, command: Command | None) -> None:
        """A command goes into the audit trail with the next status, unless the API says that it has recorded it."""
        if command is None or not command.recorded:
            details = command.model_dump(exclude_unset=True, by_alias=True, exclude={"recorded"}) if command else {}
            self._unrecorded.append(GivenCommand(action=action, at=workflow.now(), details=details))

    async def write(self, report: JobReport) -> None:
        """Writes the status as it stands when its turn comes: what is written last is what is true."""
        async with self._turn:
            update = self._update(report)
            if self._closed or update == self._written:
                return
            self._unrecorded.clear()
            workflow.upsert_search_attributes([STATUS.value_set(update.status.value)])
            await workflow.execute_activity_method(
                StatusActivities.record_status, update, **control(f"record status {update.status.value}")
            )
            self._written = update.model_copy(update={"unrecorded": []})

    async def close(self, report: JobReport, status: JobStatus) -> None:
        """Keeps the last words of the run, clears what it staged, and then writes the status that ends it: nothing is
        written after it, and what was heard until then goes with it."""
        async with self._turn:
            self._closed = True
            ended = {"status": status}
            outcome = RunOutcome(
                progress=report.progress().model_copy(update=ended),
                update=self._update(report).model_copy(update=ended),
            )
            workflow.upsert_search_attributes([STATUS.value_set(status.value)])
            await workflow.execute_activity_method(
                StatusActivities.record_outcome,
                outcome,
                **control("keep the outcome, clear staging, record the status"),
            )

    def _update(self, report: JobReport) -> StatusUpdate:
        return StatusUpdate(
            job_id=self._run.job_id,
            run=self._run.run,
            workflow_run_id=workflow.info().run_id,
            status=report.status,
            attention=report.attention,
            certificate=report.certificate,
            unrecorded=list(self._unrecorded),
        )
