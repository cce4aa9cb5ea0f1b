"""Loads the rejects of one table again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pyarrow as pa

from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges
from connectors.base import IsolatesRejects, WritesRows, capability
from connectors.bisection import refused_rows
from connectors.canonical import digest_batch
from connectors.contract import (
    CANONICAL_DIGEST,
    REPEATED_KEY,
    DigestColumn,
    LedgerEntry,
    RefusedRow,
    WholeBatch,
)
from core.documents import DocumentStore
from core.errors import DataRejected
from core.rejects import Reject, RejectStage, TableRejects, replay_name
from core.replay import Replayed, ReplayInput
from core.route import TableRoute
from core.schema import Digest


class RejectReplay:
    """A replay is a batch of its own, numbered after those of the plan, whose ledger row takes its rows back from the
    table's rejects: the sum over the ledger stays loaded + rejected = extracted."""

    def __init__(
        self, connections: Connections, routes: Routes, row_changes: RowChanges, documents: DocumentStore
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._row_changes = row_changes
        self._documents = documents

    async def run(self, route: TableRoute, given: ReplayInput) -> Replayed:
        """Rows that the transformations refused go through them again, the others into the table as they are kept. Rows
        that an upsert refused because of another one of their key stay rejects: they would take its place."""
        kept = TableRejects(self._documents, route.job_id, route.run, route.table_id)
        found = list(kept.read(waiting=False))
        repeated = [reject for reject in found if reject.code == REPEATED_KEY and route.upsert_keys]
        rejects = [reject for reject in found if reject not in repeated]
        ready = [reject for reject in rejects if reject.stage != "transform"]
        changed, still = await self._change(route, [reject for reject in rejects if reject.stage == "transform"])
        ready += [reject for reject, _ in changed]
        values = [reject.values for reject in ready[: len(ready) - len(changed)]] + [row for _, row in changed]
        rows = self._table(route, values)
        connector = await self._connections.connector(route.destination, f"replay {route.destination_table}")
        isolating = capability(connector, IsolatesRejects)
        target, proof = self._routes.target(route), self._routes.destination_proof(route)
        digest = Digest(rows=len(ready))
        if given.digests and ready:
            if route.digest_algorithm == CANONICAL_DIGEST:
                digest = await asyncio.to_thread(_digest, rows, self._routes.staged_proof(route).columns)
            else:
                digest = await isolating.digest_text(target, rows, proof)

        async def keep(refused: Sequence[RefusedRow], found: Digest | None) -> Digest:
            again = [_refused_again(ready[row.position], "load", row.error, row.values) for row in refused]
            kept.write(given.load, replay_name(given.replay), [*repeated, *still, *again])
            if found is not None or not given.digests:
                return found or Digest(rows=len(refused))
            left_out = self._table(route, [row.values for row in refused])
            return await asyncio.to_thread(_digest, left_out, self._routes.staged_proof(route).columns)

        number = max(route.plan.batches, given.first) + given.replay - 1
        entry = LedgerEntry(route.job_id, route.table_id, given.load, number, digest, rejected=-len(ready))
        await isolating.load_isolating(
            target, entry, WholeBatch(arrow=rows), proof, keep, most=len(ready), digests=given.digests
        )
        kept.end_replay(given.load, given.replay)
        load = self._routes.load_ref(route, given.load)
        recorded = await capability(connector, WritesRows).ledger_rows(load)
        held = sum((row.digest for row in recorded), Digest())
        return Replayed(loaded=held, rejected=sum(row.rejected for row in recorded))

    async def _change(
        self, route: TableRoute, rejects: list[Reject]
    ) -> tuple[list[tuple[Reject, dict[str, str | None]]], list[Reject]]:
        """Rows that the transformations take now, and rejects that stay as they are."""
        if not rejects:
            return [], []
        change = self._row_changes.of(route, digests=False)
        names = list(rejects[0].values)
        arrays = [pa.array([reject.values[name] for reject in rejects], pa.string()) for name in names]
        rows = pa.RecordBatch.from_arrays(arrays, names=names)

        async def attempt(first: int, last: int) -> None:
            await asyncio.to_thread(change, rows.slice(first, last - first))

        refused = {
            found.position: found.error for found in await refused_rows(len(rejects), attempt, most=len(rejects))
        }
        taken = [position for position in range(len(rejects)) if position not in refused]
        changed = await asyncio.to_thread(change, rows.take(pa.array(taken, pa.int64()))) if taken else None
        values = changed.rows.to_pylist() if changed is not None else []
        still = [
            _refused_again(rejects[position], "transform", error, rejects[position].values)
            for position, error in refused.items()
        ]
        return list(zip([rejects[position] for position in taken], values, strict=True)), still

    def _table(self, route: TableRoute, rows: Sequence[dict[str, str | None]]) -> pa.Table:
        names = [column.destination for column in route.columns]
        return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})


def _digest(rows: pa.Table, columns: Sequence[DigestColumn]) -> Digest:
    return sum((digest_batch(part, columns) for part in rows.to_batches()), Digest())


def _refused_again(reject: Reject, stage: RejectStage, error: DataRejected, values: dict[str, str | None]) -> Reject:
    return reject.model_copy(
        update={
            "stage": stage,
            "values": values,
            "reason": error.message,
            "code": error.code,
            "constraint": str(error.evidence.get("constraint_name", "")),
        }
    )
