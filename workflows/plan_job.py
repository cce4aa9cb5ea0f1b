"""A dry run: one activity, whose document the API streams."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.plan import PlanActivities
    from core.models import PlanInput, PlanResult
    from workflows import outcomes
    from workflows.activity_options import scanning, surveying


@workflow.defn
class PlanJob:
    """Plans a job and changes nothing."""

    @workflow.run
    async def run(self, given: PlanInput) -> PlanResult:
        """The plan's reference. Fails with the reason where a side cannot be reached or read."""
        try:
            reading = "read both catalogs, plan every table"
            options = scanning(f"{reading}, look at its rows") if given.scan else surveying(reading)
            return await workflow.execute_activity_method(PlanActivities.plan_job, given, **options)
        except ActivityError as error:
            raise ApplicationError(outcomes.message(error), type=outcomes.kind(error), non_retryable=True) from error
