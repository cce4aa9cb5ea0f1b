"""Loads batches: a file is put on the user's stage, then copied into the table in the ledger row's transaction."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.contract import (
    LedgerEntry,
    Loaded,
    LoadTarget,
    Progress,
)
from connectors.fitting import FittedColumn, fit
from connectors.snowflake.dialect import SnowflakeDialect
from connectors.snowflake.session import SnowflakeSession
from connectors.snowflake.types import TEXT_BYTES, WIDEST_TEXT, all_guards, type_name, value_type
from connectors.sql.errors import doing
from connectors.sql.ledger import SqlLedger
from connectors.sql.writer import SqlWriter
from core.errors import Contended, DataMismatch, InvalidConfiguration, MigrationError, Unavailable
from core.stopwatch import in_thread

T = TypeVar("T")

STAGE = "@~/sterna"
"""The user's own stage: it needs no privilege and no DDL, which would commit."""
SIGN_OF_LIFE_SECONDS = 2.0


class SnowflakeWriter(SqlWriter):
    """The ledger is held at the end of the transaction and only for a moment, so that batches load side by side: an
    UPDATE would otherwise keep all of them waiting. docs/snowflake.md says why this loads exactly once."""

    def __init__(self, session: SnowflakeSession, ledger: SqlLedger) -> None:
        super().__init__(session, ledger)
        self._snowflake = session
        self._dialect = SnowflakeDialect()

    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """See WritesRows."""
        if target.upsert_keys:
            raise InvalidConfiguration(
                f"{target.table} cannot be loaded by upsert in Snowflake", remedy="Use loadMode append or replace"
            )
        with doing(f"loading batch {entry.number} into {target.table}"):
            recorded = await self._ledger.recorded(self._snowflake, entry)
            if recorded is not None:
                return Loaded(
                    digest=recorded, repeated=True, rejected=await self._ledger.rejected(self._snowflake, entry)
                )
            with tempfile.TemporaryDirectory(prefix="sterna-snowflake-") as folder:
                file = Path(folder) / f"{entry.number}.parquet"
                rows = await self._spool(target, parts, file, progress)
                return await self._by_stage(target, entry, file, rows, progress)

    async def _by_stage(
        self, target: LoadTarget, entry: LedgerEntry, file: Path, rows: int, progress: Progress
    ) -> Loaded:
        """Leaves nothing on the stage, unless the worker or the connection dies: then the batch's next attempt, or the
        table's next load, takes it away."""
        name = staged_name(entry)
        try:
            if rows:
                await _while_alive(self._put(file, name), progress)
            loaded = await _while_alive(self._load_staged(target, entry, f"{STAGE}/{name}/{file.name}", rows), progress)
        except MigrationError as error:
            if not isinstance(error, Unavailable):
                await self._remove(f"{STAGE}/{name}/{file.name}")
            raise
        if rows:
            await self._remove(f"{STAGE}/{name}/{file.name}")
        return loaded

    async def remove_loads_before(self, entry: LedgerEntry) -> None:
        """Takes away what the load before left on the stage; nobody may load it any more."""
        if entry.load > 1:
            await self._remove(f"{STAGE}/{staged_name(replace(entry, load=entry.load - 1))}/")

    async def _remove(self, path: str) -> None:
        with suppress(MigrationError):
            await self._snowflake.rollback()
            await self._snowflake.execute(f"REMOVE {path}")

    async def _spool(
        self, target: LoadTarget, parts: AsyncIterator[pa.RecordBatch], file: Path, progress: Progress
    ) -> int:
        """All rows as one file of text columns, without what Snowflake would round or cut."""
        schema = pa.schema([pa.field(f"c{position}", pa.string()) for position in range(len(target.written))])
        columns = [
            FittedColumn(f"c{position}", f"{target.table}.{column.name}", column.value, limits)
            for position, column in enumerate(target.written)
            for limits in [all_guards(column.value, column.native)]
        ]
        rows = 0
        with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=False, store_schema=False) as spool:
            async for part in parts:
                arrays = [array.cast(pa.string()) for array in part.columns]
                batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
                fitted, _ = await in_thread(fit, batch, columns)
                await in_thread(spool.write_batch, fitted)
                rows += part.num_rows
                progress(part.nbytes)
        return rows

    async def _put(self, file: Path, name: str) -> None:
        await self._snowflake.execute(f"PUT 'file://{file}' {STAGE}/{name} AUTO_COMPRESS = FALSE OVERWRITE = TRUE")

    async def _load_staged(self, target: LoadTarget, entry: LedgerEntry, staged: str, rows: int) -> Loaded:
        session = self._snowflake
        batch = f"{entry.job_id}/{entry.table_id}/{entry.load}/{entry.number}"
        await session.end_predecessor(batch)
        await session.begin(name=batch)
        taken = await self._copy(target, staged) if rows else 0
        await session.hold_table(target.table, alone=False)
        recorded = await self._ledger.claim(session, entry)
        if recorded is not None:
            await session.rollback()
            return Loaded(digest=recorded, repeated=True, rejected=await self._ledger.rejected(self._snowflake, entry))
        if rows and not taken:
            # The ledger, which is held, does not have the batch: Snowflake remembers a file whose load was undone
            taken = await self._copy(target, staged, again=True)
        if rows and not taken:  # a straggler has failed meanwhile and has removed it
            raise Contended("another attempt at the batch has taken the file off the stage")
        if taken != entry.digest.rows:
            raise DataMismatch(f"{entry.digest.rows} rows were extracted, the destination took {taken}")
        await session.commit()
        if await self._ledger.recorded(session, entry) is None:
            raise Contended("another attempt at the batch has aborted this one's transaction as it was to commit")
        return Loaded(digest=entry.digest, repeated=False, rejected=entry.rejected)

    async def _copy(self, target: LoadTarget, staged: str, *, again: bool = False) -> int:
        """Rows that the table took: none where Snowflake remembers the file (FORCE is FALSE by default)."""
        force = " FORCE = TRUE" if again else ""
        found = await self._snowflake.show(
            f"COPY INTO {self._dialect.qualified(target.table)} ({self._dialect.identifiers(target.columns)}) "
            f"FROM (SELECT {', '.join(self._values(target))} FROM {staged}) "
            f"FILE_FORMAT = (TYPE = PARQUET) ON_ERROR = ABORT_STATEMENT{force}"
        )
        return sum(int(file.get("rows_loaded") or 0) for file in found)

    def _values(self, target: LoadTarget) -> list[str]:
        values = []
        for position, column in enumerate(target.written):
            wide = type_name(column.native) == "VARCHAR" and (value_type(column.native).length or 0) > TEXT_BYTES
            text = f"$1:c{position}::VARCHAR{f'({WIDEST_TEXT})' if wide else ''}"
            values.append(self._dialect.write_expression(text, column.value, column.native))
        return values


def staged_name(entry: LedgerEntry) -> str:
    """The folder of a batch's file on the stage: the same for each attempt, another for each load."""
    place = f"{entry.job_id}/{entry.table_id}"
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", entry.job_id)[:64]
    return f"{readable}/{hashlib.md5(place.encode(), usedforsecurity=False).hexdigest()}/{entry.load}"


async def _while_alive(work: Awaitable[T], progress: Progress) -> T:
    """The work's result. The driver asks the server for its statement all the while, so waiting is progress."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=SIGN_OF_LIFE_SECONDS))[0]:
            progress(0)
    except BaseException:
        task.cancel()
        await asyncio.wait([task])
        raise
    return task.result()
