"""Narrows a failed proof: to the batches that differ, then to example rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from activities.resources.connections import Connections
from activities.resources.hash_pool import HashPool
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges
from connectors.base import AttributesRows, ProvesRows, ReadsRows, RowReader, capability
from core.documents import DocumentStore
from core.errors import DataRejected, SnapshotGone
from core.route import TableRoute
from core.stage_models import Difference, ValidateInput

MOST_BATCHES = 20
MOST_EXAMPLES = 5


@dataclass(frozen=True)
class _SourceRows:
    """Rows of one batch at the source, all read at one moment."""

    hashes: dict[int, int] = field(default_factory=dict)
    absent: int = 0
    """Rows that the destination does not hold."""
    missing: list[dict[str, Any]] = field(default_factory=list)
    """Examples of them."""
    moment: str = ""
    """For people."""


class DifferenceSearch:
    """Compares row hashes of differing batches on both sides. Example rows go into a document: they are values."""

    def __init__(
        self, connections: Connections, routes: Routes, row_changes: RowChanges, documents: DocumentStore
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._row_changes = row_changes
        self._documents = documents

    async def narrow(self, route: TableRoute, given: ValidateInput) -> list[Difference]:
        """The batches that differ (at most 20), each with a reference to example rows of both sides.

        Source rows are read under the job's snapshot while it lives, else as they are now, which the examples say.
        Where the destination does not know which batch wrote a row, every batch is looked for among all its rows.
        """
        connector = await self._connections.connector(route.destination, f"compare {route.destination_table}")
        proof = capability(connector, ProvesRows)
        if isinstance(connector, AttributesRows):
            return await self._compare_batches(proof, connector, route, given)
        return await self._look_for_batches(proof, route, given)

    async def _compare_batches(
        self, proof: ProvesRows, attribution: AttributesRows, route: TableRoute, given: ValidateInput
    ) -> list[Difference]:
        method, load = self._routes.destination_proof(route), self._routes.load_ref(route, given.begun.load)
        batches = await attribution.differing_batches(route.destination_table, method, load)
        if given.begun.rows_before:
            batches = [batch for batch in batches if batch.number is not None]
        differences = []
        for batch in batches[:MOST_BATCHES]:
            found = await attribution.batch_hashes(route.destination_table, method, load, batch.number)
            source = _SourceRows()
            if batch.number is not None and batch.number < route.plan.batches:  # not a replay of rejects
                source = await self._read_source(route, given, batch.number, found)
            surplus = _surplus(found, source.hashes)
            counts = batch.expected.rows, batch.found.rows
            differences.append(await self._describe(proof, route, batch.number, source, surplus, counts))
        return differences

    async def _look_for_batches(self, proof: ProvesRows, route: TableRoute, given: ValidateInput) -> list[Difference]:
        """Batches that miss rows, then rows of no batch; those cannot be told from rows that stood there before."""
        hashes = proof.table_hashes(route.destination_table, self._routes.destination_proof(route))
        pool, differences = await HashPool.gather(hashes), []
        for number in range(route.plan.batches):
            source = await self._read_source(route, given, number, pool)
            if not source.absent:
                continue
            rows = sum(source.hashes.values())
            differences.append(await self._describe(proof, route, number, source, [], (rows, rows - source.absent)))
            if len(differences) == MOST_BATCHES:
                return differences
        if pool.rows and not given.begun.rows_before:
            surplus = pool.examples(MOST_EXAMPLES)
            differences.append(await self._describe(proof, route, None, _SourceRows(), surplus, (0, pool.rows)))
        return differences

    async def _describe(
        self,
        proof: ProvesRows,
        route: TableRoute,
        number: int | None,
        source: _SourceRows,
        surplus: list[int],
        rows: tuple[int, int],
    ) -> Difference:
        """`surplus`: hashes of rows that only the destination has; `rows`: how many were expected and found."""
        method = self._routes.destination_proof(route)
        kept = await proof.example_rows(route.destination_table, method, surplus) if surplus else []
        reference = self._documents.write_json(
            f"{self._routes.folder(route)}/difference-{'none' if number is None else number}.json",
            {
                "batch": number,
                "sourceReadAt": source.moment,
                "onlyAtSource": source.missing,
                "onlyAtDestination": kept,
            },
        )
        return Difference(
            batch=number,
            range=_range(route, number),
            expected_rows=rows[0],
            found_rows=rows[1],
            examples=reference,
        )

    async def _read_source(
        self, route: TableRoute, given: ValidateInput, number: int, found: Mapping[int, int] | HashPool
    ) -> _SourceRows:
        """The batch's rows as they should have arrived, and examples of those that were not found. A pool loses what
        was found."""
        reader = capability(await self._connections.connector(route.source, f"compare {route.source_table}"), ReadsRows)
        examples: list[dict[str, Any]] = []
        moments = [(given.snapshot.id, "the job's snapshot")] if given.snapshot else []
        for snapshot, moment in [*moments, (None, "now, the snapshot being released")]:
            try:
                async with reader.reading(snapshot) as session:
                    hashes = await self._hashes(route, given, session, number)
                    absent = found.take(hashes) if isinstance(found, HashPool) else Counter(hashes) - Counter(found)
                    missing = list(absent)[:MOST_EXAMPLES]
                    with suppress(SnapshotGone):  # what was taken out of the pool is out
                        examples = await self._examples(route, given, session, number, missing) if missing else []
                    return _SourceRows(hashes, sum(absent.values()), examples, moment)
            except SnapshotGone:
                continue
            except DataRejected:  # rows that the transformations refuse: they are rejects
                break
        return _SourceRows()

    async def _hashes(self, route: TableRoute, given: ValidateInput, session: RowReader, number: int) -> dict[int, int]:
        selection, rows = self._routes.selection(route, given.bounds), route.plan.range_of(number)
        if route.path == "native":
            return await session.row_hashes(selection, rows, self._routes.source_proof(route))
        return await self._row_changes.hashes(route, session, selection, rows)

    async def _examples(
        self, route: TableRoute, given: ValidateInput, session: RowReader, number: int, hashes: list[int]
    ) -> list[dict[str, Any]]:
        selection, rows = self._routes.selection(route, given.bounds), route.plan.range_of(number)
        if route.path == "native":
            return await session.example_rows(selection, rows, self._routes.source_proof(route), hashes)
        return await self._row_changes.examples(route, session, selection, rows, hashes)


def _range(route: TableRoute, number: int | None) -> str:
    if number is None:
        return "rows that no batch wrote"
    return str(route.plan.range_of(number)) if number < route.plan.batches else "rejects that were replayed"


def _surplus(some: Mapping[int, int], others: Mapping[int, int]) -> list[int]:
    """A few hashes that occur more often among some than among others."""
    return list(Counter(some) - Counter(others))[:MOST_EXAMPLES]
