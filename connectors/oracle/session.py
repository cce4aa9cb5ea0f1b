"""Sessions with Oracle through python-oracledb in thin mode: rows leave and arrive as Arrow."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import oracledb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.arrow_text import TYPE_METADATA
from connectors.contract import Credentials, LoadTarget, WrittenColumn
from connectors.oracle import wallet
from connectors.oracle.bound import bound_values
from connectors.oracle.dialect import OracleDialect
from connectors.oracle.errors import translated
from connectors.oracle.options import OracleOptions
from connectors.oracle.printed import interchange_text
from connectors.oracle.types import LOBS, parse
from connectors.sql.deletion import refuse_deletion
from connectors.sql.driver_thread import DriverThread
from connectors.sql.session import SqlSession
from core.errors import AccessDenied, InvalidConfiguration, NotFound
from core.schema import TableName

# Text forms of values depend on these; Sterna's own SQL and a job's whereClause see the same ones in every database.
EXACT_SETTINGS = {
    "NLS_LANGUAGE": "AMERICAN",
    "NLS_TERRITORY": "AMERICA",
    "NLS_NUMERIC_CHARACTERS": ".,",
    "NLS_CALENDAR": "GREGORIAN",
    "NLS_DATE_FORMAT": "YYYY-MM-DD HH24:MI:SS",
    "NLS_SORT": "BINARY",
    "NLS_COMP": "BINARY",
    "NLS_LENGTH_SEMANTICS": "BYTE",
    "TIME_ZONE": "+00:00",
}
LOCK_SECONDS = 60
KEEPALIVE_MINUTES = 1
CLOSE_SECONDS = 5.0
PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_$#]*")

PART_BYTES = 2 << 20
FETCH_BYTES = 32 << 20
"""What one round trip may bring at most, by the declared widths of the columns."""
MOST_ROWS = 10_000
ROWS_PER_CALL = 5_000
"""Of an array DML: longer arrays gain nothing and cost the server memory."""
LOB_BYTES = 1 << 20
"""What a LOB is taken for: only the row knows its size, and a round trip brings whole rows."""
OTHER_BYTES = 40

# V$SESSION needs a grant, and so does ALTER SYSTEM (docs/oracle.md).
PREDECESSORS = """
SELECT sid, serial#, inst_id FROM gv$session
WHERE client_identifier = :1 AND type = 'USER' AND sid <> TO_NUMBER(SYS_CONTEXT('USERENV', 'SID'))
"""
# Of other tables: those that a DELETE sets going.
ACTING_FOREIGN_KEYS = """
SELECT c.owner, c.table_name, c.constraint_name FROM all_constraints c
JOIN all_constraints k ON k.owner = c.r_owner AND k.constraint_name = c.r_constraint_name
WHERE c.constraint_type = 'R' AND c.status = 'ENABLED' AND c.delete_rule IN ('CASCADE', 'SET NULL')
AND k.owner = :1 AND k.table_name = :2 AND NOT (c.owner = :3 AND c.table_name = :4)
ORDER BY c.owner, c.table_name, c.constraint_name
"""


@asynccontextmanager
async def open_session(
    options: OracleOptions, credentials: Credentials, label: str, purpose: str
) -> AsyncIterator[OracleSession]:
    """A session with exact text forms, closed at the end of the block, at once when the block fails.

    Raises Unavailable, AccessDenied, NotFound.
    """
    thread = DriverThread("oracle", lambda: None)
    try:
        with translated(f"connecting to {options.host}:{options.port}/{options.service_name or options.sid}"):
            connection = await thread.run(_connect, options, credentials, f"{label} {purpose}")
    except BaseException:
        thread.close()
        raise
    session = OracleSession(connection)
    thread.close()
    try:
        yield session
    finally:
        await asyncio.shield(session.close())


def _connect(options: OracleOptions, credentials: Credentials, label: str) -> oracledb.Connection:
    if options.encrypted and options.wallet_path:
        wallet.check(options.wallet_path, credentials.wallet_password)
    connection = oracledb.connect(
        user=options.user or credentials.username,
        password=credentials.password,
        host=options.host,
        port=options.port,
        service_name=options.service_name,
        sid=options.sid,
        protocol="tcps" if options.encrypted else "tcp",
        wallet_location=options.wallet_path if options.encrypted else None,
        wallet_password=credentials.wallet_password,
        ssl_server_dn_match=True if options.encrypted else None,
        ssl_server_cert_dn=options.ssl_server_dn,
        tcp_connect_timeout=options.connect_timeout,
        expire_time=KEEPALIVE_MINUTES,
        program="sterna",
    )
    try:
        settings = " ".join(f"{name} = '{value}'" for name, value in EXACT_SETTINGS.items())
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SESSION SET {settings} DDL_LOCK_TIMEOUT = {LOCK_SECONDS}")
            if options.role:
                cursor.execute(f"SET ROLE {_spelled(options.role)}")
        connection.module, connection.action = "sterna", label[:32]
        connection.autocommit = True
    except BaseException:
        connection.close()
        raise
    return connection


def _spelled(name: str) -> str:
    return name if PLAIN_NAME.fullmatch(name) else OracleDialect().identifier(name)


class OracleSession(SqlSession):
    """One connection; its calls run on a thread of their own and are broken off by another."""

    def __init__(self, connection: oracledb.Connection) -> None:
        self._connection = connection
        self._thread = DriverThread("oracle", self._interrupt)
        self._dialect = OracleDialect()

    @property
    def version(self) -> str:
        """The server's release."""
        return str(self._connection.version)

    def _interrupt(self) -> None:
        with suppress(oracledb.Error, OSError):
            self._connection.cancel()

    async def close(self) -> None:
        """Rolls back what is open and logs out; a connection that does not answer is left to the server's keepalive."""
        with suppress(oracledb.Error, OSError, TimeoutError):
            await asyncio.wait_for(self._thread.run(self._connection.close), CLOSE_SECONDS)
        self._thread.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See SqlSession. An INSERT (of a ledger's row) waits at most a minute for another session that inserts the
        same key: Oracle itself would wait until that one's transaction ends."""

        def run() -> int:
            waits = sql.lstrip()[:6].upper() == "INSERT"
            if waits and self._connection.is_healthy():  # on a dead connection the driver crashes (26.1)
                self._connection.call_timeout = LOCK_SECONDS * 1000
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(sql, list(parameters))
                    return int(cursor.rowcount)
            finally:
                if waits and self._connection.is_healthy():
                    self._connection.call_timeout = 0

        with translated():
            return await self._thread.run(run)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See SqlSession. LOBs come as text and bytes."""

        def run() -> list[tuple[Any, ...]]:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, list(parameters), fetch_lobs=False, fetch_decimals=True)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows

        with translated():
            return await self._thread.run(run)

    async def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession."""
        natives = [_native(field) for field in schema]
        with translated():
            frames = await self._thread.run(lambda: iter(self._frames(sql, natives)))
            while (rows := await self._thread.run(_next_rows, frames, schema, natives)) is not None:
                for part in _parts(rows):
                    yield part

    def _frames(self, sql: str, natives: Sequence[str]) -> Any:
        return self._connection.fetch_df_batches(sql, size=_rows_per_fetch(natives))

    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """See SqlSession: one array DML, and one more for each set of columns that hold empty LOBs in some rows."""
        with translated():
            return await self._thread.run(self._insert, target, rows)

    def _insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        values = [bound_values(rows.column(position), written) for position, written in enumerate(target.written)]
        taken = 0
        for empty, chosen in _by_empty_lobs(rows, target.written):
            bound = [
                array if chosen is None else pc.filter(array, chosen)
                for position, array in enumerate(values)
                if position not in empty
            ]
            taken += self._insert_bound(
                target, empty, bound, rows.num_rows if chosen is None else pc.sum(chosen).as_py()
            )
        return taken

    def _insert_bound(self, target: LoadTarget, empty: frozenset[int], bound: Sequence[pa.Array], rows: int) -> int:
        names, expressions, marks = [], [], 0
        for position, written in enumerate(target.written):
            names.append(self._dialect.identifier(written.name))
            if position in empty:
                expressions.append("EMPTY_BLOB()" if parse(written.native).name == "BLOB" else "EMPTY_CLOB()")
                continue
            mark = self._dialect.placeholder(marks)
            expressions.append(self._dialect.write_expression(mark, written.value, written.native))
            marks += 1
        into = f"{self._dialect.qualified(target.table)} ({', '.join(names)})"
        sql = f"INSERT INTO {into} VALUES ({', '.join(expressions)})"
        table = pa.table(list(bound), names=[f"c{position}" for position in range(len(bound))])
        with self._connection.cursor() as cursor:
            taken = 0
            for start in range(0, rows, ROWS_PER_CALL):  # with batch_size rowcount is that of the last call (26.1)
                count = min(ROWS_PER_CALL, rows - start)
                cursor.executemany(sql, table.slice(start, count) if bound else count)
                taken += int(cursor.rowcount)
            return taken

    async def begin(self, *, read_only: bool = False) -> None:
        """See SqlSession. A read-only transaction sees the moment of its beginning."""
        self._connection.autocommit = False
        if read_only:
            await self.execute("SET TRANSACTION READ ONLY")

    async def commit(self) -> None:
        """See SqlSession."""
        with translated():
            await self._thread.run(self._connection.commit)
        self._connection.autocommit = True

    async def rollback(self) -> None:
        """See SqlSession."""
        with translated():
            await self._thread.run(self._connection.rollback)
        self._connection.autocommit = True

    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """See SqlSession."""
        mode = "EXCLUSIVE" if alone else "ROW EXCLUSIVE"
        await self.execute(f"LOCK TABLE {self._dialect.qualified(table)} IN {mode} MODE WAIT {LOCK_SECONDS}")

    async def check_deletion(self, table: TableName) -> None:
        """See SqlSession. The job's own foreign keys are dropped by then; those of tables that the user may not read
        are not seen."""
        name = [table.schema_name, table.name]
        acting = await self.fetch(ACTING_FOREIGN_KEYS, [*name, *name])
        if acting:
            owner, referring, key = acting[0]
            refuse_deletion(table, key, TableName(schema_name=owner, name=referring))

    async def end_predecessor(self, batch: str) -> None:
        """Where the user may read GV$SESSION and ALTER SYSTEM, kills the session that works on the batch. Elsewhere the
        ledger's row waits for it for a minute, and the batch is tried again (`execute`)."""
        identifier = hashlib.md5(batch.encode(), usedforsecurity=False).hexdigest()
        await self._thread.run(setattr, self._connection, "client_identifier", identifier)
        with suppress(AccessDenied, NotFound):
            for sid, serial, instance in await self.fetch(PREDECESSORS, [identifier]):
                with suppress(InvalidConfiguration):  # ORA-00030, ORA-00031: it has ended, or will
                    await self.execute(f"ALTER SYSTEM KILL SESSION '{sid},{serial},@{instance}' IMMEDIATE")


def _native(field: pa.Field) -> str:
    spelled: bytes = (field.metadata or {}).get(TYPE_METADATA, b"")
    return spelled.decode()


def _rows_per_fetch(natives: Sequence[str]) -> int:
    widths = 0
    for native in map(parse, natives):
        if native.name in LOBS or native.name in ("LONG", "LONG RAW", "JSON", "XMLTYPE"):
            widths += LOB_BYTES
        else:
            widths += (native.length or OTHER_BYTES) if native.name.endswith(("CHAR", "CHAR2", "RAW")) else OTHER_BYTES
    return max(1, min(MOST_ROWS, FETCH_BYTES // max(widths, 1)))


def _next_rows(frames: Any, schema: pa.Schema, natives: Sequence[str]) -> pa.RecordBatch | None:
    frame = next(frames, None)
    if frame is None:
        return None
    table = pa.table(frame)
    columns = [
        pc.cast(interchange_text(_whole(column), native), field.type)
        for column, native, field in zip(table.columns, natives, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def _parts(rows: pa.RecordBatch) -> list[pa.RecordBatch]:
    count = max(1, min(rows.num_rows, -(-rows.nbytes // PART_BYTES)))
    size = -(-rows.num_rows // count)
    return [rows.slice(start, size) for start in range(0, rows.num_rows, size)] if rows.num_rows else []


def _by_empty_lobs(
    rows: pa.RecordBatch, columns: Sequence[WrittenColumn]
) -> list[tuple[frozenset[int], pa.Array | None]]:
    """The rows, divided by which of their LOBs are empty: what is bound as '' would be NULL. None: all rows."""
    codes: np.ndarray[Any, Any] = np.zeros(rows.num_rows, dtype=np.int64)
    lobs = [position for position, column in enumerate(columns) if parse(column.native).name in LOBS]
    for bit, position in enumerate(lobs):
        nothing = "\\x" if parse(columns[position].native).name == "BLOB" else ""
        empty = pc.fill_null(pc.equal(rows.column(position), nothing), False)
        codes |= empty.to_numpy(zero_copy_only=False).astype(np.int64) << bit
    found = np.unique(codes)
    if len(found) == 1 and found[0] == 0:
        return [(frozenset(), None)]
    return [
        (frozenset(lobs[bit] for bit in range(len(lobs)) if code >> bit & 1), pa.array(codes == code))
        for code in found.tolist()
    ]
