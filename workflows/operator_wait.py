"""Steps that the whole job depends on: where one fails, the job waits for an operator's word and tries it again."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows import outcomes
    from workflows.job_report import JobReport
    from workflows.stage_gate import StageGate

Result = TypeVar("Result")
AGAIN = timedelta(seconds=10)


class OperatorWait:
    """The job is ACTIVE meanwhile, and its attention says what it waits for."""

    def __init__(self, gate: StageGate, report: JobReport, record: Callable[[], Awaitable[None]]) -> None:
        self._gate = gate
        self._report = report
        self._record = record
        self._asked = False

    def retry(self) -> None:
        """The operator's word."""
        self._asked = True

    async def until_it_works(self, start: Callable[[], workflow.ActivityHandle[Result]]) -> Result:
        """The result of an activity, past the gate. Raises ActivityError only where it was cancelled."""
        while True:
            try:
                return await self._gate.run(start)
            except ActivityError as error:
                if outcomes.cancelled(error):
                    raise
                await self.wait(outcomes.message(error), AGAIN if outcomes.passes(error) else None)

    async def wait(self, reason: str | None, longest: timedelta | None = None) -> None:
        """Returns at the operator's word; with None as reason, parked tables speak for themselves. What may pass by
        itself is waited for so long at most."""
        self._asked = False
        self._report.waiting_for = reason
        self._report.stage = "waiting for an operator"
        await self._record()
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._asked, timeout=longest)
        self._report.waiting_for = None
        await self._record()
