"""Tells the rows of a batch that are refused from the others, and keeps them as rejects."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pyarrow as pa

from activities.reject_room import RejectRoom
from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.row_changes import Change, ChangedRows, fitted_columns
from activities.resources.staging import LocalStaging
from connectors.base import IsolatesRejects, capability
from connectors.bisection import Refusal, refused_rows
from connectors.canonical import digest_batch
from connectors.contract import LedgerEntry, Loaded, RefusedRow, WholeBatch
from connectors.fitting import fit
from core.documents import DocumentStore
from core.errors import DataRejected
from core.rejects import Reject, RejectStage, TableRejects, batch_name
from core.route import TableRoute
from core.schema import Digest
from core.stage_models import StagedBatch


class RejectIsolation:
    """For the stages that meet refused rows."""

    def __init__(self, connections: Connections, routes: Routes, documents: DocumentStore) -> None:
        self._connections = connections
        self._routes = routes
        self._documents = documents

    def rejects(self, route: TableRoute) -> TableRejects:
        """The table's rejects."""
        return TableRejects(self._documents, route.job_id, route.run, route.table_id)

    def left_out(self, route: TableRoute, number: int) -> LeftOut:
        """Gathers what the transform stage leaves out of one batch."""
        return LeftOut(self, route, number)

    async def change(self, change: Change, rows: pa.RecordBatch, room: RejectRoom) -> tuple[ChangedRows, list[Refusal]]:
        """The rows without those that the transformations, or the destination's columns, refuse."""

        async def attempt(first: int, last: int) -> None:
            await asyncio.to_thread(change, rows.slice(first, last - first))

        refused = await refused_rows(rows.num_rows, attempt, most=room.most)
        positions = {refusal.position for refusal in refused}
        mask = pa.array([position not in positions for position in range(rows.num_rows)], pa.bool_())
        if len(refused) > room.most:
            return ChangedRows(rows.slice(0, 0), Digest(), {}), refused
        return await asyncio.to_thread(change, rows.filter(mask)), refused

    async def load(
        self, route: TableRoute, batch: StagedBatch, staging: LocalStaging, room: RejectRoom, error: DataRejected
    ) -> Loaded:
        """Loads the rows that the destination takes. Raises DataRejected where more are refused than may be."""
        connector = await self._connections.connector(
            route.destination, f"load {route.destination_table} {batch.number}"
        )
        if not connector.capabilities.isolates_rejects:
            error.remedy = f"{error.remedy}. {route.destination.connection.type} cannot say which rows it refuses"
            raise error
        entry = LedgerEntry(
            route.job_id, route.table_id, room.load, batch.number, batch.digest, rejected=batch.rejected
        )

        async def keep(refused: Sequence[RefusedRow], digest: Digest | None) -> Digest:
            if not refused:
                self.rejects(route).drop(room.load, batch_name(batch.number, "load"))
                return Digest()
            errors = [_explained(route, row) for row in refused]
            rejects = [
                _reject(route, batch.number, row.position, "load", row.values, reason, _destination_key(route))
                for row, reason in zip(refused, errors, strict=True)
            ]
            self.keep(route, batch.number, "load", rejects, room, errors[0])
            return digest if digest is not None else await self._digest(route, refused, room)

        return await capability(connector, IsolatesRejects).load_isolating(
            self._routes.target(route),
            entry,
            await _whole(route, batch, staging),
            self._routes.destination_proof(route),
            keep,
            most=room.most,
            digests=room.digests,
        )

    def keep(
        self,
        route: TableRoute,
        number: int,
        stage: RejectStage,
        rejects: Sequence[Reject],
        room: RejectRoom,
        first: DataRejected,
    ) -> None:
        """Stores what one stage refused of a batch. Raises DataRejected where that is more than may be."""
        self.rejects(route).write(room.load, batch_name(number, stage), rejects)
        if len(rejects) > room.allowed:
            if first.evidence:
                example = self._routes.keep_refusal(route, number, first.evidence)
                first.remedy = ". ".join(filter(None, (first.remedy, f"The document {example} shows an example")))
            raise too_many(route, len(rejects), room.allowed, first, at_least=len(rejects) > room.most)

    async def _digest(self, route: TableRoute, refused: Sequence[RefusedRow], room: RejectRoom) -> Digest:
        if not room.digests:
            return Digest(rows=len(refused))
        names = [column.destination for column in route.columns]
        arrays = [pa.array([row.values[name] for row in refused], pa.string()) for name in names]
        rows = pa.RecordBatch.from_arrays(arrays, names=names)
        return await asyncio.to_thread(digest_batch, rows, self._routes.staged_proof(route).columns)


