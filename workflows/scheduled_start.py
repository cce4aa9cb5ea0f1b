"""One time of a job's schedule: starts the job's next run, waits until it can, or skips the time."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from activities.schedule import ScheduleActivities
    from core.schedule import ScheduledStartInput, StartRunInput, StartRunResult
    from workflows.activity_options import control

SCHEDULED_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
"""Set by Temporal on every workflow that a schedule starts."""
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=1)


@workflow.defn
class ScheduledStart:
    """Ends once the run has started; the run itself goes on as `migration/{job_id}`."""

    @workflow.run
    async def run(self, given: ScheduledStartInput) -> StartRunResult:
        """What became of the time."""
        info = workflow.info()
        given.scheduled_at = given.scheduled_at or info.typed_search_attributes.get(SCHEDULED_AT) or info.start_time
        asked = StartRunInput(
            job_id=given.job_id, scheduled_at=given.scheduled_at, waits=given.request.overlap == "wait"
        )
        wait = SHORTEST_WAIT
        while True:
            found = await workflow.execute_activity_method(
                ScheduleActivities.start_run, asked, **control("start the job's next run, unless it still runs")
            )
            if found.outcome != "WAIT":
                return found
            workflow.set_current_details("waiting for the end of the run that is active")
            await workflow.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(given)
