"""Keeps a job inside its maintenance windows, by durable timers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.maintenance import MaintenanceActivities
    from core.job_spec import JobOptions
    from core.models import WindowAnswer, WindowInput
    from workflows.activity_options import control
    from workflows.job_report import JobReport
    from workflows.standstill import Reason, Standstill

SHORTEST_WAIT = timedelta(seconds=0.2)
"""Clocks differ: a timer that fired a little early must not ask again and again."""


class Maintenance:
    """Asks what the time is, sleeps until that changes, and asks again. A job without windows asks nothing."""

    def __init__(self, standstill: Standstill, report: JobReport) -> None:
        self._standstill = standstill
        self._report = report
        self._following: asyncio.Task[None] | None = None

    async def begin(self, options: JobOptions) -> None:
        """Returns when the job knows whether it may go on now; it hears of every change until `end`."""
        if self._following is None and options.maintenance_window is not None:
            window = options.maintenance_window
            given = WindowInput(windows=[window] if isinstance(window, str) else window)
            answer = await self._ask(given)
            self._following = asyncio.create_task(self._follow(given, answer))
            if not answer.open:
                await self._close(answer)

    def end(self) -> None:
        """The job ends."""
        self._report.close_window(None)
        if self._following is not None:
            self._following.cancel()

    async def _follow(self, given: WindowInput, answer: WindowAnswer) -> None:
        while True:
            change = "closes" if answer.open else "opens"
            await workflow.sleep(
                max(timedelta(seconds=answer.seconds), SHORTEST_WAIT),
                summary=f"until {answer.until_text}, when the maintenance window {change}",
            )
            before, answer = answer, await self._ask(given)
            if answer.open and not before.open:
                await self._open()
            elif before.open and not answer.open:
                await self._close(answer)

    async def _close(self, answer: WindowAnswer) -> None:
        self._report.close_window(answer)
        workflow.set_current_details(self._report.describe())
        await self._standstill.begin(Reason.WINDOW, release=True)

    async def _open(self) -> None:
        self._report.close_window(None)
        workflow.set_current_details(self._report.describe())
        await self._standstill.end(Reason.WINDOW)

    async def _ask(self, given: WindowInput) -> WindowAnswer:
        return await workflow.execute_activity_method(
            MaintenanceActivities.look_at_window, given, **control("look at the maintenance window")
        )
