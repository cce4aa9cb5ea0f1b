"""Narrows a failed proof: to the batches that differ, then to example rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges
from connectors.base import BatchDifference, ProvesRows, ReadsRows, RowReader, capability
from core.documents import DocumentStore
from core.errors import SnapshotGone
from core.models import Difference, ValidateInput
from core.route import TableRoute

MOST_BATCHES = 20
MOST_EXAMPLES = 5


@dataclass(frozen=True)
class _SourceRows:
    """Rows of one batch at the source, all read at one moment."""

    hashes: dict[int, int] = field(default_factory=dict)
    missing: list[dict[str, Any]] = field(default_factory=list)
    """Examples that the destination does not hold."""
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
        """
        connector = self._connections.connector(route.destination, f"compare {route.destination_table}")
        proof = capability(connector, ProvesRows)
        batches = await proof.differing_batches(
            route.destination_table,
            self._routes.destination_proof(route),
            self._routes.load_ref(route, given.begun.load),
        )
        if given.begun.rows_before:
            batches = [batch for batch in batches if batch.number is not None]
        return [await self._examine(proof, route, given, batch) for batch in batches[:MOST_BATCHES]]

    async def _examine(
        self, proof: ProvesRows, route: TableRoute, given: ValidateInput, batch: BatchDifference
    ) -> Difference:
        method = self._routes.destination_proof(route)
        found = await proof.batch_hashes(
            route.destination_table, method, self._routes.load_ref(route, given.begun.load), batch.number
        )
        source = _SourceRows()
        if batch.number is not None:
            source = await self._read_source(route, given, batch.number, found)
        surplus = _surplus(found, source.hashes)
        kept = await proof.example_rows(route.destination_table, method, surplus) if surplus else []
        reference = self._documents.write_json(
            f"{self._routes.folder(route)}/difference-{'none' if batch.number is None else batch.number}.json",
            {
                "batch": batch.number,
                "sourceReadAt": source.moment,
                "onlyAtSource": source.missing,
                "onlyAtDestination": kept,
            },
        )
        return Difference(
            batch=batch.number,
            range="rows that no batch wrote" if batch.number is None else str(route.plan.range_of(batch.number)),
            expected_rows=batch.expected.rows,
            found_rows=batch.found.rows,
            examples=reference,
        )

    async def _read_source(
        self, route: TableRoute, given: ValidateInput, number: int, found: Mapping[int, int]
    ) -> _SourceRows:
        """The batch's rows as they should have arrived, and examples of those that were not found."""
        reader = capability(self._connections.connector(route.source, f"compare {route.source_table}"), ReadsRows)
        moments = [(given.snapshot.id, "the job's snapshot")] if given.snapshot else []
        for snapshot, moment in [*moments, (None, "now, the snapshot being released")]:
            try:
                async with reader.reading(snapshot) as session:
                    hashes = await self._hashes(route, session, number)
                    missing = _surplus(hashes, found)
                    examples = await self._examples(route, session, number, missing) if missing else []
                    return _SourceRows(hashes, examples, moment)
            except SnapshotGone:
                continue
        return _SourceRows()

    async def _hashes(self, route: TableRoute, session: RowReader, number: int) -> dict[int, int]:
        selection, rows = self._routes.selection(route), route.plan.range_of(number)
        if route.path == "native":
            return await session.row_hashes(selection, rows, self._routes.source_proof(route))
        return await self._row_changes.hashes(route, session, selection, rows)

    async def _examples(
        self, route: TableRoute, session: RowReader, number: int, hashes: list[int]
    ) -> list[dict[str, Any]]:
        selection, rows = self._routes.selection(route), route.plan.range_of(number)
        if route.path == "native":
            return await session.example_rows(selection, rows, self._routes.source_proof(route), hashes)
        return await self._row_changes.examples(route, session, selection, rows, hashes)


def _surplus(some: Mapping[int, int], others: Mapping[int, int]) -> list[int]:
    """A few hashes that occur more often among some than among others."""
    return list(Counter(some) - Counter(others))[:MOST_EXAMPLES]
