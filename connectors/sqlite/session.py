"""Sessions with one database file, by Python's own sqlite3."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pyarrow as pa

from connectors.contract import LoadTarget
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.driver_thread import DriverThread
from connectors.sql.lock_holders import remedy
from connectors.sql.query import ReadColumn
from connectors.sql.session import SqlSession
from connectors.sqlite.dialect import SqliteDialect
from connectors.sqlite.errors import is_busy, translated
from connectors.sqlite.options import SqliteOptions
from connectors.sqlite.printing import printed
from connectors.sqlite.storing import parameters
from connectors.sqlite.types import affinity, binding
from core.errors import AccessDenied, Contended, DataRejected, NotFound
from core.schema import TableName
from core.value_type import ValueType

T = TypeVar("T")

SESSION_SETTINGS = {"foreign_keys": "OFF", "cache_size": "-65536"}
"""Foreign keys are looked after when all tables are in. 64 MB of cache, for keys that exist while rows come in. The
journal mode and `synchronous` stay as they are."""
PART_BYTES = 2 * 1024 * 1024
FIRST_ROWS, MOST_ROWS = 100, 500
"""Rows that are fetched at once: few until their size is known, and so few that they are gone before Python's collector
of cycles looks at them, which takes more time than to read them."""
POLL_SECONDS = 0.02


@asynccontextmanager
async def open_session(options: SqliteOptions, *, read_only: bool) -> AsyncIterator[SqliteSession]:
    """A session on the file; a missing one is created unless the session only reads. Raises NotFound, AccessDenied,
    InvalidConfiguration for a file that is no database."""
    session = SqliteSession(options, read_only=read_only)
    try:
        await session.open()
        yield session
    finally:
        await asyncio.shield(session.close())


class SqliteSession(SqlSession):
    """One connection, used by one thread."""

    def __init__(self, options: SqliteOptions, *, read_only: bool) -> None:
        self._options = options
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._thread = DriverThread("sqlite", self._interrupt)
        self._dialect = SqliteDialect()

    async def open(self) -> None:
        """Connects. A session that only reads opens the file for writing too, so that it can clean up after a writer
        that was killed, and forbids itself to change anything."""
        path = Path(self._options.path)
        if self._read_only and not path.exists():
            raise NotFound(f"there is no file {path}", remedy="Check the option path, on every worker")
        mode = "rw" if self._read_only else "rwc"
        settings = {**SESSION_SETTINGS, **({"query_only": "ON"} if self._read_only else {})}

        def call() -> sqlite3.Connection:
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}",
                uri=True,
                timeout=0,  # waiting in C could not be interrupted
                isolation_level=None,
                check_same_thread=False,
            )
            for name, value in settings.items():
                connection.execute(f"PRAGMA {name} = {value}")
            return connection

        with translated():
            self._connection = await self._thread.run(call)
        await self.fetch("PRAGMA schema_version")  # the file is read for the first time

    async def close(self) -> None:
        """Rolls back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.interrupt()
            await self._thread.run(connection.close)
        self._thread.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See SqlSession. A check of foreign keys that finds rows raises DataRejected."""

        def call() -> tuple[int, list[Any]]:
            cursor = self._open.execute(sql, parameters)
            return cursor.rowcount, cursor.fetchall()

        changed, found = await self._patiently(call)
        if found and sql.startswith("PRAGMA foreign_key_check"):
            raise DataRejected(
                f"{len(found)} rows refer to rows that do not exist",
                remedy="Carry the table they refer to as well, or repair the source",
                evidence={"rowids": [row[1] for row in found[:10]]},
            )
        return changed

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See SqlSession."""
        return await self._patiently(lambda: self._open.execute(sql, parameters).fetchall())

    async def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession."""
        columns = [ReadColumn(name, ValueType(kind="text"), "TEXT") for name in schema.names]
        async with aclosing(self._print(sql, columns, schema)) as parts:
            async for part in parts:
                yield part

    async def rows(
        self, dialect: SqlDialect, columns: Sequence[ReadColumn], relation: str, conditions: Sequence[str] = ()
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession. Rows become Python objects, and columns of them Arrow: measured, this takes less time than
        to let SQLite write csv and to parse that, and keeps every bit of real numbers."""
        sql = query.select(dialect, columns, relation, conditions)
        async with aclosing(self._print(sql, columns, query.schema_of(columns))) as parts:
            async for part in parts:
                yield part

    async def _print(
        self, sql: str, columns: Sequence[ReadColumn], schema: pa.Schema
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        cursor = await self._patiently(lambda: self._open.execute(sql))
        rows = FIRST_ROWS

        def call() -> pa.RecordBatch | None:
            nonlocal rows
            pieces, size = [], 0
            while size < PART_BYTES and (fetched := cursor.fetchmany(rows)):
                pieces.append(_batch(fetched, columns, schema))
                size += pieces[-1].nbytes
                rows = max(1, min(MOST_ROWS, 8 * rows, rows * PART_BYTES // max(pieces[-1].nbytes, 1)))
            return pa.concat_batches(pieces) if pieces else None

        try:
            while True:
                with translated(schema.names):
                    part = await self._thread.run(call)
                if part is None:
                    return
                yield part
        finally:
            await self._thread.run(cursor.close)

    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """See SqlSession."""
        marks = ", ".join("?" * len(target.columns))
        names = self._dialect.identifiers(target.columns)
        into = self._dialect.qualified(target.table)
        statement = f"INSERT OR ABORT INTO {into} ({names}) VALUES ({marks})"  # whatever ON CONFLICT says of its keys

        def call() -> int:
            columns: list[Iterable[Any]] = [
                parameters(
                    written.name,
                    rows.column(position),
                    binding(written.value, written.native),
                    numeric=affinity(written.native) in ("INTEGER", "REAL", "NUMERIC"),
                )
                for position, written in enumerate(target.written)
            ]
            return self._open.executemany(statement, zip(*columns, strict=True)).rowcount

        with translated():
            return await self._thread.run(call)

    async def begin(self, *, read_only: bool = False) -> None:
        """See SqlSession. A transaction that writes takes the file's one write lock at once."""
        await self.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")

    async def commit(self) -> None:
        """See SqlSession. Waits for readers; a commit that fails leaves a journal which tells the outcome."""
        await self.execute("COMMIT")

    async def rollback(self) -> None:
        """See SqlSession."""
        if self._open.in_transaction:
            await self.execute("ROLLBACK")

    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """See SqlSession: a transaction that writes is alone in the whole file."""

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise AccessDenied("the session is closed")
        return self._connection

    async def _patiently(self, call: Callable[[], T]) -> T:
        """The call, again and again while another process holds a lock: a statement that met one has done nothing."""
        deadline = time.monotonic() + self._options.lock_timeout
        while True:
            try:
                return await self._thread.run(call)
            except sqlite3.Error as error:
                if not is_busy(error):
                    with translated():
                        raise
                if time.monotonic() >= deadline:
                    raise self._still_locked(error) from error
            await asyncio.sleep(POLL_SECONDS)

    def _still_locked(self, error: sqlite3.Error) -> Contended:
        path = self._options.path
        return Contended(str(error), remedy=remedy([Path(path), Path(f"{path}-shm")]))  # -shm has the locks in WAL mode

    def _interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()


def _batch(rows: list[tuple[Any, ...]], columns: Sequence[ReadColumn], schema: pa.Schema) -> pa.RecordBatch:
    if not columns:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(rows), pa.struct([])))
    arrays = [printed(column, values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
