"""Extract: reads batches under the snapshot into staging."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import Beats, beating
from connectors.base import ReadsRows, capability
from core.errors import DataRejected
from core.models import CountInput, ExtractInput, StagedBatch, StagedBatches
from core.schema import Digest

if TYPE_CHECKING:
    import pyarrow as pa

    from activities.resources.connections import Connections
    from activities.resources.refused_values import RefusedValues
    from activities.resources.routes import Routes
    from activities.resources.staging import LocalStaging
    from connectors.base import RowReader
    from core.route import TableRoute


class ExtractActivities:
    """Served by `sterna-extract` workers; they reach the source and staging."""

    def __init__(
        self, connections: Connections, routes: Routes, staging: LocalStaging, refused_values: RefusedValues
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._staging = staging
        self._refused_values = refused_values

    @activity.defn
    async def extract_batches(self, given: ExtractInput) -> StagedBatches:
        """Reads consecutive batches in one session and stages each under its deterministic name.

        Idempotent: extracting again replaces the staged object. Raises SnapshotGone, Unavailable, AccessDenied.
        """
        started = time.monotonic()
        route = self._routes.read(given.route)
        label = f"extract {route.source_table} {given.span.first}"
        reader = capability(await self._connections.connector(route.source, label), ReadsRows)
        staged = []
        async with beating() as beat, reader.reading(given.snapshot.id if given.snapshot else None) as session:
            for number in range(given.span.first, given.span.first + given.span.count):
                try:
                    staged.append(await self._extract_batch(session, route, given, number, beat))
                except DataRejected as error:
                    raise self._refused_values.keep(route, number, error) from None
            counted = await session.count(self._routes.selection(route)) if given.count else None
        return StagedBatches(batches=staged, seconds=time.monotonic() - started, counted_rows=counted)

    @activity.defn
    async def count_source(self, given: CountInput) -> int:
        """Counts the table's rows by a query that knows nothing of the plan, under the snapshot."""
        route = self._routes.read(given.route)
        reader = capability(await self._connections.connector(route.source, f"count {route.source_table}"), ReadsRows)
        async with beating(), reader.reading(given.snapshot.id if given.snapshot else None) as session:
            return await session.count(self._routes.selection(route))

    async def _extract_batch(
        self, session: RowReader, route: TableRoute, given: ExtractInput, number: int, beat: Beats
    ) -> StagedBatch:
        selection, rows = self._routes.selection(route), route.plan.range_of(number)
        reference = self._routes.staged(route, given.load, number, route.path)
        counted = 0
        with self._staging.writing(reference) as staged:

            async def keep_bytes(piece: bytes) -> None:
                staged.write(piece)
                beat(len(piece))

            async def keep_rows(batch: pa.RecordBatch) -> None:
                nonlocal counted
                staged.write_batch(batch)
                counted += batch.num_rows
                beat(batch.nbytes)

            if route.path == "native":
                counted = await session.read_native(selection, rows, keep_bytes)
            else:
                await session.read_arrow(selection, rows, keep_rows)
        digest = Digest(rows=counted)
        if given.digests and route.path == "native":
            digest = await session.digest(selection, rows, self._routes.source_proof(route))
        return StagedBatch(
            number=number, staged=reference, digest=Digest(rows=counted, total=digest.total), bytes=staged.bytes
        )
