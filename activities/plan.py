"""Plan: what a job would do, without touching the destination."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from temporalio import activity

from activities.heartbeat import beating
from core.limit_words import beyond, change
from core.models import PlanInput, PlanResult
from core.route import endpoints
from core.withheld import restore

if TYPE_CHECKING:
    from activities.resources.data_scan import DataScan
    from activities.resources.reachability import Reachability
    from activities.resources.survey import Survey
    from core.documents import DocumentStore
    from core.encryption.field_cipher import FieldCipher
    from core.route import ColumnRoute, TableRoute


class PlanActivities:
    """Served by `sterna-control` workers."""

    def __init__(
        self,
        reachability: Reachability,
        survey: Survey,
        data_scan: DataScan,
        documents: DocumentStore,
        fields: FieldCipher,
    ) -> None:
        self._reachability = reachability
        self._survey = survey
        self._data_scan = data_scan
        self._documents = documents
        self._fields = fields

    @activity.defn
    async def plan_job(self, given: PlanInput) -> PlanResult:
        """Reads both catalogs, and the rows where that is asked for, and writes the plan as a document, which the API
        streams and then deletes. A scanned plan holds values of rows."""
        job = restore(given.spec, given.withheld, self._fields, activity.info().workflow_id or "")
        async with beating():
            await self._reachability.check(*endpoints(job))
            specs = await self._survey.match_tables(job)
            surveyed = await self._survey.look(
                "plan", 0, job, {str(position): spec for position, spec in enumerate(specs)}
            )
            tables = [_describe(route) for route in surveyed.routes]
            if given.scan:
                for table, route in zip(tables, surveyed.routes, strict=True):
                    table["scan"] = await self._data_scan.scan(route)
        plan = {
            "name": job.name,
            "tables": tables,
            "problems": [
                *({"table": parked.name, "reason": parked.reason} for parked in surveyed.parked),
                *(
                    {"table": f"{route.source_table} → {route.destination_table}", "reason": refusal}
                    for route in surveyed.routes
                    for refusal in route.refusals
                ),
                *({"table": label, "reason": reason} for label, reason in surveyed.nameless.items()),
            ],
            "notCarried": [item.model_dump(mode="json", by_alias=True) for item in surveyed.not_carried],
        }
        return PlanResult(reference=self._documents.write_json(f"plans/{uuid4()}.json", plan))


def _describe(route: TableRoute) -> dict[str, object]:
    return {
        "source": str(route.source_table),
        "destination": str(route.destination_table),
        "estimatedRows": route.source_schema.estimated_rows,
        "estimatedBytes": route.source_schema.estimated_bytes,
        "batches": route.plan.batches,
        "batching": route.plan.method,
        "path": route.path,
        "loadMode": route.load_mode,
        "createsTable": route.create_table,
        "columns": [_describe_column(column) for column in route.columns],
        "ddl": route.statements(),
        "notCarried": [item.model_dump(mode="json", by_alias=True) for item in route.ddl.not_carried],
        "warnings": route.warnings,
        "refusals": route.refusals,
    }


def _describe_column(column: ColumnRoute) -> dict[str, object]:
    """`limitsInWords`: what happens to which values, as sentences."""
    return {
        **column.model_dump(mode="json", by_alias=True),
        "limitsInWords": [
            f"a value that {beyond(limit)} is {'refused' if limit.refuse else f'changed: {change(limit)}'}"
            for limit in column.limits
        ],
    }
