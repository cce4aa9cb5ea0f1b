"""What of a job is worth a notice, and when: each event once, and many tables that park together in one."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from core.job_spec import JobStatus
    from core.models import JobRun
    from core.notices import UNDELIVERED, Notice
    from core.notify_spec import NoticeEvent, NotifySpec
    from core.progress import TableStatus
    from workflows.deliver_notice import DeliverNotice
    from workflows.job_report import JobReport

FIRST_PAUSE = timedelta(seconds=5)
"""What happens within it is told together."""
LONGEST_PAUSE = timedelta(minutes=10)
"""It doubles up to this with each notice, until an operator's retry: tables that park all night are no mail each."""
ENDS = {
    JobStatus.COMPLETED: NoticeEvent.COMPLETED,
    JobStatus.FAILED: NoticeEvent.FAILED,
    JobStatus.CANCELLED: NoticeEvent.CANCELLED,
}


class Notices:
    """Looks at the report and starts a workflow of its own for each notice. A job that asks for none costs nothing."""

    def __init__(self, run: JobRun, report: JobReport) -> None:
        self._run = run
        self._report = report
        self._pause = FIRST_PAUSE
        self._teller: asyncio.Task[None] | None = None
        self._over = False
        self._told_parked: set[str] = set()
        self._told_waiting: set[str] = set()
        self._told_rejects: set[int] = set()
        """Places in the job's list of channels."""
        self._numbers: dict[NoticeEvent, int] = {}
        if run.notify:
            workflow.set_signal_handler(UNDELIVERED, self._take_undelivered)

    def look(self) -> None:
        """Begins to tell what is new, after a pause; returns at once."""
        if self._run.notify and not self._over and self._teller is None and self._has_news():
            self._teller = asyncio.create_task(self._tell_soon())

    def forget(self) -> None:
        """An operator's retry: what comes up again is told again, and soon."""
        self._told_parked.clear()
        self._told_waiting.clear()
        self._pause = FIRST_PAUSE

    async def end(self, status: JobStatus) -> None:
        """Tells how the run ended; rejects that nobody heard of go first. Returns when the notices are on their way."""
        self._over = True
        if not self._run.notify:
            return
        if self._teller is not None:
            await self._teller
        await self._tell_rejects()
        event = ENDS[status]
        if event == NoticeEvent.COMPLETED and not self._report.all_proved:
            event = NoticeEvent.UNPROVED
        reason = self._report.failures() if status == JobStatus.FAILED else self._report.waiting_for
        await self._tell(event, _ended(event), [reason] if reason else [])

    def _has_news(self) -> bool:
        return bool(self._untold_parked() or self._untold_waiting() or self._untold_rejects())

    async def _tell_soon(self) -> None:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._over, timeout=self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        if not self._over and (parked := self._untold_parked()):
            await self._tell_parked(parked)
        if not self._over and (reason := self._untold_waiting()) is not None:
            self._told_waiting.add(reason)
            await self._tell(NoticeEvent.WAITING, "the job waits for an operator", [reason])
        await self._tell_rejects()
        self._teller = None
        self.look()

    async def _tell_parked(self, parked: list[str]) -> None:
        self._told_parked.update(parked)
        many = "1 table" if len(parked) == 1 else f"{len(parked)} tables"
        reasons = [f"{self._report.name(table_id)}: {self._report.message(table_id)}" for table_id in parked]
        await self._tell(NoticeEvent.PARKED, f"{many} parked, retry when mended", reasons)

    async def _tell_rejects(self) -> None:
        over = self._untold_rejects()
        self._told_rejects.update(over)
        if over:
            least = min(self._run.notify[place].rejects_over for place in over)
            headline = f"{self._report.rejected:,} rows rejected, more than {least:,}"
            await self._tell(NoticeEvent.REJECTS, headline, [], [self._run.notify[place] for place in over])

    def _untold_parked(self) -> list[str]:
        parked = self._report.ids(TableStatus.PARKED) if self._asked(NoticeEvent.PARKED) else []
        return [table_id for table_id in parked if table_id not in self._told_parked]

    def _untold_waiting(self) -> str | None:
        reason = self._report.waiting_for if self._asked(NoticeEvent.WAITING) else None
        return None if reason in self._told_waiting else reason

    def _untold_rejects(self) -> list[int]:
        return [
            place
            for place, asked in enumerate(self._run.notify)
            if place not in self._told_rejects
            and asked.wants(NoticeEvent.REJECTS)
            and self._report.rejected > asked.rejects_over
        ]

    def _asked(self, event: NoticeEvent) -> bool:
        return any(asked.wants(event) for asked in self._run.notify)

    async def _tell(
        self, event: NoticeEvent, headline: str, reasons: list[str], to: list[NotifySpec] | None = None
    ) -> None:
        wanted = to or [asked for asked in self._run.notify if asked.wants(event)]
        if not wanted:
            return
        number = self._numbers[event] = self._numbers.get(event, 0) + 1
        notice = self._notice(event, number, headline, reasons, list(dict.fromkeys(asked.channel for asked in wanted)))
        try:
            await workflow.start_child_workflow(
                DeliverNotice.run,
                notice,
                id=f"notice/{notice.key}",
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"{event}: {headline}",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the notice is on its way already")

    def _notice(
        self, event: NoticeEvent, number: int, headline: str, reasons: list[str], channels: list[str]
    ) -> Notice:
        """Its key names the execution: a failed run that is tried again has another end to tell of."""
        progress = self._report.progress()
        execution = workflow.info().first_execution_run_id
        return Notice(
            key=f"{self._run.job_id}/{self._run.run}/{execution}/{event.value}-{number}",
            event=event,
            job_id=self._run.job_id,
            job_name=self._run.name,
            run=self._run.run,
            status=progress.status,
            headline=headline,
            reasons=reasons,
            tables=len(progress.tables),
            tables_completed=len(self._report.ids(TableStatus.COMPLETED)),
            rows=progress.rows,
            rejected=progress.rejected,
            happened_at=workflow.now(),
            channels=channels,
        )

    async def _take_undelivered(self, message: str) -> None:
        self._report.undelivered = message


def _ended(event: NoticeEvent) -> str:
    return {
        NoticeEvent.COMPLETED: "completed and proved",
        NoticeEvent.UNPROVED: "completed, but not every table is proved",
    }.get(event, event.value)
