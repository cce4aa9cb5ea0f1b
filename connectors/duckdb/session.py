"""Sessions: the file is opened for one piece of work and closed after it, because one process at a time may write it.

Sessions of one process share the open file. A read-only one and one that writes cannot be open in a process at the
same time: who reads joins the writer, who wants to write waits for the readers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

import duckdb
import pyarrow as pa

from connectors.contract import LoadTarget
from connectors.duckdb.dialect import MISFIT, DuckdbDialect
from connectors.duckdb.errors import translate_opening, translated
from connectors.duckdb.options import DuckdbOptions
from connectors.duckdb.turn import Turn
from connectors.sql.driver_thread import DriverThread
from connectors.sql.lock_holders import remedy
from connectors.sql.session import SqlSession
from core.errors import Contended, DataRejected, InvalidConfiguration, MigrationError, NotFound
from core.schema import TableName

P = ParamSpec("P")
T = TypeVar("T")

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "enable_external_access": False,
}
"""Nothing is downloaded, no name in SQL means a Python variable, and no view of a file opens other files. Every session
of a process needs the same."""
SESSION_SETTINGS = {"TimeZone": "UTC"}
PART_BYTES = 2 * 1024 * 1024
VECTOR_ROWS = 2048
"""Rows that DuckDB works on at once (its STANDARD_VECTOR_SIZE): what is streamed comes in such pieces."""
POLL_SECONDS = 0.05
ARRIVING = "sterna_arriving"


@asynccontextmanager
async def open_session(options: DuckdbOptions, purpose: str, *, read_only: bool) -> AsyncIterator[DuckdbSession]:
    """A session on the file. Raises Contended when another process keeps it open for longer than `lock_timeout`,
    NotFound where a file that is to be read is missing."""
    thread = DriverThread("duckdb", lambda: None)
    try:
        connection = await _open(thread, options, read_only)
    finally:
        thread.close()
    session = DuckdbSession(connection, purpose)
    try:
        with translated(purpose):
            await session.prepare(options)
        yield session
    finally:
        await session.close()


async def _open(thread: DriverThread, options: DuckdbOptions, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Who is kept waiting for the turn for long (its holder may be stopped) tries without it."""
    begun = time.monotonic()
    with Turn(options.path, make=not read_only) as turn:
        while True:
            waited = time.monotonic() - begun
            if turn.take() or waited > options.lock_timeout / 2:
                try:
                    return await thread.run(_connect, options.path, read_only)
                except duckdb.Error as error:
                    known = translate_opening(error)
                    if not isinstance(known, Contended) or waited >= options.lock_timeout:
                        known.message = f"opening {options.path}: {known.message}"
                        known.remedy = remedy([Path(options.path)]) if isinstance(known, Contended) else known.remedy
                        raise known from error
            await asyncio.sleep(POLL_SECONDS)


def _connect(path: str, read_only: bool) -> duckdb.DuckDBPyConnection:
    if not read_only:
        return duckdb.connect(path, config=CONFIG)
    if not Path(path).exists():
        raise NotFound(f"there is no file {path}", remedy="Check the option path, on every worker")
    try:
        return duckdb.connect(path, read_only=True, config=CONFIG)
    except duckdb.ConnectionException:  # this process has it open for writing
        return duckdb.connect(path, config=CONFIG)


