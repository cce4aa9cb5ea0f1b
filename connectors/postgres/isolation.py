"""Loads a batch without the rows that the table refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
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
from connectors.postgres.writer import PostgresWriter
from core.errors import DataMismatch, Defect
from core.stopwatch import in_thread

PROBE = "sterna_probe"


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
                refused = await self._find(target, rows, spoken, null, most)
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
        self, target: LoadTarget, rows: HeldRows[Any], spoken: Format, null: str | None, most: int
    ) -> list[Refusal]:
        async def attempt(first: int, last: int) -> None:
            with translated(str(target.table)):
                async with self._connection.transaction():
                    await self._writer.write(target, _bytes(rows, [(first, last)]), spoken, null)

        await self._connection.execute(f"SAVEPOINT {PROBE}")
        refused = await refused_rows(rows.count, attempt, most=most)
        # Rolled back alone it stays, and with it the transaction id of its own.
        await self._connection.execute(f"ROLLBACK TO SAVEPOINT {PROBE}; RELEASE SAVEPOINT {PROBE}")
        return refused

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
