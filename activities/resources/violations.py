"""Rows that keep a table's constraints from being built: they become rejects."""

from __future__ import annotations

from collections.abc import Sequence

from activities.reject_room import SHOWN
from activities.resources.connections import Connections
from activities.resources.reject_isolation import moved_reject, too_many
from activities.resources.routes import Routes
from connectors.base import MovesViolations, WritesRows, capability
from connectors.contract import KeepMoved, MovedRow
from core.documents import DocumentStore
from core.errors import DataRejected
from core.rejects import TableRejects, finish_name, waiting_name
from core.route import TableRoute
from core.schema import Digest, Statement
from core.stage_models import Finished, FinishInput


class Violations:
    """For the stage that builds constraints."""

    def __init__(self, connections: Connections, routes: Routes, documents: DocumentStore) -> None:
        self._connections = connections
        self._routes = routes
        self._documents = documents

    async def move_out(
        self, route: TableRoute, given: FinishInput, statements: Sequence[Statement] | None = None
    ) -> int:
        """Moves rows that violate what the statements build (default: the table's keys and checks) out of it; their
        number. Raises DataRejected where they are more than `maxRejects` leaves room for."""
        assert given.load is not None
        connector = await self._connections.connector(route.destination, f"rejects {route.destination_table}")
        if not connector.capabilities.moves_violations:
            return 0
        violations = capability(connector, MovesViolations)
        writer = capability(connector, WritesRows)
        load = self._routes.load_ref(route, given.load)
        moved = 0
        for statement in [*route.ddl.keys, *route.ddl.checks] if statements is None else statements:
            before = sum(row.rejected for row in await writer.ledger_rows(load))
            allowed = max(0, given.max_rejects - before)
            keep = self._keeper(route, given.load, statement, before, allowed)
            moved += await violations.move_out(
                statement,
                self._routes.target(route),
                load,
                self._routes.destination_proof(route),
                keep,
                most=max(allowed, SHOWN),
            )
        return moved

    async def settle(self, route: TableRoute, given: FinishInput) -> Finished:
        """What the load holds now that its constraints stand; also where an earlier attempt moved rows out."""
        if given.load is None:
            return Finished()
        self._rejects(route).drop_waiting(given.load)
        if given.max_rejects == 0:
            return Finished()
        connector = await self._connections.connector(route.destination, f"ledger {route.destination_table}")
        rows = await capability(connector, WritesRows).ledger_rows(self._routes.load_ref(route, given.load))
        loaded, rejected = sum((row.digest for row in rows), Digest()), sum(row.rejected for row in rows)
        self._rejects(route).drop_uncommitted(given.load, rejected)
        return Finished(loaded=loaded, rejected=rejected)

    def _keeper(self, route: TableRoute, load: int, statement: Statement, before: int, allowed: int) -> KeepMoved:
        async def keep(rows: Sequence[MovedRow], error: DataRejected) -> None:
            rejects = [moved_reject(route, row.number, row.values, error) for row in rows]
            if len(rejects) > allowed:
                self._rejects(route).write(load, waiting_name(statement.sql), rejects)
                at_least = len(rejects) > max(allowed, SHOWN)
                raise too_many(route, len(rejects), allowed, error, at_least=at_least)
            self._rejects(route).drop_uncommitted(load, before)
            self._rejects(route).write(load, finish_name(before, statement.sql), rejects)

        return keep

    def _rejects(self, route: TableRoute) -> TableRejects:
        return TableRejects(self._documents, route.job_id, route.run, route.table_id)
