"""Preflight: connects both sides, reads the catalogs, and writes each table's route. Scans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import beating
from activities.step_size import step_bytes
from core.errors import InvalidConfiguration
from core.models import (
    JobPlan,
    ParkedTable,
    PreflightInput,
    TableEntry,
)
from core.route import endpoints
from core.stage_models import MOST_BATCHES_PER_ACTIVITY

if TYPE_CHECKING:
    from activities.resources.evidence import Evidence
    from activities.resources.reachability import Reachability
    from activities.resources.routes import Routes
    from activities.resources.survey import Survey
    from core.config_store.store import ConfigStore
    from core.job_spec import JobOptions
    from core.route import TableRoute

ACTIVITY_BYTES = 64 * 1024 * 1024
MOST_TABLES = 2000
"""Temporal allows 2,000 pending children, and the job's history holds about 14 events for each table."""


class PreflightActivities:
    """Served by `sterna-control` workers; they reach both databases and the config store."""

    def __init__(
        self,
        store: ConfigStore,
        reachability: Reachability,
        survey: Survey,
        routes: Routes,
        evidence: Evidence,
    ) -> None:
        self._store = store
        self._reachability = reachability
        self._survey = survey
        self._routes = routes
        self._evidence = evidence

    @activity.defn
    async def check_connections(self, given: PreflightInput) -> None:
        """Logs in on both sides. Raises one error that names all that is wrong; Unavailable where waiting may help."""
        job = (await self._store.get_job(given.job_id)).spec
        await self._reachability.check(*endpoints(job))

    @activity.defn
    async def survey_tables(self, given: PreflightInput) -> JobPlan:
        """Plans every table from the catalogs, by priority. Tables that cannot begin are named with the reason."""
        job = (await self._store.get_job(given.job_id)).spec
        source, destination = endpoints(job)
        async with beating():
            specs = await self._survey.match_tables(job)
            if len(specs) > MOST_TABLES:
                raise InvalidConfiguration(
                    f"the job names {len(specs)} tables, at most {MOST_TABLES} fit into one",
                    remedy="Split it by schema or pattern",
                )
            stored = await self._store.resolve_tables(given.job_id, specs)
            tables = {table.table_id: spec for table, spec in zip(stored, specs, strict=True)}
            watermarks = await self._store.watermarks(given.job_id, before_run=given.run)
            surveyed = await self._survey.look(given.job_id, given.run, job, tables, given.only, watermarks)
            if surveyed.nameless and isinstance(job.tables, list):
                raise InvalidConfiguration(
                    "; ".join(surveyed.nameless.values()),
                    remedy="Cancel the job and post it with destination columns as schema.table.column",
                )
        ready = [route for route in surveyed.routes if not route.refusals]
        self._evidence.write_not_carried(given.job_id, given.run, surveyed.not_carried)
        return JobPlan(
            name=job.name,
            source=source,
            destination=destination,
            options=job.options,
            priority=job.priority,
            exports_snapshot=await self._survey.exports_snapshot(job),
            tables=sorted(
                (self._entry(route, tables[route.table_id].priority, job.options) for route in ready),
                key=lambda entry: (entry.priority, -entry.estimated_bytes, entry.name),
            ),
            parked=[*surveyed.parked, *(_refused(route) for route in surveyed.routes if route.refusals)],
        )

    def _entry(self, route: TableRoute, priority: int, options: JobOptions) -> TableEntry:
        batches = route.plan.batches
        later_pass = route.incremental is not None and not route.incremental.first
        batch_bytes = max(1, route.source_schema.estimated_bytes // batches)
        most_bytes = int(min(ACTIVITY_BYTES, step_bytes(options, route.source_schema)))
        wanted = min(most_bytes // batch_bytes, batches // (2 * options.parallel_batches), MOST_BATCHES_PER_ACTIVITY)
        return TableEntry(
            table_id=route.table_id,
            name=_named(route),
            priority=priority,
            route=self._routes.write(route),
            batches=batches,
            batches_per_activity=max(1, wanted),
            estimated_rows=0 if later_pass else route.source_schema.estimated_rows,
            estimated_bytes=route.source_schema.estimated_bytes,
            arrow=route.path == "arrow",
            has_foreign_keys=bool(route.ddl.foreign_keys),
            builds_after_load=any(
                (route.ddl.keys, route.ddl.checks, route.ddl.comments, route.ddl.sequences, route.ddl.statistics)
            ),
            incremental=route.incremental is not None,
            keyed=bool(route.key),
            heal=route.heal,
        )


def _refused(route: TableRoute) -> ParkedTable:
    return ParkedTable(table_id=route.table_id, name=_named(route), reason="; ".join(route.refusals))


def _named(route: TableRoute) -> str:
    return f"{route.source_table} → {route.destination_table}"
