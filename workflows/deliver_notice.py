"""One notice on its way: apart from its job, so that a mail server that is away holds nothing up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityConfig

with workflow.unsafe.imports_passed_through():
    from activities.notify import NotifyActivities
    from core.notices import UNDELIVERED, Delivery, Notice, Undelivered
    from workflows import outcomes
    from workflows.activity_options import control, queue

PATIENCE = timedelta(hours=6)
"""A channel that takes nothing for so long is given up."""
ATTEMPT = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)


@workflow.defn
class DeliverNotice:
    """Tells each channel once. Never fails: what no channel takes is said in the job's attention."""

    @workflow.run
    async def run(self, notice: Notice) -> list[str]:
        """What could not be delivered, in words."""
        found = await asyncio.gather(*(self._deliver(notice, channel) for channel in notice.channels))
        failures = [failure for failure in found if failure]
        if failures:
            await self._tell_job("; ".join(failures), notice)
        return failures

    async def _deliver(self, notice: Notice, channel: str) -> str | None:
        try:
            await workflow.execute_activity_method(
                NotifyActivities.deliver_notice,
                Delivery(notice=notice, channel=channel),
                **_sending(f"tell {channel}: {notice.headline}"),
            )
        except ActivityError as error:
            if outcomes.cancelled(error):
                raise
            return f"the notice '{notice.headline}' was not delivered: {outcomes.message(error)}"
        return None

    async def _tell_job(self, message: str, notice: Notice) -> None:
        """The job keeps it in what it writes from now on; where it has ended, its row is amended."""
        parent = workflow.info().parent
        if parent is not None:
            job = workflow.get_external_workflow_handle(parent.workflow_id, run_id=parent.run_id)
            try:
                await job.signal(UNDELIVERED, message)
            except ApplicationError:  # it has ended
                workflow.logger.info("the job has ended")
        await workflow.execute_activity_method(
            NotifyActivities.record_undelivered,
            Undelivered(job_id=notice.job_id, run=notice.run, message=message),
            **control("say in the job's attention what was not delivered"),
        )


def _sending(summary: str) -> ActivityConfig:
    return ActivityConfig(
        task_queue=queue("control"),
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=PATIENCE,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=LONGEST_PAUSE
        ),
        summary=summary,
    )