class LeftOut:
    """The rows of one batch that the transform stage leaves out, gathered part by part."""

    def __init__(self, isolation: RejectIsolation, route: TableRoute, number: int) -> None:
        self._isolation = isolation
        self._route = route
        self._number = number
        self._passed = 0
        self._found: list[Reject] = []
        self._first: DataRejected | None = None

    def pass_over(self, rows: pa.RecordBatch) -> None:
        """A part of which nothing was left out."""
        self._passed += rows.num_rows

    def add(self, rows: pa.RecordBatch, refused: Sequence[Refusal]) -> None:
        """A part and what is left out of it. Values are kept as they came, so that a mended rule can be applied."""
        key = self._route.source_schema.primary_key
        for refusal in refused:
            values = rows.slice(refusal.position, 1).to_pylist()[0]
            position = self._passed + refusal.position
            names = key.columns if key is not None else []
            self._found.append(_reject(self._route, self._number, position, "transform", values, refusal.error, names))
            self._first = self._first or refusal.error
        self.pass_over(rows)

    def keep(self, room: RejectRoom) -> int:
        """Stores them and returns their number. Raises DataRejected where they are more than may be."""
        if self._first is None:
            return 0
        self._isolation.keep(self._route, self._number, "transform", self._found, room, self._first)
        return len(self._found)


def too_many(
    route: TableRoute, count: int, allowed: int, first: DataRejected, *, at_least: bool = False
) -> DataRejected:
    """More rows are refused than `maxRejects` leaves room for."""
    rows = "1 row" if count == 1 else f"{'at least ' if at_least else ''}{count} rows"
    return DataRejected(
        f"{route.destination_table} refuses {rows}, and maxRejects leaves room for {allowed or 'none'}. "
        f"The first: {first.message}",
        remedy=". ".join(
            filter(None, (first.remedy, "'sterna rejects JOB' lists them. Retry, or start anew with maxRejects"))
        ),
        code=first.code,
    )


def _explained(route: TableRoute, row: RefusedRow) -> DataRejected:
    """Where the row is beyond a limit that the route names, that says more than the destination's own words."""
    columns = fitted_columns(route)
    values = pa.RecordBatch.from_pydict(
        {column.name: pa.array([row.values[column.name]], pa.string()) for column in columns}
    )
    try:
        fit(values, columns)
    except DataRejected as found:
        found.code = row.error.code
        found.evidence["server"] = row.error.evidence
        return found
    return row.error


def moved_reject(route: TableRoute, number: int, values: Mapping[str, str | None], error: DataRejected) -> Reject:
    """A row that a constraint moved out of the table."""
    return _reject(route, number, -1, "finish", values, error, _destination_key(route))


def _reject(
    route: TableRoute,
    number: int,
    position: int,
    stage: RejectStage,
    values: Mapping[str, str | None],
    error: DataRejected,
    key: Sequence[str],
) -> Reject:
    return Reject(
        table=str(route.destination_table),
        batch=number,
        row=position,
        stage=stage,
        reason=error.message,
        code=error.code,
        constraint=str(error.evidence.get("constraint_name", "")),
        key={name: values[name] for name in key if name in values},
        values=dict(values),
    )


def _destination_key(route: TableRoute) -> list[str]:
    key = route.source_schema.primary_key
    names = {column.source: column.destination for column in route.columns if column.source is not None}
    return [names[name] for name in (key.columns if key is not None else []) if name in names]


async def _whole(route: TableRoute, batch: StagedBatch, staging: LocalStaging) -> WholeBatch:
    if route.path == "native":
        return WholeBatch(native=b"".join([piece async for piece in staging.read(batch.staged, batch.bytes)]))
    parts = [part async for part in staging.read_batches(batch.staged, batch.bytes)]
    names = [column.destination for column in route.columns]
    empty = pa.schema([pa.field(name, pa.string()) for name in names])
    return WholeBatch(arrow=pa.Table.from_batches(parts, parts[0].schema if parts else empty))
