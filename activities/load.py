"""Load: writes staged batches into the destination, each with its ledger row in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import Beats, beating
from activities.measuring import measuring, taken
from activities.reject_room import RejectRoom
from connectors.base import WritesRows, capability
from connectors.contract import LedgerEntry, LoadBeginning
from core.changed_values import Changed, add_changed
from core.errors import DataRejected
from core.rejects import batch_name
from core.schema import Digest
from core.stage_models import (
    LoadBegun,
    LoadedBatches,
    LoadInput,
    LoadStart,
    StagedBatch,
)

if TYPE_CHECKING:
    from activities.resources.connections import Connections
    from activities.resources.refused_values import RefusedValues
    from activities.resources.reject_isolation import RejectIsolation
    from activities.resources.routes import Routes
    from activities.resources.staging import LocalStaging
    from connectors.contract import Loaded
    from core.route import Repair, TableRoute
    from core.stopwatch import Stopwatch


class LoadActivities:
    """Served by `sterna-load` workers; they reach the destination and staging."""

    def __init__(
        self,
        connections: Connections,
        routes: Routes,
        staging: LocalStaging,
        refused_values: RefusedValues,
        isolation: RejectIsolation,
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._staging = staging
        self._refused_values = refused_values
        self._isolation = isolation

    @activity.defn
    async def begin_load(self, given: LoadStart) -> LoadBegun:
        """The generation of the table's contents for this token; made, and the table emptied, where it is new."""
        with measuring() as watch:
            route = self._routes.read(given.route)
            writer = await self._writer(route, f"begin {route.destination_table}")
            group = route.run if route.incremental is None else route.incremental.number
            beginning = LoadBeginning(route.job_id, route.table_id, group, given.token, given.empties)
            emptied = route.load_mode == "replace"
            async with beating():
                with watch.waiting("destination"):
                    begun = await writer.begin_load(beginning, self._routes.target(route), replace=emptied)
            self._isolation.rejects(route).begin_load(begun.load)
            seconds, spent = taken(watch)
        return LoadBegun(
            load=begun.load, rows_before=begun.rows_before, emptied=begun.emptied, seconds=seconds, spent=spent
        )

    @activity.defn
    async def load_batches(self, given: LoadInput) -> LoadedBatches:
        """Loads each batch exactly once and takes it out of staging after the commit.

        Idempotent by the ledger: a batch that is recorded is not read again. Rows that the destination refuses are
        kept as rejects where the activity may leave some out. Raises DataRejected, DataMismatch, StagedBatchGone,
        Unavailable, OutOfSpace.
        """
        with measuring() as watch:
            route = self._routes.read(given.route)
            total, changed, moved, repeated, rejected, left = Digest(), Changed(), 0, 0, 0, given.allowed_rejects
            repair = self._routes.repair(given.repair)
            for batch in given.batches:
                async with beating() as beat:
                    loaded = await self._load_or_isolate(route, given, batch, repair, left, beat, watch)
                self._staging.delete(batch.staged)
                total += loaded.digest
                changed = add_changed(changed, batch.changed)
                moved += batch.bytes
                repeated += loaded.repeated
                rejected += loaded.rejected
                left = None if left is None else left - (loaded.rejected - batch.rejected)
            seconds, spent = taken(watch)
        return LoadedBatches(
            digest=total,
            bytes=moved,
            repeated=repeated,
            changed=changed,
            rejected=rejected,
            seconds=seconds,
            spent=spent,
        )

    async def _load_or_isolate(
        self,
        route: TableRoute,
        given: LoadInput,
        batch: StagedBatch,
        repair: Repair | None,
        allowed: int | None,
        beat: Beats,
        watch: Stopwatch,
    ) -> Loaded:
        try:
            loaded = await self._load_batch(route, given, batch, repair, beat, watch)
        except DataRejected as error:
            if allowed is None:
                raise await self._refused_values.explain(route, batch, self._staging, error) from None
            room = RejectRoom(allowed, given.load, given.digests)
            with watch.waiting("destination"):
                return await self._isolation.load(route, batch, self._staging, room, error)
        if not loaded.repeated:
            kept = self._isolation.rejects(route)
            kept.drop(given.load, batch_name(batch.number, "load"))
            if not batch.rejected:
                kept.drop(given.load, batch_name(batch.number, "transform"))
        return loaded

    async def _load_batch(
        self,
        route: TableRoute,
        given: LoadInput,
        batch: StagedBatch,
        repair: Repair | None,
        beat: Beats,
        watch: Stopwatch,
    ) -> Loaded:
        writer = await self._writer(route, f"load {route.destination_table} {batch.number}")
        entry = LedgerEntry(route.job_id, route.table_id, given.load, batch.number, batch.digest, batch.rejected)
        target = self._routes.target(route)
        if repair is not None:
            proof = self._routes.destination_proof(route) if given.digests else None
            rows = repair.range_of(batch.number, "destination")
            target = replace(target, in_place_of=rows, removal_proof=proof)
        with watch.waiting("destination"):
            if route.path == "native":
                return await writer.load_native(target, entry, self._staging.read(batch.staged, batch.bytes), beat)
            return await writer.load_arrow(target, entry, self._staging.read_batches(batch.staged, batch.bytes), beat)

    async def _writer(self, route: TableRoute, label: str) -> WritesRows:
        return capability(await self._connections.connector(route.destination, label), WritesRows)
