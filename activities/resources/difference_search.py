"""Narrows a failed proof: to the batches that differ, then to example rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges
from connectors.base import BatchDifference, ProvesRows, ReadsRows, capability
from core.documents import DocumentStore
from core.errors import SnapshotGone
from core.models import Difference, TableRoute, ValidateInput

MOST_BATCHES = 20
MOST_EXAMPLES = 5


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
        expected: dict[int, int] = {}
        lost: list[dict[str, Any]] = []
        moment = ""
        if batch.number is not None:
            expected, moment = await self._source_hashes(route, given, batch.number)
            missing = _surplus(expected, found)
            lost = await self._source_examples(route, given, batch.number, missing) if missing else []
        surplus = _surplus(found, expected)
        kept = await proof.example_rows(route.destination_table, method, surplus) if surplus else []
        reference = self._documents.write_json(
            f"{self._routes.folder(route)}/difference-{'none' if batch.number is None else batch.number}.json",
            {"batch": batch.number, "sourceReadAt": moment, "onlyAtSource": lost, "onlyAtDestination": kept},
        )
        return Difference(
            batch=batch.number,
            range="rows that no batch wrote" if batch.number is None else str(route.plan.range_of(batch.number)),
            expected_rows=batch.expected.rows,
            found_rows=batch.found.rows,
            examples=reference,
        )

    async def _source_hashes(self, route: TableRoute, given: ValidateInput, number: int) -> tuple[dict[int, int], str]:
        """Hashes of the batch's rows as they should have arrived, and the moment at which they were read."""
        reader = capability(self._connections.connector(route.source, f"compare {route.source_table}"), ReadsRows)
        selection, rows = self._routes.selection(route), route.plan.range_of(number)
        moments = [(given.snapshot.id, "the job's snapshot")] if given.snapshot else []
        for snapshot, moment in [*moments, (None, "now, the snapshot being released")]:
            try:
                async with reader.reading(snapshot) as session:
                    if route.path == "native":
                        return await session.row_hashes(selection, rows, self._routes.source_proof(route)), moment
                    return await self._row_changes.hashes(route, session, selection, rows), moment
            except SnapshotGone:
                continue
        return {}, ""

    async def _source_examples(
        self, route: TableRoute, given: ValidateInput, number: int, hashes: list[int]
    ) -> list[dict[str, Any]]:
        reader = capability(self._connections.connector(route.source, f"compare {route.source_table}"), ReadsRows)
        selection, rows = self._routes.selection(route), route.plan.range_of(number)
        async with reader.reading(None) as session:
            if route.path == "native":
                return await session.example_rows(selection, rows, self._routes.source_proof(route), hashes)
            return await self._row_changes.examples(route, session, selection, rows, hashes)


def _surplus(some: Mapping[int, int], others: Mapping[int, int]) -> list[int]:
    """A few hashes that occur more often among some than among others."""
    return list(Counter(some) - Counter(others))[:MOST_EXAMPLES]
