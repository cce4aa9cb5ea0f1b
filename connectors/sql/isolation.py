"""Loads a batch without the rows that the table refuses, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from connectors.arrow_text import CsvReader
from connectors.bisection import Refusal, refused_rows
from connectors.contract import (
    CSV_INTERCHANGE,
    KeepRefused,
    LedgerEntry,
    Loaded,
    LoadTarget,
    RefusedRow,
    WholeBatch,
)
from connectors.held_rows import ArrowRows, HeldRows, Span, csv_rows
from connectors.sql.errors import doing
from connectors.sql.ledger import digest_method
from connectors.sql.session import SqlSession
from connectors.sql.upsert import SqlUpsert
from connectors.sql.writer import SqlWriter
from core.errors import Contended, DataMismatch, DataRejected, Defect
from core.schema import Digest
from core.stopwatch import in_thread

SAVEPOINT = "sterna_rows"


class SqlIsolation:
    """What is loaded behind a savepoint stays, part by part, and what is refused is rolled back to it."""

    def __init__(self, session: SqlSession, writer: SqlWriter) -> None:
        self._session = session
        self._writer = writer
        self._taken: list[Span] = []
        self._upsert: SqlUpsert | None = None
        self._replaced = Digest()
        """Rows of the table that an upsert's rows took the place of."""

    async def load(
        self, target: LoadTarget, entry: LedgerEntry, batch: WholeBatch, keep: KeepRefused, *, most: int
    ) -> Loaded:
        """See IsolatesRejects."""
        rows = await _held(target, batch)
        if rows.count != entry.digest.rows:
            raise Defect(f"batch {entry.number} of {target.table} holds {rows.count} rows, not {entry.digest.rows}")
        with doing(f"loading batch {entry.number} into {target.table}"):
            recorded = await self._writer.claim(target, entry)
            if recorded is not None:
                return recorded
            await self._begin(target)
            refused = await refused_rows(
                rows.count, lambda first, last: self._attempt(target, entry, rows, first, last), most=most
            )
            loaded, rejected = entry.digest, entry.rejected + len(refused)
            loaded -= await keep(await _described(target, rows, refused), None)
            if refused:
                await self._writer.correct(entry, loaded, rejected)
            if self._upsert is not None:
                await self._writer.record_replaced(entry, self._replaced)
            await self._session.commit()
        return Loaded(digest=loaded, repeated=False, rejected=rejected)

    async def _attempt(
        self, target: LoadTarget, entry: LedgerEntry, rows: HeldRows[Any], first: int, last: int
    ) -> None:
        if self._session.has_savepoints:
            await self._session.execute(f"SAVEPOINT {SAVEPOINT}")
        try:
            taken = await self._insert(target, rows, (first, last))
        except DataRejected:
            await self._take_back(target, entry, rows)
            raise
        if taken != last - first:
            raise DataMismatch(
                f"{last - first} rows were to be loaded, the destination took {taken}",
                remedy="A trigger or rule of the destination table drops or adds rows: disable it, then retry",
            )
        self._taken.append((first, last))

    async def _begin(self, target: LoadTarget) -> None:
        """What an upsert needs within the transaction."""
        if target.upsert_keys:
            self._upsert, self._replaced = self._writer.upsert(target), Digest()
            await self._upsert.prepare_parts()

    async def _insert(self, target: LoadTarget, rows: HeldRows[Any], span: Span) -> int:
        if self._upsert is None:
            return await self._write(target, rows, span)
        await self._upsert.empty()
        taken = await self._write(self._upsert.incoming, rows, span)
        await self._upsert.refuse_repeated()
        replaced = await self._upsert.apply(taken, digest_method(target))
        await self._upsert.remember()
        self._replaced += replaced
        return taken

    async def _write(self, target: LoadTarget, rows: HeldRows[Any], span: Span) -> int:
        taken = 0
        for part in rows.parts([span]):
            if isinstance(part, bytes):
                taken += await self._session.copy_in(target, _only(part))
            else:
                taken += await self._session.insert(target, part)
        return taken

    async def _take_back(self, target: LoadTarget, entry: LedgerEntry, rows: HeldRows[Any]) -> None:
        """What the last attempt left; without savepoints the transaction is done again up to there."""
        if self._session.has_savepoints:
            await self._session.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            return
        await self._session.rollback()
        if await self._writer.claim(target, entry) is not None:
            raise Contended("another attempt has loaded the batch meanwhile")
        await self._begin(target)
        for span in self._taken:
            await self._insert(target, rows, span)


async def _held(target: LoadTarget, batch: WholeBatch) -> HeldRows[Any]:
    if batch.arrow is not None:
        return ArrowRows(batch.arrow)
    assert batch.native is not None
    if target.native_format != CSV_INTERCHANGE:
        raise Defect(f"rows of the format {target.native_format} cannot be cut here")
    return await in_thread(csv_rows, batch.native)


async def _described(target: LoadTarget, rows: HeldRows[Any], refused: list[Refusal]) -> list[RefusedRow]:
    spans: list[Span] = [(refusal.position, refusal.position + 1) for refusal in refused]
    if not spans:
        return []
    parts = list(rows.parts(spans))
    if parts and isinstance(parts[0], bytes):
        reader = CsvReader(target.columns, [""] * len(target.columns), null="NULL")
        parts = await in_thread(reader.parse, b"".join(parts))
    values = [dict(zip(target.columns, row.values(), strict=True)) for part in parts for row in part.to_pylist()]
    return [RefusedRow(refusal.position, row, refusal.error) for refusal, row in zip(refused, values, strict=True)]


async def _only(part: bytes) -> AsyncIterator[bytes]:
    yield part
