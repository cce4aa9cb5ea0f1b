"""Counts the rows that only one side has, where no key tells rows apart: by their hashes, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.base import ProvesRows, ReadsRows, RowReader, capability
from core.healing import DifferingRows

if TYPE_CHECKING:
    from activities.resources.connections import Connections
    from activities.resources.routes import Routes
    from activities.resources.row_changes import RowChanges
    from core.progress import Snapshot
    from core.route import TableRoute

BUCKETS = 4096
MOST_HASHES = 1_000_000
"""Of each side are held at once; where more rows lie in buckets that differ, the numbers are lower bounds."""


class MultisetDifference:
    """Reads both sides twice: to find the buckets of hashes that differ, then the hashes in them."""

    def __init__(self, connections: Connections, routes: Routes, row_changes: RowChanges) -> None:
        self._connections = connections
        self._routes = routes
        self._row_changes = row_changes

    async def count(self, route: TableRoute, snapshot: Snapshot | None) -> DifferingRows:
        """Rows by number of occurrences. Raises SnapshotGone."""
        source = await self._buckets(self._source(route, snapshot))
        destination = await self._buckets(self._destination(route))
        wanted, complete = chosen(source, destination)
        here = await self._counted(self._source(route, snapshot), wanted)
        there = await self._counted(self._destination(route), wanted)
        missing, extra = (here - there).total(), (there - here).total()
        return DifferingRows(missing=missing, extra=extra, changed=0, at_least=not complete)

    async def _buckets(self, hashes: AsyncIterator[np.ndarray[Any, Any]]) -> BucketTotals:
        totals = BucketTotals()
        async for part in hashes:
            totals.add(part)
        return totals

    async def _counted(self, hashes: AsyncIterator[np.ndarray[Any, Any]], wanted: Collection[int]) -> Counter[int]:
        counted: Counter[int] = Counter()
        buckets = np.array(sorted(wanted), dtype=np.uint64)
        async for part in hashes:
            counted.update(part[np.isin(part % np.uint64(BUCKETS), buckets)].tolist())
        return counted

    async def _source(self, route: TableRoute, snapshot: Snapshot | None) -> AsyncIterator[np.ndarray[Any, Any]]:
        connector = await self._connections.connector(route.source, f"compare {route.source_table}")
        async with capability(connector, ReadsRows).reading(snapshot.id if snapshot else None) as session:
            for number in range(route.plan.batches):
                found = await self._batch(route, session, number)
                yield np.repeat(unsigned(found), list(found.values()))

    async def _batch(self, route: TableRoute, session: RowReader, number: int) -> dict[int, int]:
        selection, rows = self._routes.selection(route), route.plan.range_of(number)
        if route.path == "native":
            return await session.row_hashes(selection, rows, self._routes.source_proof(route))
        return await self._row_changes.hashes(route, session, selection, rows)

    async def _destination(self, route: TableRoute) -> AsyncIterator[np.ndarray[Any, Any]]:
        connector = await self._connections.connector(route.destination, f"compare {route.destination_table}")
        proof = self._routes.destination_proof(route)
        async for part in capability(connector, ProvesRows).table_hashes(route.destination_table, proof):
            yield unsigned(part)


class BucketTotals:
    """Number and sum of the hashes in each bucket."""

    def __init__(self) -> None:
        self.rows = np.zeros(BUCKETS, dtype=np.int64)
        self.totals = np.zeros(BUCKETS, dtype=np.uint64)

    def add(self, hashes: np.ndarray[Any, Any]) -> None:
        """Unsigned hashes."""
        buckets = (hashes % np.uint64(BUCKETS)).astype(np.int64)
        self.rows += np.bincount(buckets, minlength=BUCKETS)
        np.add.at(self.totals, buckets, hashes)


def chosen(source: BucketTotals, destination: BucketTotals) -> tuple[list[int], bool]:
    """Buckets that differ, as many as memory takes (one at least), and whether these are all."""
    differing = np.flatnonzero((source.rows != destination.rows) | (source.totals != destination.totals))
    held = np.cumsum(np.maximum(source.rows, destination.rows)[differing])
    most = max(1, int(np.searchsorted(held, MOST_HASHES, side="right")))
    return differing[:most].tolist(), most >= len(differing)


def unsigned(hashes: Iterable[int] | Sequence[int]) -> np.ndarray[Any, Any]:
    """Hashes may be signed, by their server."""
    if isinstance(hashes, np.ndarray):
        return hashes.astype(np.int64 if hashes.dtype.kind == "i" else np.uint64).view(np.uint64)
    return np.array([number % 2**64 for number in hashes], dtype=np.uint64)
