"""Foreign keys of tables that are all loaded: built, and the rows that keep them from being built moved out."""

from __future__ import annotations

from collections.abc import Sequence

from activities.reference_order import referred_first
from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.violations import Violations
from connectors.base import CreatesTables, capability
from core.documents import DocumentStore, proof_document
from core.errors import DataRejected, NotFound, Parks
from core.models import PreparedTables, RoutesInput
from core.route import TableRoute
from core.stage_models import FinishInput, ValidateInput

Reasons = dict[str, Parks]
"""By table id, why its keys are not built."""


class ForeignKeys:
    """For the stage that builds constraints."""

    def __init__(
        self, connections: Connections, routes: Routes, documents: DocumentStore, violations: Violations
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._documents = documents
        self._violations = violations

    async def build(self, given: RoutesInput) -> PreparedTables:
        """Builds all keys. Rows that refer to none become rejects as far as `maxRejects` allows, and so do rows that
        refer to these. Idempotent: says of every table what it lost since it was proved, by whichever attempt."""
        routes = [self._routes.read(reference) for reference in given.routes]
        reasons = await self._build(routes, given.parallel)
        if any(isinstance(reason, DataRejected) for reason in reasons.values()) and await self._may_move(routes, given):
            concerned = _concerned(routes, [route for route in routes if route.table_id in reasons])
            stuck = await self._move_out(concerned, given)
            ready = [route for route in concerned if route.table_id not in stuck]
            reasons = _without(reasons, ready) | stuck | await self._build(ready, given.parallel)
        parked = {table_id: str(reason) for table_id, reason in reasons.items()}
        corrected = {
            route.table_id: proof
            for route in routes
            if route.table_id not in parked and (proof := await self._corrected(route, given)) is not None
        }
        return PreparedTables(parked=parked, corrected=corrected)

    async def _build(self, routes: Sequence[TableRoute], parallel: int) -> Reasons:
        reasons: Reasons = {}
        for route in routes:
            try:
                creator = await self._creator(route)
                await creator.build(route.ddl.foreign_keys, self._connections.at_once(route.destination, parallel))
            except Parks as error:
                reasons[route.table_id] = error
        return reasons

    async def _move_out(self, routes: Sequence[TableRoute], given: RoutesInput) -> Reasons:
        """Until no row is left that refers to none. Keys that stand would not let rows go that are referred to."""
        for route in routes:
            await (await self._creator(route)).drop_foreign_keys(route.ddl.foreign_keys)
        stuck: Reasons = {}
        moved = True
        while moved:
            moved = False
            for route in routes:
                if route.table_id not in stuck:
                    try:
                        moved = bool(await self._move_out_of(route, given)) or moved
                    except Parks as error:
                        stuck[route.table_id] = error
        return stuck

    async def _move_out_of(self, route: TableRoute, given: RoutesInput) -> int:
        """Rows of an upsert stay, and those of an incremental pass, whose watermark has moved on past them."""
        proof = self._proof(route)
        if proof is None or route.load_mode == "upsert" or route.incremental is not None:
            return 0
        finish = FinishInput(route="", load=proof.begun.load, max_rejects=given.max_rejects)
        return await self._violations.move_out(route, finish, route.ddl.foreign_keys)

    async def _corrected(self, route: TableRoute, given: RoutesInput) -> ValidateInput | None:
        """What the table must be proved to hold from now on; None where it lost nothing."""
        proof = self._proof(route)
        if proof is None or not await self._may_move([route], given):
            return None
        stands = await self._violations.settle(
            route, FinishInput(route="", load=proof.begun.load, max_rejects=given.max_rejects)
        )
        if stands.loaded is None or stands.rejected == proof.rejected:
            return None
        return proof.model_copy(update={"extracted": stands.loaded, "rejected": stands.rejected, "heals": False})

    async def _may_move(self, routes: Sequence[TableRoute], given: RoutesInput) -> bool:
        """Rows may become rejects, and the destination can take them out."""
        if given.max_rejects == 0:
            return False
        connector = await self._connections.connector(routes[0].destination, "foreign keys")
        return connector.capabilities.moves_orphans

    def _proof(self, route: TableRoute) -> ValidateInput | None:
        try:
            text = self._documents.read(proof_document(route.job_id, route.run, route.table_id))
        except NotFound:
            return None
        return ValidateInput.model_validate_json(text)

    async def _creator(self, route: TableRoute) -> CreatesTables:
        label = f"foreign keys {route.destination_table}"
        return capability(await self._connections.connector(route.destination, label), CreatesTables)


def _without(reasons: Reasons, routes: Sequence[TableRoute]) -> Reasons:
    """The reasons of other tables than these."""
    ids = {route.table_id for route in routes}
    return {table_id: reason for table_id, reason in reasons.items() if table_id not in ids}


def _concerned(routes: Sequence[TableRoute], refused: Sequence[TableRoute]) -> list[TableRoute]:
    """The tables that may lose rows, and those whose keys refer to them: they may lose rows as well, afterwards."""
    found = {route.table_id for route in refused}
    while True:
        names = {route.source_table for route in routes if route.table_id in found}
        more = {
            route.table_id
            for route in routes
            if any(key.referenced in names for key in route.source_schema.foreign_keys)
        }
        if more <= found:
            return referred_first([route for route in routes if route.table_id in found])
        found |= more
