"""Surveys a job's tables: reads both catalogs and plans each table's way. Writes nothing, scans nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import dataclass, field

from activities.accepted_losses import nameless, refuse_unknown
from activities.resources.connections import Connections
from activities.resources.naming import Naming
from activities.resources.pass_planner import plan_pass
from activities.resources.planned_table import Draft, PlannedTable
from activities.resources.route_planner import BindChain, RoutePlanner
from activities.step_size import step_bytes
from connectors.base import Connector, ListsObjects, ReadsRows, capability
from connectors.contract import Selection
from connectors.sql.where_clause import WhereClauses
from core.errors import InvalidConfiguration, NotFound, Parks
from core.job_spec import JobOptions, JobSpec, TableSpec
from core.models import ParkedTable
from core.route import Endpoint, TableRoute
from core.schema import NotCarried, TableName, TableSchema
from core.watermark import StoredWatermark

LARGEST_BATCH_BYTES = 32 * 1024 * 1024
SMALLEST_BATCH_BYTES = 16 * 1024 * 1024
ROUNDING_BYTES = 64 * 1024
"""Batches end with pages: without it the last one would hold a few that are left over."""
"""One batch costs about 40 ms of CPU in Temporal and SDK: tens of megabytes make that negligible."""
PLANS_AT_ONCE = 4


@dataclass(frozen=True)
class FoundTable:
    """What the catalogs know of a table of the job."""

    table_id: str
    spec: TableSpec
    origin: TableName
    arrival: TableName
    source: TableSchema | None
    existing: TableSchema | None
    shared: bool
    """Another table of the job goes to the same destination."""
    beyond_job: Set[TableName] = frozenset()
    """As in PlannedTable."""

    def check(self, create_tables: bool) -> PlannedTable:
        """The table, where it can be planned. Raises NotFound, InvalidConfiguration."""
        if self.shared:
            raise InvalidConfiguration(
                f"two tables of the job go to {self.arrival}, so neither could be proved",
                remedy="Give each its own destination, or put them into jobs of their own",
            )
        if self.source is None:
            raise NotFound(
                f"the source has no table {self.origin}",
                remedy="Check sourceSchema and sourceTable, upper and lower case too",
            )
        if self.existing is None and not create_tables:
            raise NotFound(
                f"the destination has no table {self.arrival}",
                remedy='Create it, or set "createTables": true in options',
            )
        return PlannedTable(self.table_id, self.spec, self.source, self.arrival, self.existing, self.beyond_job)

    def park(self, error: Parks) -> ParkedTable:
        """The table with the reason why it cannot be planned."""
        return ParkedTable(table_id=self.table_id, name=f"{self.origin} → {self.arrival}", reason=str(error))


@dataclass
class Surveyed:
    """What a survey found."""

    routes: list[TableRoute] = field(default_factory=list)
    parked: list[ParkedTable] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)
    nameless: dict[str, str] = field(default_factory=dict)
    """What `acceptLossy` names of no table of the job, with the reason why that is wrong."""


class Survey:
    """Looks at source and destination of one job."""

    def __init__(
        self, connections: Connections, bind_chain: BindChain, where_clauses: WhereClauses | None = None
    ) -> None:
        """`where_clauses`: how they are judged; default: strictly."""
        self._connections = connections
        self._bind_chain = bind_chain
        self._where_clauses = where_clauses or WhereClauses()

    async def match_tables(self, job: JobSpec) -> list[TableSpec]:
        """The tables of the job: those listed, or those that its patterns match now. Raises NotFound for none."""
        if isinstance(job.tables, list):
            return job.tables
        reader = capability(await self._connector(job, "source"), ReadsRows)
        names = await reader.list_tables(job.tables.include, job.tables.exclude)
        if not names:
            raise NotFound(
                f"no table of the source matches {', '.join(job.tables.include)}",
                remedy="Patterns are schema.table with * and ?, e.g. public.*",
            )
        return [job.tables.table(name.schema_name, name.name) for name in names]

    async def exports_snapshot(self, job: JobSpec) -> bool:
        """The source can keep one moment readable for many sessions."""
        return (await self._connector(job, "source")).capabilities.exports_snapshot

    async def look(
        self,
        job_id: str,
        run: int,
        job: JobSpec,
        tables: Mapping[str, TableSpec],
        only: Container[str] | None = None,
        watermarks: Mapping[str, StoredWatermark] | None = None,
    ) -> Surveyed:
        """Routes of the tables (given by id; `only` some of them) that can be planned, reasons for those that cannot.
        A route with `refusals` cannot begin. `watermarks`: where earlier passes ended, by table id."""
        source, destination = await self._connector(job, "source"), await self._connector(job, "destination")
        planner = RoutePlanner(job_id, run, job, source, destination, self._bind_chain)
        surveyed, drafts = Surveyed(), []
        for planned in await self._read_catalogs(source, destination, planner.naming, tables):
            try:
                drafts.append(planner.draft(planned.check(job.options.create_tables)))
            except Parks as error:
                surveyed.parked.append(planned.park(error))
        gate = asyncio.Semaphore(self._connections.at_once(_endpoint(job, "source"), PLANS_AT_ONCE))

        async def plan(draft: Draft) -> TableRoute | ParkedTable:
            async with gate:
                try:
                    route = await self._route(planner, capability(source, ReadsRows), job, draft, drafts)
                    return plan_pass(
                        route,
                        draft.table.spec.incremental,
                        (watermarks or {}).get(route.table_id),
                        source=source.capabilities,
                        batch_rows=draft.table.spec.batch_size,
                    )
                except Parks as error:
                    return ParkedTable(table_id=draft.table.table_id, name=draft.table.label, reason=str(error))

        wanted = [draft for draft in drafts if only is None or draft.table.table_id in only]
        for outcome in await asyncio.gather(*map(plan, wanted)):
            if isinstance(outcome, ParkedTable):
                surveyed.parked.append(outcome)
            else:
                surveyed.routes.append(outcome)
        accepted = job.options.accept_lossy
        surveyed.nameless = {} if only is not None else nameless(accepted, surveyed.routes, surveyed.parked)
        surveyed.routes = refuse_unknown(accepted, surveyed.routes)
        surveyed.parked = [table for table in surveyed.parked if only is None or table.table_id in only]
        if isinstance(source, ListsObjects):
            schemas = sorted({draft.table.source.name.schema_name for draft in drafts})
            surveyed.not_carried = await source.list_not_carried(schemas)
        return surveyed

    async def _read_catalogs(
        self, source: Connector, destination: Connector, naming: Naming, tables: Mapping[str, TableSpec]
    ) -> list[FoundTable]:
        names = {
            table_id: (naming.source_table(spec), naming.destination_table(spec)) for table_id, spec in tables.items()
        }
        schemas = await capability(source, ReadsRows).describe_tables([pair[0] for pair in names.values()])
        existing = await capability(destination, ReadsRows).describe_tables([pair[1] for pair in names.values()])
        beyond_job = await self._find_beyond_job(destination, naming, schemas)
        arrivals = Counter(naming.identity(arrival) for _, arrival in names.values())
        return [
            FoundTable(
                table_id,
                spec,
                origin,
                arrival,
                schemas.get(origin),
                existing.get(arrival),
                arrivals[naming.identity(arrival)] > 1,
                beyond_job,
            )
            for (table_id, spec), (origin, arrival) in zip(tables.items(), names.values(), strict=True)
        ]

    async def _find_beyond_job(
        self, destination: Connector, naming: Naming, schemas: Mapping[TableName, TableSchema]
    ) -> Set[TableName]:
        """Tables that foreign keys name, that the job does not move, and that the destination has with the columns
        that are named."""
        keys = [key for schema in schemas.values() for key in schema.foreign_keys if key.referenced not in schemas]
        if naming.keeps_native_text or not keys:
            return frozenset()
        carried = {key.referenced: naming.carried_table(key.referenced) for key in keys}
        found = await capability(destination, ReadsRows).describe_tables(sorted(set(carried.values()), key=str))
        lacking = {
            key.referenced
            for key in keys
            for name in key.referenced_columns
            if (table := found.get(carried[key.referenced])) is None or table.column(naming.carried(name)) is None
        }
        return set(carried) - lacking

    async def _connector(self, job: JobSpec, side: str) -> Connector:
        return await self._connections.connector(_endpoint(job, side), "survey")

    async def _route(
        self, planner: RoutePlanner, reader: ReadsRows, job: JobSpec, draft: Draft, drafts: Sequence[Draft]
    ) -> TableRoute:
        table = draft.table.source
        names = [column.name for column in table.columns]
        self._where_clauses.check(draft.table.spec.where_clause, table.dialect, names)
        plan = await reader.plan_ranges(
            draft.table.source,
            batch_rows=draft.table.spec.batch_size,
            batch_bytes=_batch_bytes(job.options, draft.table.source),
            stable_pages=job.options.consistency == "snapshot" and planner.exports_snapshot,
        )
        route = planner.route(draft, plan, drafts)
        selection = Selection(
            draft.table.source,
            route.read_columns,
            route.where_clause,
            interchange=route.interchange,
            every_column=draft.table.spec.columns is None,
        )
        await reader.check_selection(selection)
        return route


def _batch_bytes(options: JobOptions, table: TableSchema) -> int:
    """So that a table of middling size has twice as many batches as go at once: the first are loaded while the others
    are read, and none is left over at the end. Less, where the job's rates ask for smaller steps."""
    wanted = table.estimated_bytes // (2 * options.parallel_batches) + ROUNDING_BYTES
    size = min(max(wanted, SMALLEST_BATCH_BYTES), LARGEST_BATCH_BYTES)
    return int(min(size, step_bytes(options, table)))


def _endpoint(job: JobSpec, side: str) -> Endpoint:
    return Endpoint.model_validate({"side": side, "connection": job.source if side == "source" else job.destination})
