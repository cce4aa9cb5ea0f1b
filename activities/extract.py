"""Extract: reads batches under the snapshot into staging."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import Beats, beating
from activities.measuring import measuring, taken
from connectors.base import ReadsRows, capability
from core.errors import DataRejected
from core.pass_models import BoundsInput, FixedBounds
from core.schema import Digest
from core.stage_models import (
    CountedRows,
    CountInput,
    ExtractInput,
    StagedBatch,
    StagedBatches,
)
from core.watermark import bounds

if TYPE_CHECKING:
    import pyarrow as pa

    from activities.resources.connections import Connections
    from activities.resources.refused_values import RefusedValues
    from activities.resources.routes import Routes
    from activities.resources.staging import LocalStaging
    from connectors.base import RowReader
    from core.progress import Snapshot
    from core.route import Repair, TableRoute
    from core.stopwatch import Stopwatch


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
        with measuring() as watch:
            route = self._routes.read(given.route)
            label = f"extract {route.source_table} {given.span.first}"
            reader = capability(await self._connections.connector(route.source, label), ReadsRows)
            staged, counted = [], None
            repair = self._routes.repair(given.repair)
            async with self._reading(reader, given.snapshot, watch) as (session, beat):
                for number in range(given.span.first, given.span.first + given.span.count):
                    try:
                        staged.append(await self._extract_batch(session, route, given, number, repair, beat, watch))
                    except DataRejected as error:
                        raise self._refused_values.keep(route, number, error) from None
                if given.count:
                    counted = await self._count(session, route, given.bounds, watch)
            seconds, spent = taken(watch)
        return StagedBatches(batches=staged, counted_rows=counted, seconds=seconds, spent=spent)

    @activity.defn
    async def count_source(self, given: CountInput) -> CountedRows | int:
        """Counts the table's rows by a query that knows nothing of the plan, under the snapshot."""
        with measuring() as watch:
            route = self._routes.read(given.route)
            label = f"count {route.source_table}"
            reader = capability(await self._connections.connector(route.source, label), ReadsRows)
            async with self._reading(reader, given.snapshot, watch) as (session, _):
                counted = await self._count(session, route, given.bounds, watch)
            seconds, spent = taken(watch)
        return CountedRows(rows=counted, seconds=seconds, spent=spent) if given.measured else counted

    @activity.defn
    async def fix_bounds(self, given: BoundsInput) -> FixedBounds:
        """Which rows a pass takes: up to the greatest watermark that its moment holds. Idempotent by the token."""
        with measuring() as watch:
            route = self._routes.read(given.route)
            assert route.incremental is not None
            reader = capability(
                await self._connections.connector(route.source, f"bounds {route.source_table}"), ReadsRows
            )
            async with self._reading(reader, given.snapshot, watch) as (session, _):
                highest = await session.highest(self._routes.selection(route), route.incremental.column)
            reference = self._routes.write_bounds(route, given.token, bounds(route.incremental, highest))
            seconds, spent = taken(watch)
        return FixedBounds(reference=reference, seconds=seconds, spent=spent)

    @asynccontextmanager
    async def _reading(
        self, reader: ReadsRows, snapshot: Snapshot | None, watch: Stopwatch
    ) -> AsyncIterator[tuple[RowReader, Beats]]:
        """A read session that beats; all of it waits for the source, but for what is measured inside."""
        async with beating() as beat:
            with watch.waiting("source"):
                async with reader.reading(snapshot.id if snapshot else None) as session:
                    yield session, beat

    async def _count(self, session: RowReader, route: TableRoute, bounds: str | None, watch: Stopwatch) -> int:
        with watch.waiting("count"):
            return await session.count(self._routes.selection(route, bounds))

    async def _extract_batch(
        self,
        session: RowReader,
        route: TableRoute,
        given: ExtractInput,
        number: int,
        repair: Repair | None,
        beat: Beats,
        watch: Stopwatch,
    ) -> StagedBatch:
        selection = self._routes.selection(route, given.bounds)
        rows = repair.range_of(number, "source") if repair else route.plan.range_of(number)
        reference = self._routes.staged(route, given.token, number, route.path)
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
            with watch.waiting("digest"):
                digest = await session.digest(selection, rows, self._routes.source_proof(route))
        return StagedBatch(
            number=number, staged=reference, digest=Digest(rows=counted, total=digest.total), bytes=staged.bytes
        )
