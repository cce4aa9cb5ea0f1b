"""A replay: the rejects of an ended run are loaded again, their tables proved, the certificate written anew."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.replay import ReplayActivities, ReplayBooks
    from activities.validate import ValidateActivities
    from core.models import TableResult
    from core.progress import TableStatus
    from core.replay import RejectedTable, ReplayClose, Replayed, ReplayInput, ReplayOutcome, ReplayPlan, ReplayRun
    from workflows import incremental_pass, outcomes
    from workflows.activity_options import control, work


@workflow.defn
class ReplayRejects:
    """Loads each reject at most once; what is refused again stays a reject, with the new reason."""

    @workflow.run
    async def run(self, run: ReplayRun) -> ReplayOutcome:
        """Fails with the reason where a table's rejects cannot be tried; those before it are loaded and certified by
        the next replay."""
        try:
            plan = await workflow.execute_activity_method(
                ReplayBooks.find_rejects, run, **control("which tables have rejects")
            )
            results = [await self._replay(plan, table) for table in plan.tables]
            closing = ReplayClose(job_id=run.job_id, run=run.run, finished_at=workflow.now(), tables=results)
            return await workflow.execute_activity_method(
                ReplayBooks.close_replay, closing, **control("write the certificate anew")
            )
        except ActivityError as error:
            if outcomes.cancelled(error):
                raise
            raise ApplicationError(outcomes.message(error), type=outcomes.kind(error), non_retryable=True) from error

    async def _replay(self, plan: ReplayPlan, table: RejectedTable) -> TableResult:
        replayed = await self._load(plan, table)
        now = {"extracted": replayed.loaded, "rejected": replayed.rejected, "heals": False}
        proof = table.proof.model_copy(update=now)
        options = work("validate", plan.outage_limit, f"validate {table.name}")
        proved = await workflow.execute_activity_method(ValidateActivities.validate_table, proof, **options)
        result = TableResult(
            table_id=table.table_id,
            status=TableStatus.FAILED if proved.failed else TableStatus.COMPLETED,
            rows=proved.rows,
            rejected=replayed.rejected,
            message=proved.message,
            evidence=proved.evidence,
            proved=proved.proved,
        )
        await incremental_pass.conclude_replay(proof, result, table.name)
        return result

    async def _load(self, plan: ReplayPlan, table: RejectedTable) -> Replayed:
        given = ReplayInput(
            route=table.proof.route,
            load=table.proof.begun.load,
            replay=table.replay,
            digests=table.proof.mode == "checksum",
            first=table.proof.batches_end,
        )
        options = work("load", plan.outage_limit, f"load the rejects of {table.name}")
        return await workflow.execute_activity_method(ReplayActivities.replay_table, given, **options)
