"""Plan: what a job would do, without touching the destination."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from temporalio import activity

from activities.heartbeat import beating
from core.models import PlanInput, PlanResult
from core.route import endpoints

if TYPE_CHECKING:
    from activities.resources.reachability import Reachability
    from activities.resources.survey import Survey
    from core.documents import DocumentStore
    from core.route import TableRoute


class PlanActivities:
    """Served by `sterna-control` workers."""

    def __init__(self, reachability: Reachability, survey: Survey, documents: DocumentStore) -> None:
        self._reachability = reachability
        self._survey = survey
        self._documents = documents

    @activity.defn
    async def plan_job(self, given: PlanInput) -> PlanResult:
        """Reads both catalogs and writes the plan as a document, which the API streams and then deletes."""
        job = given.spec
        async with beating():
            await self._reachability.check(*endpoints(job))
            specs = await self._survey.match_tables(job)
            surveyed = await self._survey.look(
                "plan", 0, job, {str(position): spec for position, spec in enumerate(specs)}
            )
        plan = {
            "name": job.name,
            "tables": [_describe(route) for route in surveyed.routes],
            "problems": [{"table": parked.name, "reason": parked.reason} for parked in surveyed.parked],
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
        "columns": [column.model_dump(mode="json", by_alias=True) for column in route.columns],
        "ddl": route.statements(),
        "notCarried": [item.model_dump(mode="json", by_alias=True) for item in route.ddl.not_carried],
        "warnings": route.warnings,
    }
