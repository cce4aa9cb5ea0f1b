"""Surveys a job's tables: reads both catalogs and plans each table's way. Writes nothing, scans nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.resources.connections import Connections
from activities.resources.route_planner import BindChain, PlannedTable, RoutePlanner
from connectors.base import Connector, ListsObjects, ReadsRows, Selection, WritesRows, capability
from core.errors import NotFound, Parks
from core.job_spec import JobSpec, TableSpec
from core.models import Endpoint, ParkedTable, TableRoute
from core.schema import NotCarried, TableName, TableSchema

AUTO_BATCH_BYTES = 32 * 1024 * 1024
"""One batch costs about 40 ms of CPU in Temporal and SDK: tens of megabytes make that negligible."""
PLANS_AT_ONCE = 4


@dataclass
class Surveyed:
    """What a survey found."""

    routes: list[TableRoute] = field(default_factory=list)
    parked: list[ParkedTable] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)


class Survey:
    """Looks at source and destination of one job."""

    def __init__(self, connections: Connections, bind_chain: BindChain) -> None:
        self._connections = connections
        self._bind_chain = bind_chain

    async def match_tables(self, job: JobSpec) -> list[TableSpec]:
        """The tables of the job: those listed, or those that its patterns match now. Raises NotFound for none."""
        if isinstance(job.tables, list):
            return job.tables
        reader = capability(self._connector(job, "source"), ReadsRows)
        names = await reader.list_tables(job.tables.include, job.tables.exclude)
        if not names:
            raise NotFound(
                f"no table of the source matches {', '.join(job.tables.include)}",
                remedy="Patterns are schema.table with * and ?, e.g. public.*",
            )
        return [TableSpec(source_schema=name.schema_name, source_table=name.name) for name in names]

    async def look(self, job_id: str, run: int, job: JobSpec, tables: Mapping[str, TableSpec]) -> Surveyed:
        """Routes of the tables (given by id) that can begin, reasons for those that cannot."""
        source, destination = self._connector(job, "source"), self._connector(job, "destination")
        names = {table_id: self._names(source, spec) for table_id, spec in tables.items()}
        schemas = await capability(source, ReadsRows).describe_tables([pair[0] for pair in names.values()])
        existing = await capability(destination, ReadsRows).describe_tables([pair[1] for pair in names.values()])
        planner = RoutePlanner(
            job_id,
            run,
            job,
            (source.capabilities, destination.capabilities),
            capability(destination, WritesRows),
            self._bind_chain,
        )
        renames = dict(names.values())
        surveyed = Surveyed()
        gate = asyncio.Semaphore(PLANS_AT_ONCE)

        async def plan(table_id: str) -> TableRoute | ParkedTable:
            origin, arrival = names[table_id]
            async with gate:
                try:
                    self._check_presence(origin, arrival, schemas, existing, job)
                    planned = PlannedTable(table_id, tables[table_id], schemas[origin], arrival, existing.get(arrival))
                    return await self._route(planner, capability(source, ReadsRows), job, planned, renames)
                except Parks as error:
                    return ParkedTable(table_id=table_id, name=f"{origin} → {arrival}", reason=str(error))

        for outcome in await asyncio.gather(*map(plan, tables)):
            if isinstance(outcome, ParkedTable):
                surveyed.parked.append(outcome)
            else:
                surveyed.routes.append(outcome)
        if isinstance(source, ListsObjects):
            surveyed.not_carried = await source.list_not_carried(sorted({name.schema_name for name in renames}))
        return surveyed

    def _connector(self, job: JobSpec, side: str) -> Connector:
        connection = job.source if side == "source" else job.destination
        return self._connections.connector(Endpoint.model_validate({"side": side, "connection": connection}), "survey")

    def _names(self, source: Connector, spec: TableSpec) -> tuple[TableName, TableName]:
        schema = spec.source_schema if spec.source_schema is not None else source.default_schema
        origin = TableName(schema_name=schema, name=spec.source_table)
        return origin, TableName(
            schema_name=schema if spec.destination_schema is None else spec.destination_schema,
            name=spec.destination_table or spec.source_table,
        )

    def _check_presence(
        self,
        origin: TableName,
        arrival: TableName,
        schemas: Mapping[TableName, TableSchema],
        existing: Mapping[TableName, TableSchema],
        job: JobSpec,
    ) -> None:
        if origin not in schemas:
            raise NotFound(
                f"the source has no table {origin}",
                remedy="Check sourceSchema and sourceTable, upper and lower case too",
            )
        if arrival not in existing and not job.options.create_tables:
            raise NotFound(
                f"the destination has no table {arrival}", remedy='Create it, or set "createTables": true in options'
            )

    async def _route(
        self,
        planner: RoutePlanner,
        reader: ReadsRows,
        job: JobSpec,
        planned: PlannedTable,
        renames: dict[TableName, TableName],
    ) -> TableRoute:
        plan = await reader.plan_ranges(
            planned.source,
            batch_rows=planned.spec.batch_size,
            batch_bytes=AUTO_BATCH_BYTES,
            stable_pages=job.options.consistency == "snapshot",
        )
        route = planner.route(planned, plan, renames)
        if route.where_clause is not None:
            await reader.check_selection(Selection(planned.source, route.read_columns, route.where_clause))
        return route
