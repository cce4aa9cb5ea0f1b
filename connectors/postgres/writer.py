"""Loads batches: ledger row and rows in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg

from connectors.arrow_text import batch_to_csv
from connectors.contract import REPEATED_KEY, LedgerEntry, Loaded, LoadTarget, Progress
from connectors.key_spans import spans_condition
from connectors.postgres.copying import Format, copy_format
from connectors.postgres.deletion import refuse_cascades
from connectors.postgres.errors import translated
from connectors.postgres.ledger import Ledger
from connectors.postgres.own_rows import own_rows
from connectors.postgres.row_digests import digest_rows
from connectors.postgres.sql import identifier, identifiers, qualified
from core.errors import DataMismatch, DataRejected, InvalidConfiguration
from core.schema import Digest, TableName
from core.stopwatch import in_thread

if TYPE_CHECKING:
    import pyarrow as pa

INCOMING = "sterna_incoming"


class PostgresWriter:
    """Writes batches through one session."""

    def __init__(self, connection: asyncpg.Connection[Any], ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger

    async def load_native(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[bytes], progress: Progress
    ) -> Loaded:
        """From COPY's own bytes, or from csv of interchange text."""
        spoken, null = copy_format(target.native_format, as_text=target.as_text)
        return await self._load(target, entry, _counted(parts, progress), spoken, null)

    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """From Arrow, as csv: the server's input functions read what its output functions wrote."""
        return await self._load(target, entry, _counted(_as_csv(parts), progress), "csv")

    async def _load(
        self,
        target: LoadTarget,
        entry: LedgerEntry,
        parts: AsyncIterator[bytes],
        spoken: Format,
        null: str | None = None,
    ) -> Loaded:
        expected = entry.digest.rows
        with translated(f"loading batch {entry.number} into {target.table}"):
            async with self._connection.transaction():
                recorded = await self._ledger.claim(self._connection, entry)
                if recorded is not None:
                    rejected = await self._ledger.rejected(self._connection, entry)
                    return Loaded(digest=recorded, repeated=True, rejected=rejected)
                entry = await self._make_room(target, entry)
                written = await self.write(target, parts, spoken, null)
                if written != expected:
                    raise DataMismatch(
                        f"batch {entry.number} of {target.table}: {expected} rows were extracted, "
                        f"the destination took {written}",
                        remedy="A trigger or rule of the destination table drops or adds rows: disable it, then retry",
                    )
        return Loaded(digest=entry.digest, repeated=False, rejected=entry.rejected)

    async def write(self, target: LoadTarget, parts: AsyncIterator[bytes], spoken: Format, null: str | None) -> int:
        """Inside a transaction: COPY or upsert of rows in one of COPY's formats; how many were written."""
        if target.upsert_keys:
            return await self._upsert(target, parts, spoken, null)
        return await self._copy(target.table, target, parts, spoken, null)

    async def correct_ledger(self, target: LoadTarget, entry: LedgerEntry) -> Loaded:
        """See ReplacesRows."""
        with translated(f"correcting the ledger for {target.table}"):
            async with self._connection.transaction():
                recorded = await self._ledger.claim(self._connection, entry)
        return Loaded(digest=recorded or entry.digest, repeated=recorded is not None)

    async def _make_room(self, target: LoadTarget, entry: LedgerEntry) -> LedgerEntry:
        """Takes away the rows whose place the batch takes; the entry as the ledger then has it."""
        if target.in_place_of is None:
            return entry
        await refuse_cascades(self._connection, target.table)
        condition = spans_condition(identifier(target.in_place_of.column), target.in_place_of)
        rows = f"FROM {await own_rows(self._connection, target.table)} WHERE {condition}"
        removed = await digest_rows(self._connection, target.removal_proof, rows) if target.removal_proof else Digest()
        deleted = int((await self._connection.execute(f"DELETE {rows}")).rsplit(" ", 1)[1])
        corrected = replace(entry, digest=entry.digest - Digest(rows=deleted, total=removed.total))
        await self._ledger.correct(self._connection, entry, corrected.digest, entry.rejected)
        return corrected

    async def _copy(
        self,
        table: TableName,
        target: LoadTarget,
        parts: AsyncIterator[bytes],
        spoken: Format,
        null: str | None,
    ) -> int:
        status = await self._connection.copy_to_table(
            table.name,
            schema_name=table.schema_name or None,
            columns=list(target.columns),
            source=parts,
            format=spoken,
            null=null,
        )
        return int(status.rsplit(" ", 1)[1])

    async def _upsert(self, target: LoadTarget, parts: AsyncIterator[bytes], spoken: Format, null: str | None) -> int:
        """By way of a temporary table that ends with the transaction."""
        columns = identifiers(target.columns)
        await self._connection.execute(
            f"CREATE TEMPORARY TABLE {INCOMING} ON COMMIT DROP AS "
            f"SELECT {columns} FROM {qualified(target.table)} WITH NO DATA"
        )
        await self._copy(TableName(schema_name="", name=INCOMING), target, parts, spoken, null)
        changes = ", ".join(f"{name} = excluded.{name}" for name in await self._updatable(target))
        try:
            status = await self._connection.execute(
                f"INSERT INTO {qualified(target.table)} ({columns}) OVERRIDING SYSTEM VALUE "
                f"SELECT {columns} FROM pg_temp.{INCOMING} "
                f"ON CONFLICT ({identifiers(target.upsert_keys)}) DO UPDATE SET {changes}"
            )
        except asyncpg.CardinalityViolationError as error:
            if getattr(error, "server_source_function", None) != "ExecOnConflictUpdate":
                raise  # a trigger's own
            raise repeated_key(target.upsert_keys) from error
        await self._connection.execute(f"DROP TABLE pg_temp.{INCOMING}")
        return int(status.rsplit(" ", 1)[1])

    async def _updatable(self, target: LoadTarget) -> list[str]:
        """Quoted names of the columns that an upsert sets: the key too, since values that are equal may differ in
        bytes (1.10 and 1.1), and since a row that nothing is set in would not count as written.

        An identity that is GENERATED ALWAYS can be inserted but not set (manual, UPDATE).
        """
        always = await self._connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attidentity = 'a'",
            qualified(target.table),
        )
        refused = {record["attname"] for record in always}
        names = [identifier(name) for name in target.columns if name not in refused]
        if not names:
            raise InvalidConfiguration(
                f"no column of {target.table} can be updated, so rows that are there cannot be upserted",
                remedy="ALTER TABLE … ALTER COLUMN … SET GENERATED BY DEFAULT, then retry",
            )
        return names


def repeated_key(keys: Sequence[str]) -> DataRejected:
    """One of the rows would be lost."""
    return DataRejected(
        f"another row of the load has the same key ({', '.join(keys)})",
        remedy="The destination's key must be unique at the source too: remove the duplicates, then retry",
        code=REPEATED_KEY,
    )


async def _counted(parts: AsyncIterator[bytes], progress: Progress) -> AsyncIterator[bytes]:
    async for part in parts:
        yield part
        progress(len(part))


async def _as_csv(parts: AsyncIterator[pa.RecordBatch]) -> AsyncIterator[bytes]:
    async for batch in parts:
        yield await in_thread(batch_to_csv, batch)
