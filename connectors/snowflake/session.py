"""Sessions through snowflake-connector-python: one for one piece of work."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import snowflake.connector as snowflake
from snowflake.connector.cursor import SnowflakeCursor

from connectors.contract import Credentials, LoadTarget
from connectors.snowflake.dialect import SnowflakeDialect
from connectors.snowflake.errors import translated
from connectors.snowflake.keys import private_key
from connectors.snowflake.options import SnowflakeOptions
from connectors.sql.driver_thread import DriverThread
from connectors.sql.session import SqlSession
from core.errors import Contended, Defect
from core.schema import TableName

P = ParamSpec("P")
T = TypeVar("T")

EXACT_SETTINGS: dict[str, str | int | bool] = {
    "TIMEZONE": "UTC",
    "DATE_INPUT_FORMAT": "AUTO",
    "TIME_INPUT_FORMAT": "AUTO",
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS.FF9",
    "BINARY_INPUT_FORMAT": "HEX",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    "ROWS_PER_RESULTSET": 0,
}
"""Text forms of values, and the meaning of quoted names, depend on these."""
LIVENESS_SETTINGS: dict[str, str | int | bool] = {"LOCK_TIMEOUT": 60, "ABORT_DETACHED_QUERY": True}
"""Who waits for a lock for 60 s ends as Contended and is tried again; what a vanished worker runs is ended."""
QUIET_SETTINGS: dict[str, str | int | bool] = {
    "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
    "CLIENT_TELEMETRY_ENABLED": False,
}
PART_BYTES = 2 * 1024 * 1024
CANCEL_TRIES = 20
CANCEL_SECONDS = 0.3
HOLD_NUMBER = -2
"""Number of the ledger's row that is updated to hold the ledger."""


@asynccontextmanager
async def open_session(
    options: SnowflakeOptions, credentials: Credentials, label: str, purpose: str
) -> AsyncIterator[SnowflakeSession]:
    """A session, closed at the end of the block. Raises Unavailable, AccessDenied, NotFound."""
    thread = DriverThread("snowflake", lambda: None)
    opened: list[snowflake.SnowflakeConnection] = []
    try:
        with translated(f"connecting to {options.server}"):
            await thread.run(lambda: opened.append(_connect(options, credentials, label)))
        session = SnowflakeSession(opened[0], purpose, options.schema_default)
        try:
            yield session
        finally:
            await session.close()
    except asyncio.CancelledError:
        for connection in opened:  # closed already, unless the login was cancelled
            await asyncio.to_thread(connection.close)
        raise
    finally:
        thread.close()


def _connect(options: SnowflakeOptions, credentials: Credentials, label: str) -> snowflake.SnowflakeConnection:
    secret: dict[str, Any] = {"password": credentials.password or ""}
    if options.key_pair_path:
        secret = {"private_key": private_key(Path(options.key_pair_path), credentials.password)}
    optional = {"warehouse": options.warehouse, "role": options.role}
    return snowflake.connect(
        account=options.account,
        host=options.server,
        port=options.port,
        protocol=options.protocol,
        user=options.user or credentials.username or "",
        database=_quoted(options.database),
        schema=_quoted(options.schema_default),
        autocommit=True,
        paramstyle="qmark",
        application="Sterna",
        login_timeout=options.login_timeout,
        network_timeout=options.network_timeout,
        platform_detection_timeout_seconds=0.0,
        session_parameters={
            **EXACT_SETTINGS,
            **LIVENESS_SETTINGS,
            **QUIET_SETTINGS,
            "QUERY_TAG": f"sterna {label}"[:2000],
        },
        **{name: _quoted(value) for name, value in optional.items() if value},
        **secret,
    )


def _quoted(name: str) -> str:
    """The login folds names that are not quoted."""
    return SnowflakeDialect().identifier(name)


