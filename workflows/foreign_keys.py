"""The foreign keys of a job's tables, once all are in: they are built, and what they cost a table is proved anew."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.ddl import DdlActivities
    from activities.validate import ValidateActivities
    from core.models import PreparedTables, RoutesInput
    from core.progress import TableStatus
    from core.stage_models import ValidateInput
    from workflows.activity_options import work
    from workflows.job_report import JobReport
    from workflows.operator_wait import OperatorWait


class ForeignKeySteps:
    """Both wait for the gate, and for an operator where they fail."""

    def __init__(self, operator: OperatorWait, report: JobReport) -> None:
        self._operator = operator
        self._report = report

    async def build(self, given: RoutesInput, outage_limit: int) -> PreparedTables:
        """Parks tables whose keys do not hold. Tables whose proof fails are FAILED afterwards."""
        options = work("load", outage_limit, f"foreign keys of {len(given.routes)} tables")
        built = await self._operator.until_it_works(
            lambda: workflow.start_activity_method(DdlActivities.build_foreign_keys, given, **options)
        )
        for table_id, proof in built.corrected.items():
            await self._prove(table_id, proof, outage_limit)
        for table_id, reason in built.parked.items():
            self._report.park(table_id, reason)
        return built

    async def _prove(self, table_id: str, proof: ValidateInput, outage_limit: int) -> None:
        """Rows were moved out of the table: it is proved without them."""
        options = work("validate", outage_limit, f"validate {self._report.name(table_id)}")
        proved = await self._operator.until_it_works(
            lambda: workflow.start_activity_method(ValidateActivities.validate_table, proof, **options)
        )
        self._report.amend(
            table_id,
            status=TableStatus.FAILED if proved.failed else TableStatus.COMPLETED,
            rows=proved.rows,
            rejected=proof.rejected,
            message=proved.message,
            evidence=proved.evidence,
            proved=proved.proved,
        )
