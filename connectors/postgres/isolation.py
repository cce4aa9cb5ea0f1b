"""Loads a batch without the rows that the table refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import asyncpg

from connectors.arrow_text import batch_to_csv
from connectors.bisection import Refusal, refused_rows
from connectors.contract import (
    DigestMethod,
    KeepRefused,
    LedgerEntry,
    Loaded,
    LoadTarget,
    RefusedRow,
    WholeBatch,
)
from connectors.held_rows import ArrowRows, HeldRows, Span
from connectors.postgres.copying import Format, copy_format
from connectors.postgres.errors import translated
from connectors.postgres.ledger import Ledger
from connectors.postgres.refused_rows import refused_values
from connectors.postgres.row_cutting import cut
from connectors.postgres.sql import identifier, identifiers, qualified
from connectors.postgres.writer import PostgresWriter, repeated_key
from core.errors import DataMismatch, Defect
from core.schema import TableName
from core.stopwatch import in_thread

PROBE, CAME = "sterna_probe", "sterna_came"


class PostgresIsolation:
    """Rows belong to the batch whose transaction wrote them, and a savepoint would give them a transaction id of its
    own: what is refused is found out behind a savepoint that is rolled back, then the others are loaded without one."""

    def __init__(self, connection: asyncpg.Connection[Any], ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger
        self._writer = PostgresWriter(connection, ledger)

    async def load(
        self,
        target: LoadTarget,
        entry: LedgerEntry,
        batch: WholeBatch,
        proof: DigestMethod,
        keep: KeepRefused,
        *,
        most: int,
        digests: bool,
    ) -> Loaded:
        """See IsolatesRejects."""
        spoken, null = ("csv", None) if batch.arrow is not None else _native_format(target)
        rows = await _held(batch, spoken)
        if rows.count != entry.digest.rows:
            raise Defect(f"batch {entry.number} of {target.table} holds {rows.count} rows, not {entry.digest.rows}")
        with translated(f"loading batch {entry.number} into {target.table}"):
            async with self._connection.transaction():
                recorded = await self._ledger.claim(self._connection, entry)
                if recorded is not None:
                    rejected = await self._ledger.rejected(self._connection, entry)
                    return Loaded(digest=recorded, repeated=True, rejected=rejected)
                await self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                refused = await self._find(target, entry, rows, spoken, null, most)
                spans = [(refusal.position, refusal.position + 1) for refusal in refused]
                values, digest = await refused_values(
                    self._connection, target, batch, spans, spoken, proof, digests=digests
                )
                kept = [
                    RefusedRow(refusal.position, row, refusal.error)
                    for refusal, row in zip(refused, values, strict=True)
                ]
                loaded = entry.digest - await keep(kept, digest)
                await self._load_others(target, entry, rows, refused, spoken, null)
                rejected = entry.rejected + len(refused)
                await self._ledger.correct(self._connection, entry, loaded, rejected)
        return Loaded(digest=loaded, repeated=False, rejected=rejected)

    async def _find(
        self, target: LoadTarget, entry: LedgerEntry, rows: HeldRows[Any], spoken: Format, null: str | None, most: int
    ) -> list[Refusal]:
        async def attempt(first: int, last: int) -> None:
            with translated(str(target.table)):
                async with self._connection.transaction():
                    await self._writer.write(target, _bytes(rows, [(first, last)]), spoken, null)

        await self._connection.execute(f"SAVEPOINT {PROBE}")
        refused = await refused_rows(rows.count, attempt, most=most)
        if target.upsert_keys and len(refused) <= most:
            refused = sorted(
                [*refused, *await self._repeated(target, entry, rows, refused, spoken, null, most)],
                key=lambda refusal: refusal.position,
            )
        # Rolled back alone it stays, and with it the transaction id of its own.
        await self._connection.execute(f"ROLLBACK TO SAVEPOINT {PROBE}; RELEASE SAVEPOINT {PROBE}")
        return refused

    async def _repeated(
        self,
        target: LoadTarget,
        entry: LedgerEntry,
        rows: HeldRows[Any],
        refused: list[Refusal],
        spoken: Format,
        null: str | None,
        most: int,
    ) -> list[Refusal]:
        """Rows that each part of an upsert takes, and that would replace another row of this load: of the batch all
        but the first of a key. By the server's own equality."""
        spans = rows.without([refusal.position for refusal in refused])
        keys, columns = identifiers(target.upsert_keys), identifiers(target.columns)
        same = " AND ".join(f"stands.{name} = came.{name}" for name in map(identifier, target.upsert_keys))
        await self._connection.execute(
            f"CREATE TEMPORARY TABLE {CAME} ON COMMIT DROP AS SELECT {columns} FROM {qualified(target.table)} "
            f"WITH NO DATA; ALTER TABLE {CAME} ADD sterna_position bigint GENERATED ALWAYS AS IDENTITY"
        )
        came = replace(target, upsert_keys=(), table=TableName(schema_name="", name=CAME))
        await self._writer.write(came, _bytes(rows, spans), spoken, null)
        found = await self._connection.fetch(
            f"SELECT sterna_position FROM (SELECT sterna_position, row_number() OVER (PARTITION BY {keys} "
            f"ORDER BY sterna_position) > 1 OR EXISTS (SELECT FROM {qualified(target.table)} AS stands WHERE {same} "
            f"AND stands.xmin IN ({self._ledger.transactions()})) AS again FROM pg_temp.{CAME} AS came) AS judged "
            f"WHERE again ORDER BY 1 LIMIT {most + 1}",
            entry.job_id,
            entry.table_id,
            entry.load,
        )
        positions = [position for first, last in spans for position in range(first, last)]
        return [Refusal(positions[record[0] - 1], repeated_key(target.upsert_keys)) for record in found]

    async def _load_others(
        self,
        target: LoadTarget,
        entry: LedgerEntry,
        rows: HeldRows[Any],
        refused: list[Refusal],
        spoken: Format,
        null: str | None,
    ) -> None:
        expected = rows.count - len(refused)
        if not expected:
            return
        spans = rows.without([refusal.position for refusal in refused])
        written = await self._writer.write(target, _bytes(rows, spans), spoken, null)
        if written != expected:
            raise DataMismatch(
                f"batch {entry.number} of {target.table}: {expected} rows were to be loaded, "
                f"the destination took {written}",
                remedy="A trigger or rule of the destination table drops or adds rows: disable it, then retry",
            )


def _native_format(target: LoadTarget) -> tuple[Format, str | None]:
    return copy_format(target.native_format, as_text=target.as_text)


async def _held(batch: WholeBatch, spoken: Format) -> HeldRows[Any]:
    if batch.arrow is not None:
        return ArrowRows(batch.arrow)
    assert batch.native is not None
    return await in_thread(cut, batch.native, spoken)


async def _bytes(rows: HeldRows[Any], spans: Iterable[Span]) -> AsyncIterator[bytes]:
    for part in rows.parts(spans):
        yield part if isinstance(part, bytes) else await in_thread(batch_to_csv, part)
