"""Compares both sides of a table by key: the source under a snapshot, the destination as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activities.resources.key_bisection import KeyBisection, KeyDifferences, ReadBuckets, Span
from connectors.base import ComparesKeys, ReadsRows, RowReader, capability
from connectors.canonical import row_hashes
from connectors.contract import KeyBuckets, Selection
from connectors.key_spans import BucketDigests
from core.errors import InvalidConfiguration
from core.key_spans import KeySpans
from core.ranges import WholeTable
from core.schema import Digest
from core.stopwatch import in_thread

if TYPE_CHECKING:
    import pyarrow as pa

    from activities.resources.connections import Connections
    from activities.resources.routes import Routes
    from activities.resources.row_changes import RowChanges
    from connectors.contract import AnyRange
    from core.progress import Snapshot
    from core.route import TableRoute

INTEGERS = ("integer", "decimal")


@dataclass(frozen=True)
class _Side:
    """One side of a table, open for reading."""

    session: RowReader
    comparing: ComparesKeys
    selection: Selection
    key: str


class KeyComparison:
    """Both sides are read in one session each, which sees one moment."""

    def __init__(self, connections: Connections, routes: Routes, row_changes: RowChanges) -> None:
        self._connections = connections
        self._routes = routes
        self._row_changes = row_changes

    async def compare(self, route: TableRoute, snapshot: Snapshot | None) -> KeyDifferences:
        """Raises SnapshotGone, TooManyDifferences, and InvalidConfiguration where the key is no integer at the
        destination."""
        async with self._source(route, snapshot) as source, self._destination(route) as destination:
            ends = [
                found
                for side in (source, destination)
                if (found := await side.comparing.key_ends(side.selection, side.key)) is not None
            ]
            around = (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None
            bisection = KeyBisection(
                self._source_buckets(route, source), self._destination_buckets(route, destination), route.rows_per_batch
            )
            return await bisection.compare(around)

    @asynccontextmanager
    async def _source(self, route: TableRoute, snapshot: Snapshot | None) -> AsyncIterator[_Side]:
        connector = await self._connections.connector(route.source, f"compare {route.source_table}")
        async with capability(connector, ReadsRows).reading(snapshot.id if snapshot else None) as session:
            yield _Side(session, _comparing(session), self._routes.selection(route), route.key)

    @asynccontextmanager
    async def _destination(self, route: TableRoute) -> AsyncIterator[_Side]:
        connector = await self._connections.connector(route.destination, f"compare {route.destination_table}")
        reader, name, key = capability(connector, ReadsRows), route.destination_table, route.destination_key
        schema = (await reader.describe_tables([name])).get(name)
        column = schema.column(key) if schema is not None else None
        if schema is None or column is None or column.value.kind not in INTEGERS:
            raise InvalidConfiguration(f"{name}.{key} is no integer, so that {name} cannot be compared by it")
        selection = Selection(schema, [column.destination for column in route.columns])
        async with reader.reading(None) as session:
            yield _Side(session, _comparing(session), selection, key)

    def _source_buckets(self, route: TableRoute, side: _Side) -> ReadBuckets:
        proof = self._routes.source_proof(route) if route.path == "native" else None

        async def read(spans: Sequence[Span] | None, origin: int, width: int) -> dict[int | None, Digest]:
            rows, buckets = _range(side.key, spans), KeyBuckets(side.key, origin, width)
            if proof is not None:
                return await side.comparing.bucket_digests(side.selection, rows, proof, buckets)
            return await self._changed_buckets(route, side, rows, buckets)

        return read

    async def _changed_buckets(
        self, route: TableRoute, side: _Side, rows: AnyRange, buckets: KeyBuckets
    ) -> dict[int | None, Digest]:
        """Digests of the rows as they come out of the transformations, which leave the key alone."""
        change, columns = self._row_changes.of(route, digests=False), self._routes.staged_proof(route).columns
        found = BucketDigests(buckets)

        def add(batch: pa.RecordBatch) -> None:
            changed = change(batch).rows
            found.add(changed.column(route.destination_key), row_hashes(changed, columns))

        async def take(batch: pa.RecordBatch) -> None:
            await in_thread(add, batch)

        await side.session.read_arrow(side.selection, rows, take)
        return found.digests()

    def _destination_buckets(self, route: TableRoute, side: _Side) -> ReadBuckets:
        proof = self._routes.destination_proof(route)

        async def read(spans: Sequence[Span] | None, origin: int, width: int) -> dict[int | None, Digest]:
            buckets = KeyBuckets(side.key, origin, width)
            return await side.comparing.bucket_digests(side.selection, _range(side.key, spans), proof, buckets)

        return read


def _comparing(session: RowReader) -> ComparesKeys:
    if isinstance(session, ComparesKeys):
        return session
    raise InvalidConfiguration(f"{type(session).__name__} cannot compare rows by key")


def _range(key: str, spans: Sequence[Span] | None) -> AnyRange:
    return WholeTable() if spans is None else KeySpans(column=key, spans=list(spans))