class DuckdbSession(SqlSession):
    """One connection of DuckDB and the thread that uses it."""

    has_savepoints: ClassVar[bool] = False

    def __init__(self, connection: duckdb.DuckDBPyConnection, purpose: str) -> None:
        self._connection = connection
        self._purpose = purpose
        self._thread = DriverThread("duckdb", connection.interrupt)
        self._open = False
        self._dialect = DuckdbDialect()

    async def prepare(self, options: DuckdbOptions) -> None:
        """Settings under which values keep their form."""
        settings = {**SESSION_SETTINGS, **({"memory_limit": options.memory_limit} if options.memory_limit else {})}
        for name, value in settings.items():
            await self.execute(f"SET {name} = '{value}'")

    async def close(self) -> None:
        """Ends the session; what was not committed is rolled back. DuckDB interrupts nothing at close, so that a
        statement that still runs is interrupted before."""
        self._connection.interrupt()
        await self._run(self._connection.close)
        self._thread.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See SqlSession."""

        def call() -> int:
            found = self._connection.execute(sql, list(parameters) or None).fetchall()
            changed = len(found) == 1 and len(found[0]) == 1 and isinstance(found[0][0], int)
            return int(found[0][0]) if changed else 0

        return await self._run(call)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See SqlSession."""

        def call() -> list[tuple[Any, ...]]:
            _single(self._connection, sql)
            return self._connection.execute(sql, list(parameters) or None).fetchall()

        return await self._run(call)

    async def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession. DuckDB works on while the parts are taken, and holds no more than a few vectors."""

        def call() -> pa.RecordBatchReader:
            _single(self._connection, sql)
            return self._connection.sql(sql).to_arrow_reader(VECTOR_ROWS)

        reader = await self._run(call)
        try:
            while True:
                part = await self._run(_next_part, reader)
                if part is None:
                    return
                arrays = [column.cast(field.type) for column, field in zip(part.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        finally:
            await self._run(reader.close)

    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """See SqlSession."""
        names = self._dialect.identifiers(target.columns)
        statement = f"INSERT INTO {self._dialect.qualified(target.table)} ({names}) {self._values(target)}"

        def call() -> int:
            self._connection.register(ARRIVING, _numbered(rows))
            found = self._connection.execute(statement).fetchone()
            self._connection.unregister(ARRIVING)  # not after an error, which has ended the transaction for this too
            return int(found[0]) if found else 0

        try:
            return await self._run(call)
        except DataRejected as rejected:
            raise await self._explained(rejected, target, rows) from rejected

    def _values(self, target: LoadTarget) -> str:
        """Each value is made once, then judged."""
        written = list(enumerate(target.written))
        made = ", ".join(
            f"c{place}, {self._dialect.converted(f'c{place}', column.value, column.native)} AS v{place}"
            for place, column in written
        )
        checked = ", ".join(
            self._dialect.checked(f"c{place}", f"v{place}", column.value, column.native) for place, column in written
        )
        return f"SELECT {checked} FROM (SELECT {made} FROM {ARRIVING})"

    async def _explained(self, rejected: DataRejected, target: LoadTarget, rows: pa.RecordBatch) -> DataRejected:
        """Which column and how many values do not fit, found out in a database of its own: the transaction is over."""
        expressions = [
            self._dialect.write_expression(f"c{place}", column.value, column.native).replace(MISFIT, "NULL")
            for place, column in enumerate(target.written)  # TRY takes no error()
        ]

        def call() -> tuple[str, int, Any] | None:
            with duckdb.connect(":memory:", config=CONFIG) as judge:
                for name, value in SESSION_SETTINGS.items():
                    judge.execute(f"SET {name} = '{value}'")
                judge.register(ARRIVING, _numbered(rows))
                for position, (name, expression) in enumerate(zip(target.columns, expressions, strict=True)):
                    misfit = f"c{position} IS NOT NULL AND TRY({expression}) IS NULL"
                    found = judge.execute(
                        f"SELECT count(*), any_value(c{position}) FROM {ARRIVING} WHERE {misfit}"
                    ).fetchone()
                    if found and found[0]:
                        return name, int(found[0]), found[1]
            return None

        found = await asyncio.to_thread(call)
        if found is None:
            return rejected
        name, count, example = found
        return DataRejected(
            f"{target.table}, column {name}: {count} of {rows.num_rows} values do not fit its type",
            remedy=rejected.remedy,
            evidence={**rejected.evidence, "column": name, "example": example},
        )

    async def begin(self, *, read_only: bool = False) -> None:
        """See SqlSession: a transaction always sees one moment."""
        await self.execute("BEGIN TRANSACTION READ ONLY" if read_only else "BEGIN TRANSACTION")
        self._open = True

    async def commit(self) -> None:
        """See SqlSession."""
        await self.execute("COMMIT")
        self._open = False

    async def rollback(self) -> None:
        """See SqlSession. A commit that failed has rolled back already."""
        if self._open:
            self._open = False
            try:
                await self.execute("ROLLBACK")
            except MigrationError as error:
                if "no transaction is active" not in str(error.evidence):
                    raise

    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """Other processes cannot have the file open. Within this one, a commit fails that changed a table which
        another session altered meanwhile, so the beginning of a load alters it without a change: loads that ran beside
        it fail and are tried again."""
        if not alone:
            return
        sql = self._dialect.qualified(table)
        found = await self.fetch(
            "SELECT comment FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ? "
            "AND table_name = ?",
            [table.schema_name, table.name],
        )
        if found:
            comment = "NULL" if found[0][0] is None else self._dialect.literal(found[0][0])
            await self.execute(f"COMMENT ON TABLE {sql} IS {comment}")

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with translated(self._purpose):
            return await self._thread.run(call, *args, **kwargs)


def _single(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """DuckDB runs several statements at once, which a whereClause could make of a query."""
    if len(connection.extract_statements(sql)) != 1:
        raise InvalidConfiguration("whereClause is no single expression", remedy="Write one condition, without `;`")


def _numbered(rows: pa.RecordBatch) -> pa.Table:
    """Columns by position: names in DuckDB ignore case, and any name may arrive."""
    return pa.Table.from_batches([rows]).rename_columns([f"c{position}" for position in range(rows.num_columns)])


def _next_part(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    """Vectors up to the size of a part, None at the end."""
    pieces: list[pa.RecordBatch] = []
    size = 0
    for piece in reader:
        pieces.append(piece)
        size += piece.nbytes
        if size >= PART_BYTES:
            break
    if not pieces:
        return None
    return pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)
