"""Loads batches through one session: ledger row and rows in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.contract import (
    LedgerEntry,
    Loaded,
    LoadTarget,
    Progress,
)
from connectors.sql.errors import doing
from connectors.sql.ledger import LedgerRowExists, SqlLedger, digest_method
from connectors.sql.rows_of import RowsOf
from connectors.sql.session import SqlSession
from connectors.sql.upsert import SqlUpsert
from core.errors import DataMismatch, Defect
from core.schema import Digest

if TYPE_CHECKING:
    import pyarrow as pa


class SqlWriter:
    """Writes batches through a session that is closed, and thereby rolled back, when a method fails."""

    def __init__(self, session: SqlSession, ledger: SqlLedger) -> None:
        self._session = session
        self._ledger = ledger

    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """See WritesRows."""

        async def insert(into: LoadTarget) -> int:
            taken = 0
            async for rows in parts:
                if rows.num_rows:
                    taken += await self._session.insert(into, rows)
                progress(rows.nbytes)
            return taken

        return await self._load(target, entry, insert)

    async def load_native(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[bytes], progress: Progress
    ) -> Loaded:
        """See WritesRows."""

        async def counted() -> AsyncIterator[bytes]:
            async for part in parts:
                yield part
                progress(len(part))

        return await self._load(target, entry, lambda into: self._session.copy_in(into, counted()))

    async def claim(self, target: LoadTarget, entry: LedgerEntry) -> Loaded | None:
        """Begins the transaction with the batch's ledger row in it; or says what the batch was recorded with."""
        recorded = await self._claim(target, entry)
        if recorded is None:
            return None
        rejected = await self._ledger.rejected(self._session, entry)
        return Loaded(digest=recorded, repeated=True, rejected=rejected)

    async def correct(self, entry: LedgerEntry, loaded: Digest, rejected: int) -> None:
        """Inside the transaction: what the batch holds in truth."""
        await self._ledger.amend(self._session, replace(entry, digest=loaded, rejected=rejected))

    def upsert(self, target: LoadTarget) -> SqlUpsert:
        """Of one batch."""
        return SqlUpsert(self._ledger.dialect, self._session, target)

    async def record_replaced(self, entry: LedgerEntry, replaced: Digest) -> None:
        """Inside the transaction: rows of the table that the batch's rows took the place of."""
        await self._ledger.record_replaced(self._session, entry, replaced)

    async def _load(
        self, target: LoadTarget, entry: LedgerEntry, write: Callable[[LoadTarget], Awaitable[int]]
    ) -> Loaded:
        upsert = self.upsert(target) if target.upsert_keys else None
        with doing(f"loading batch {entry.number} into {target.table}"):
            recorded = await self.claim(target, entry)
            if recorded is not None:
                return recorded
            if upsert is not None:
                await upsert.prepare()
            corrected = await self._make_room(target, entry)
            taken = await write(target if upsert is None else upsert.incoming)
            if taken != entry.digest.rows:
                raise DataMismatch(
                    f"{entry.digest.rows} rows were extracted, the destination took {taken}",
                    remedy="A trigger or rule of the destination table drops or adds rows: disable it, then retry",
                )
            if upsert is not None:
                replaced = await upsert.apply(entry.digest.rows, digest_method(target))
                await self.record_replaced(entry, replaced)
            await self._session.commit()
        return Loaded(digest=corrected.digest, repeated=False, rejected=entry.rejected)

    async def correct_ledger(self, target: LoadTarget, entry: LedgerEntry) -> Loaded:
        """See ReplacesRows."""
        with doing(f"correcting the ledger for {target.table}"):
            recorded = await self._claim(target, entry)
            if recorded is None:
                await self._session.commit()
        return Loaded(digest=recorded or entry.digest, repeated=recorded is not None)

    async def _make_room(self, target: LoadTarget, entry: LedgerEntry) -> LedgerEntry:
        """Takes away the rows whose place the batch takes; the entry as the ledger then has it."""
        if target.in_place_of is None:
            return entry
        removed = await RowsOf(self._ledger.dialect, self._session, target.table).remove(
            target.in_place_of, target.removal_proof
        )
        corrected = replace(entry, digest=entry.digest - removed)
        await self._ledger.amend(self._session, corrected)
        return corrected

    async def _claim(self, target: LoadTarget, entry: LedgerEntry) -> Digest | None:
        """The transaction, with the batch's ledger row in it; or what the batch was recorded with, and none."""
        await self._session.begin()
        await self._session.hold_table(target.table, alone=False)
        await self._session.end_predecessor(f"{entry.job_id}/{entry.table_id}/{entry.load}/{entry.number}")
        try:
            recorded = await self._ledger.claim(self._session, entry)
        except LedgerRowExists:
            await self._session.rollback()
            recorded = await self._ledger.recorded(self._session, entry)
            if recorded is None:
                raise Defect(f"the ledger neither takes nor holds batch {entry.number}") from None
            return recorded
        if recorded is not None:
            await self._session.rollback()
        return recorded
