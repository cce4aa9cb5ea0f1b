"""Four eyes: the job begins when somebody who did not ask for it approves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from core.approval import Approval
    from core.models import ApproveCommand, JobRun
    from workflows.job_report import JobReport
    from workflows.status_record import StatusRecord


class ApprovalWait:
    """Takes the update `approve`. The job is ACTIVE meanwhile, and its attention says what it waits for."""

    def __init__(
        self, run: JobRun, report: JobReport, status: StatusRecord, record: Callable[[], Awaitable[None]]
    ) -> None:
        self._need = run.approval
        self._report = report
        self._status = status
        self._record = record
        report.approval = self._need.given if self._need else None
        workflow.set_update_handler("approve", self._approve, validator=self._refuse)

    async def wait(self) -> None:
        """Returns at once where nobody has to approve, or somebody has."""
        if self._need is None or self._report.approval is not None:
            return
        self._report.waiting_for = (
            f"waits for approval by somebody other than {', '.join(self._need.not_by)}: sterna approve JOB"
        )
        self._report.stage = "waiting for approval"
        await self._record()
        await workflow.wait_condition(lambda: self._report.approval is not None)
        self._report.waiting_for = None

    async def _approve(self, request: ApproveCommand) -> None:
        self._report.approval = Approval(by=request.by, at=workflow.now())
        self._status.hear("approve", request)

    def _refuse(self, request: ApproveCommand) -> None:
        if self._need is None:
            raise ApplicationError("the job needs no approval", type="NoApproval")
        if self._report.approval is not None:
            raise ApplicationError(f"{self._report.approval.by} has approved it already", type="Approved")
        if not request.by or request.by in self._need.not_by:
            askers = ", ".join(self._need.not_by)
            raise ApplicationError(
                f"somebody other than {askers}, who asked for it, has to approve it", type="SelfApproval"
            )
