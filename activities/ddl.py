"""DDL: what is built in the destination before and after the rows. Runs on load workers, which reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import beating
from activities.measuring import measuring, taken
from connectors.base import CreatesTables, WritesRows, capability
from core.errors import DataRejected
from core.models import PreparedTables, RoutesInput
from core.stage_models import Finished, FinishInput

if TYPE_CHECKING:
    from activities.resources.connections import Connections
    from activities.resources.foreign_keys import ForeignKeys
    from activities.resources.routes import Routes
    from activities.resources.violations import Violations
    from core.route import TableRoute
    from core.schema import Statement, TableDdl


class DdlActivities:
    """Served by `sterna-load` workers. All of them idempotent: what is there already is left alone."""

    def __init__(
        self, connections: Connections, routes: Routes, violations: Violations, foreign_keys: ForeignKeys
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._violations = violations
        self._foreign_keys = foreign_keys

    @activity.defn
    async def prepare_tables(self, given: RoutesInput) -> PreparedTables:
        """Creates the ledger and whatever tables, types and schemas are missing, for many tables at once.

        Foreign keys that the job will build again are dropped from tables that exist, because tables load in
        parallel and in any order. Raises AccessDenied, Unavailable where nothing can be created at all.
        """
        routes = [self._routes.read(reference) for reference in given.routes]
        connector = await self._connections.connector(routes[0].destination, f"prepare {len(routes)} tables")
        creator = capability(connector, CreatesTables)
        async with beating():
            await capability(connector, WritesRows).prepare_ledger()
            missing = [route for route in routes if route.create_table]
            failed = await creator.create([route.ddl for route in missing])
            existing = [route for route in routes if not route.create_table]
            dropped = await creator.drop_foreign_keys([key for route in existing for key in route.ddl.foreign_keys])
        return PreparedTables(
            parked={missing[position].table_id: reason for position, reason in failed.items()}, dropped_keys=dropped
        )

    @activity.defn
    async def finish_table(self, given: FinishInput) -> Finished | None:
        """Builds keys and indexes in parallel, then checks, comments, sequence values and statistics. Rows that are in
        the way of a constraint become rejects, as far as `maxRejects` allows."""
        with measuring() as watch:
            route = self._routes.read(given.route)
            creator = await self._creator(route, f"finish {route.destination_table}")
            async with beating():
                with watch.waiting("destination"):
                    parallel = self._connections.at_once(route.destination, given.parallel)
                    while True:
                        try:
                            await creator.build(route.ddl.keys, parallel)
                            await creator.build(_in_turn(route.ddl), 1)
                            break
                        except DataRejected:
                            if given.load is None or not await self._violations.move_out(route, given):
                                raise
                    stands = await self._violations.settle(route, given)
            seconds, spent = taken(watch)
        return stands.model_copy(update={"seconds": seconds, "spent": spent}) if given.measured else None

    @activity.defn
    async def build_foreign_keys(self, given: RoutesInput) -> PreparedTables:
        """Builds the foreign keys of tables that are all loaded; names the tables whose keys do not hold, and those
        that lost rows to one and must be proved again."""
        async with beating():
            return await self._foreign_keys.build(given)

    async def _creator(self, route: TableRoute, label: str) -> CreatesTables:
        return capability(await self._connections.connector(route.destination, label), CreatesTables)


def _in_turn(ddl: TableDdl) -> list[Statement]:
    return [*ddl.checks, *ddl.comments, *ddl.sequences, *ddl.statistics]
