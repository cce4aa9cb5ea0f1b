"""An incremental pass within a table's workflow: its bounds at the beginning, its watermark at the end."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.extract import ExtractActivities
    from activities.status import StatusActivities
    from core.models import TableResult, TableRun
    from core.pass_models import BoundsInput, FixedBounds, WatermarkInput
    from core.progress import TableStatus
    from workflows.activity_options import control

UNMOVED = "; the watermark stays where it was, because the rows are not proved"


def fix_bounds(state: TableRun, token: str, options: workflow.ActivityConfig) -> workflow.ActivityHandle[FixedBounds]:
    """Asks which rows the pass takes, at the moment that is read."""
    given = BoundsInput(route=state.entry.route, token=token, snapshot=state.snapshot)
    return workflow.start_activity_method(ExtractActivities.fix_bounds, given, **options)


async def conclude(state: TableRun, result: TableResult) -> TableResult:
    """Moves the watermark on, where the rows are in and proved as far as the job wants that."""
    if state.bounds is None or state.load is None or result.status != TableStatus.COMPLETED:
        return result
    if not result.proved and state.options.validation != "none":
        return result.model_copy(update={"message": result.message + UNMOVED})
    given = WatermarkInput(route=state.entry.route, bounds=state.bounds, load=state.load.load)
    await workflow.execute_activity_method(
        StatusActivities.record_watermark, given, **control(f"move the watermark of {state.entry.name} on")
    )
    return result