class SnowflakeSession(SqlSession):
    """One connection and the thread that uses it."""

    def __init__(self, connection: snowflake.SnowflakeConnection, purpose: str, schema: str) -> None:
        self._connection = connection
        self._purpose = purpose
        self._schema = schema
        self._dialect = SnowflakeDialect()
        self._thread = DriverThread("snowflake", self._cancel_statements)
        self._transaction: str | None = None
        self._executing = False
        self._cancelled = False

    async def close(self) -> None:
        """Ends the session; what was not committed is rolled back by the server."""
        with suppress(Exception):
            await self._thread.run(self._connection.close)
        self._thread.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See SqlSession."""
        return max((await self._run(self._executed, sql, parameters)).rowcount or 0, 0)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See SqlSession."""
        return await self._run(lambda: [tuple(row) for row in self._executed(sql, parameters).fetchall()])

    async def show(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a SHOW command or a COPY, by the names of its columns in lower case."""

        def call() -> list[dict[str, Any]]:
            cursor = self._executed(sql)
            names = [column.name.lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return await self._run(call)

    async def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession. The driver fetches one of the server's result chunks after another, as Arrow."""
        tables = iter(await self._run(lambda: self._executed(sql).fetch_arrow_batches()))
        while True:
            table = await self._run(lambda: next(tables, None))
            if table is None:
                return
            for part in _parts(table, schema):
                yield part

    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """Not used: batches are loaded from the stage (writer.py)."""
        raise Defect(f"rows for {target.table} were to be inserted without the stage")

    async def begin(self, *, read_only: bool = False, name: str = "") -> None:
        """See SqlSession. Snowflake has READ COMMITTED only, so a transaction that reads would show no more of one
        moment than its statements do. `name`: see `end_predecessor`."""
        if read_only:
            return
        # Were it aborted, by a successor or for being idle, later statements would commit by themselves
        await self.execute("ALTER SESSION SET AUTOCOMMIT = FALSE")
        await self.execute(f"BEGIN TRANSACTION NAME {transaction_name(name)}" if name else "BEGIN TRANSACTION")
        self._transaction = await self._current_transaction()

    async def commit(self) -> None:
        """See SqlSession. Raises Contended where the transaction was aborted: COMMIT outside of one is no error, so who
        must know reads afterwards what was committed."""
        if await self._current_transaction() != self._transaction:
            await self.rollback()
            raise Contended("the transaction was aborted by another session")
        await self._end("COMMIT")

    async def rollback(self) -> None:
        """See SqlSession."""
        if self._transaction is not None:
            await self._end("ROLLBACK")

    async def _end(self, statement: str) -> None:
        await self.execute(statement)
        self._transaction = None
        await self.execute("ALTER SESSION SET AUTOCOMMIT = TRUE")

    async def _current_transaction(self) -> str | None:
        ((current,),) = await self.fetch("SELECT CURRENT_TRANSACTION()")
        return str(current) if current else None

    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """See SqlSession. An UPDATE locks until the transaction ends: one at a time has the ledger."""
        upper = self._dialect.identifier
        held = await self.execute(
            f"UPDATE {self._dialect.qualified(TableName(schema_name=self._schema, name='STERNA_LEDGER'))} "
            f"SET {upper('LOADED_AT')} = ? WHERE {upper('NUMBER')} = {HOLD_NUMBER}",
            [datetime.now(UTC).isoformat()],
        )
        if held < 1:
            raise Defect("the ledger has no row to hold it by")

    async def end_predecessor(self, batch: str) -> None:
        """Before the transaction that works on `batch` under its name: aborts one that another worker left behind."""
        name = transaction_name(batch)
        for running in await self.show("SHOW TRANSACTIONS"):
            if str(running["name"]).upper() == name:
                await self.fetch("SELECT SYSTEM$ABORT_TRANSACTION(?)", [int(running["id"])])

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with translated(self._purpose):
            return await self._thread.run(call, *args, **kwargs)

    def _executed(self, sql: str, parameters: Sequence[Any] = ()) -> SnowflakeCursor:
        cursor = self._connection.cursor()
        self._executing = True
        try:
            if self._cancelled:
                raise Contended("the statement was cancelled before it began")
            cursor.execute(sql, tuple(parameters) or None)
        finally:
            self._executing = False
        return cursor

    def _cancel_statements(self) -> None:
        """From another thread, and again as long as a statement is on its way to the server. What cannot be cancelled
        ends by itself (ABORT_DETACHED_QUERY)."""
        self._cancelled = True
        for _ in range(CANCEL_TRIES):
            if not self._executing:
                return
            with suppress(Exception):
                self._connection.cursor().execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({self._connection.session_id})")
            time.sleep(CANCEL_SECONDS)


def transaction_name(work: str) -> str:
    """An identifier for the transaction that does this work."""
    return f"STERNA_{hashlib.md5(work.encode(), usedforsecurity=False).hexdigest().upper()}"


def _parts(table: pa.Table, schema: pa.Schema) -> list[pa.RecordBatch]:
    """The rows in pieces of about the size of a part, every column as text."""
    if table.num_rows == 0:
        return []
    arrays = [_text(column.combine_chunks()) for column in table.columns]
    rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    step = max(1, int(rows.num_rows * PART_BYTES / max(rows.nbytes, 1)))
    return [rows.slice(start, step) for start in range(0, rows.num_rows, step)]


def _text(column: pa.Array) -> pa.Array:
    """Interchange text; a FLOAT's is the shortest that rounds to the same bits."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_floating(column.type):
        if not (
            pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_null(column.type)
        ):
            raise Defect(f"a query for text gave {column.type}")
        return column.cast(pa.string())
    text = column.cast(pa.string())
    text = pc.if_else(pc.is_nan(column), "NaN", text)
    text = pc.if_else(pc.equal(text, "inf"), "Infinity", text)
    return pc.if_else(pc.equal(text, "-inf"), "-Infinity", text)
