"""An incremental pass within a table's workflow: its bounds at the beginning, its watermark at the end."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.extract import ExtractActivities
    from activities.status import StatusActivities
    from core.models import TableResult, TableRun
    from core.pass_models import BoundsInput, FixedBounds, WatermarkInput
    from core.progress import TableStatus
    from core.stage_models import ValidateInput
    from workflows.activity_options import control

UNMOVED = "; the watermark stays where it was, because the rows are not proved"
HELD = "; the watermark stays where it was: the next run reads the rejected rows again, a replay moves it on"


def fix_bounds(state: TableRun, token: str, options: workflow.ActivityConfig) -> workflow.ActivityHandle[FixedBounds]:
    """Asks which rows the pass takes, at the moment that is read."""
    given = BoundsInput(route=state.entry.route, token=token, snapshot=state.snapshot)
    return workflow.start_activity_method(ExtractActivities.fix_bounds, given, **options)


async def conclude(state: TableRun, result: TableResult) -> TableResult:
    """Moves the watermark on, where the rows are in, all of them, and proved as far as the job wants that. No later
    pass would read a rejected row again."""
    if state.bounds is None or state.load is None or result.status != TableStatus.COMPLETED:
        return result
    if not result.proved and state.options.validation != "none":
        return result.model_copy(update={"message": result.message + UNMOVED})
    if state.rejected:
        return result.model_copy(update={"message": result.message + HELD})
    await advance(state.entry.route, state.bounds, state.load.load, state.entry.name)
    return result


async def conclude_replay(proof: ValidateInput, result: TableResult, name: str) -> None:
    """The same for a table whose last rejects were loaded after the run."""
    proved = result.proved or proof.mode == "none"
    if proof.bounds is not None and proved and not result.rejected and result.status == TableStatus.COMPLETED:
        await advance(proof.route, proof.bounds, proof.begun.load, name)


async def advance(route: str, bounds: str, load: int, name: str) -> None:
    """The next pass goes on from the end of this one."""
    await workflow.execute_activity_method(
        StatusActivities.record_watermark,
        WatermarkInput(route=route, bounds=bounds, load=load),
        **control(f"move the watermark of {name} on"),
    )
