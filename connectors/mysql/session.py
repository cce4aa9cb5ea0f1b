"""Sessions: statements, rows out and rows in, through one connection of the driver."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa
from pymysql.cursors import SSCursor
from pymysql.err import MySQLError

from connectors.arrow_text import CsvReader
from connectors.contract import CSV_INTERCHANGE, DigestMethod, LoadTarget
from connectors.mysql.csv_rows import NULL_WORD, CsvQuery, csv_bytes
from connectors.mysql.dialect import MysqlDialect
from connectors.mysql.digests import NO_HASH, digest_query
from connectors.mysql.errors import LONGER_PACKETS, rejected, translated
from connectors.mysql.native_types import DOUBLES, INTEGER_BITS, read_type
from connectors.mysql.taken_names import STANDING, foreign_key_added_by
from connectors.mysql.wire import TextRows, WireConnection
from connectors.sql.deletion import refuse_deletion
from connectors.sql.dialect import SqlDialect
from connectors.sql.driver_thread import DriverThread
from connectors.sql.query import ReadColumn, schema_of
from connectors.sql.session import ObjectExists, SqlSession
from core.errors import Contended, Defect, InvalidConfiguration
from core.schema import Digest, TableName
from core.stopwatch import in_thread

PART_BYTES = 2 * 1024 * 1024
END_SECONDS = 20
"""How long a session that was ended may take to roll back."""
NUMBERING = frozenset([*INTEGER_BITS, *DOUBLES])
"""Types that AUTO_INCREMENT takes, but for FLOAT, which never arrives directly."""
ACTING_FOREIGN_KEYS = (
    "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS "
    "WHERE UNIQUE_CONSTRAINT_SCHEMA = %s AND REFERENCED_TABLE_NAME = %s AND NOT (CONSTRAINT_SCHEMA = %s AND "
    "TABLE_NAME = %s) AND DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')"
)
"""Of other tables: those that a DELETE sets going."""
P = ParamSpec("P")
T = TypeVar("T")


class MysqlSession(SqlSession):
    """One connection and the thread that uses it."""

    def __init__(self, connection: WireConnection, connect: Callable[[], WireConnection], ledger: str) -> None:
        """`connect` opens another connection, to end a statement of this one; `ledger` is SQL."""
        self._connection = connection
        self._connect = connect
        self._ledger = ledger
        self._thread = DriverThread("mysql", self._end)
        self._dialect = MysqlDialect()
        self._open = False
        self._broken = False
        self._pulling: Future[bytes | None] | None = None
        """The next part of rows, which the thread waits for."""

    async def close(self) -> None:
        """Ends the session; the server rolls back what was not committed."""
        if self._broken:
            self._connection.close_now()
        else:
            await self._thread.run(self._leave)
        self._thread.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See SqlSession."""

        def call() -> int:
            with self._connection.cursor() as cursor:
                return int(cursor.execute(sql, list(parameters) or None))

        try:
            return await self._run(call)
        except ObjectExists:
            added = foreign_key_added_by(sql)
            if added is not None and not await self.fetch(STANDING, added):
                raise InvalidConfiguration(
                    f"another table of the schema {added[0]} has a foreign key {added[2]}",
                    remedy="Rename one of the two, then retry",
                ) from None
            raise

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See SqlSession. The driver sends one statement, and the server takes no second one."""

        def call() -> list[tuple[Any, ...]]:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, list(parameters) or None)
                return list(cursor.fetchall())

        return await self._run(call)

    async def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession."""
        natives = [(field.metadata or {}).get(b"sterna.type", b"").decode() for field in schema]
        async with contextlib.aclosing(self._batches(CsvQuery.over(sql, natives), schema)) as batches:
            async for batch in batches:
                yield batch

    async def rows(
        self, dialect: SqlDialect, columns: Sequence[ReadColumn], relation: str, conditions: Sequence[str] = ()
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession: one text for each row, made from the columns themselves."""
        query = CsvQuery.of(dialect, columns, relation, conditions)
        async with contextlib.aclosing(self._batches(query, schema_of(columns))) as batches:
            async for batch in batches:
                yield batch

    async def csv(self, query: CsvQuery) -> AsyncGenerator[tuple[int, bytes], None]:
        """The query's rows as CSV_INTERCHANGE, in parts of whole rows, with the number of them."""
        rows = await self._run(self._connection.start_rows, query.sql)
        waiting: asyncio.Task[list[bytes]] | None = None
        try:
            while not rows.done or waiting is not None:
                texts = await (waiting or self._part(rows))
                waiting = asyncio.create_task(self._part(rows)) if not rows.done else None
                if texts:
                    yield len(texts), b"".join(texts)
        finally:
            if waiting is not None:
                await asyncio.gather(waiting, return_exceptions=True)
            if not rows.done and not self._broken:
                await self._abandon(rows)
        if rows.missing:
            async with contextlib.aclosing(self._long_rows(query, rows.missing)) as long_rows:
                async for row in long_rows:
                    yield 1, row

    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """See SqlSession."""
        data = await in_thread(csv_bytes, rows, target.written)
        return await self._load(target, [data])

    async def copy_in(self, target: LoadTarget, parts: AsyncIterator[bytes]) -> int:
        """See SqlSession. The parts are taken one by one as the server asks for them."""
        if target.native_format != CSV_INTERCHANGE:
            raise Defect(f"MySQL was given rows in the format {target.native_format}")
        loop = asyncio.get_running_loop()

        async def following() -> bytes | None:
            return await anext(parts, None)

        def pulled() -> Iterator[bytes]:
            while True:
                self._pulling = asyncio.run_coroutine_threadsafe(following(), loop)
                if self._broken:  # `_end` may have come before it could see what it must cancel
                    self._pulling.cancel()
                if (part := self._pulling.result()) is None:
                    return
                yield part

        return await self._load(target, pulled())

    async def digest(self, source: str, proof: DigestMethod) -> Digest | None:
        """See SqlSession."""
        sql = digest_query(self._dialect, source, proof)
        if sql is None:
            return None
        rows, total = (await self.fetch(sql))[0]
        return Digest(rows=rows, total=str(int(total) % 2**64)) if total < NO_HASH else None

    async def begin(self, *, read_only: bool = False) -> None:
        """See SqlSession: InnoDB's consistent snapshot; other engines have none."""
        await self.execute(f"START TRANSACTION{' WITH CONSISTENT SNAPSHOT, READ ONLY' if read_only else ''}")
        self._open = True

    async def commit(self) -> None:
        """See SqlSession."""
        await self.execute("COMMIT")
        self._open = False

    async def rollback(self) -> None:
        """See SqlSession."""
        if self._open:
            self._open = False
            await self.execute("ROLLBACK")

    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """See SqlSession. By a lock on a row of the ledger that stands for the table: LOCK TABLES would commit."""
        await self._check_engine(table)
        name = hashlib.sha256(str(table).encode()).hexdigest()
        row = (
            "(`job_id`, `table_id`, `load`, `number`, `rows`, `digest`, `loaded_at`) VALUES ('', %s, 0, -2, 0, '', '')"
        )
        if not alone:
            found = await self.fetch(
                f"SELECT 1 FROM {self._ledger} WHERE `job_id` = '' AND `table_id` = %s AND `load` = 0 AND "
                "`number` = -2 LOCK IN SHARE MODE",
                [name],
            )
            if found:
                return
        await self.execute(f"INSERT INTO {self._ledger} {row} ON DUPLICATE KEY UPDATE `number` = `number`", [name])

    async def check_deletion(self, table: TableName) -> None:
        """See SqlSession. The job's own foreign keys are dropped by then."""
        acting = await self.fetch(ACTING_FOREIGN_KEYS, [table.schema_name, table.name, table.schema_name, table.name])
        if acting:
            schema, referring, name = acting[0]
            refuse_deletion(table, name, TableName(schema_name=schema, name=referring))

    async def end_predecessor(self, batch: str) -> None:
        """See SqlSession. By a named lock, which ends with its session; its holder is killed."""
        name = "sterna " + hashlib.sha256(batch.encode()).hexdigest()[:40]
        if await self._taken(name, 0):
            return
        holder = (await self.fetch("SELECT IS_USED_LOCK(%s)", [name]))[0][0]
        if holder is not None:
            with contextlib.suppress(InvalidConfiguration):  # it is gone already (error 1094)
                await self.execute(f"KILL CONNECTION {int(holder)}")
        if not await self._taken(name, END_SECONDS):
            raise Contended("an earlier attempt still holds this batch in an open transaction")

    async def _taken(self, name: str, seconds: int) -> bool:
        return bool((await self.fetch("SELECT GET_LOCK(%s, %s)", [name, seconds]))[0][0])

    async def _check_engine(self, table: TableName) -> None:
        found = await self.fetch(
            "SELECT t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES AS t "
            "LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE "
            "WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s",
            [table.schema_name, table.name],
        )
        if found and found[0][1] != "YES":
            raise InvalidConfiguration(
                f"{table} is of the engine {found[0][0]}, which has no transactions",
                remedy="ALTER TABLE … ENGINE = InnoDB, then retry: a load that fails could not be taken back",
            )

    async def _batches(self, query: CsvQuery, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        natives = [(field.metadata or {}).get(b"sterna.type", b"").decode() for field in schema]
        parser = CsvReader(schema.names, natives, null=NULL_WORD)
        async with contextlib.aclosing(self.csv(query)) as parts:
            async for _, part in parts:
                for batch in await in_thread(parser.parse, part):
                    yield batch

    async def _part(self, rows: TextRows) -> list[bytes]:
        return await self._run(rows.part, PART_BYTES)

    async def _long_rows(self, query: CsvQuery, count: int) -> AsyncGenerator[bytes, None]:
        """Rows that are too long for one text, one by one."""
        cursor = await self._run(self._connection.cursor, SSCursor)
        try:
            await self._run(cursor.execute, query.long_rows)
            for _ in range(count):
                row = await self._run(cursor.fetchone)
                if row is None:
                    raise Defect("the server gave fewer long rows than it left out")
                try:
                    text = query.long_row([value.encode() if isinstance(value, str) else value for value in row])
                except ValueError as error:
                    raise InvalidConfiguration(
                        "a row is longer than the server's max_allowed_packet", remedy=LONGER_PACKETS
                    ) from error
                yield text
        finally:
            await self._run(cursor.close)

    async def _abandon(self, rows: TextRows) -> None:
        """Ends the query whose rows nobody wants any more, so that the session can go on."""

        def call() -> None:
            self._kill("QUERY")
            try:
                while not rows.done:
                    rows.part(PART_BYTES)
            except MySQLError:
                if not rows.done:
                    raise
            with contextlib.suppress(MySQLError):  # the signal may have come after the query's end
                self._connection.query("DO 0")

        await self._run(call)

    async def _load(self, target: LoadTarget, data: Any) -> int:
        statement = self._load_statement(target)

        def call() -> tuple[int, list[tuple[str, int, str]]]:
            taken, warnings = self._connection.load_local(statement, data)
            if not warnings:
                return taken, []
            with self._connection.cursor() as cursor:
                cursor.execute("SHOW WARNINGS")
                return taken, list(cursor.fetchall()) or [("Warning", 0, "")]

        taken, warnings = await self._run(call)
        if warnings:
            raise rejected(warnings)
        return taken

    def _load_statement(self, target: LoadTarget) -> str:
        """Columns arrive directly where the server reads interchange text itself, else by way of a variable.

        Where one column does, numbers do too: MariaDB's SET forgets that an AUTO_INCREMENT column was given a value,
        and numbers a row whose value is 0 in spite of NO_AUTO_VALUE_ON_ZERO.
        """
        expressions = {
            f"@sterna_{position}": self._dialect.write_expression(f"@sterna_{position}", column.value, column.native)
            for position, column in enumerate(target.written)
        }
        direct = all(expression == variable for variable, expression in expressions.items())
        fields, assignments = [], []
        for (variable, expression), column in zip(expressions.items(), target.written, strict=True):
            name = self._dialect.identifier(column.name)
            if expression == variable and (direct or read_type(column.native).base not in NUMBERING):
                fields.append(name)
            else:
                fields.append(variable)
                assignments.append(f"{name} = {expression}")
        return (
            f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {self._dialect.qualified(target.table)} CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' "
            f"({', '.join(fields)})" + (f" SET {', '.join(assignments)}" if assignments else "")
        )

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._broken:
            raise Defect("the session was ended")
        try:
            with translated():
                return await self._thread.run(call, *args, **kwargs)
        except asyncio.CancelledError:
            self._broken = True
            raise

    def _end(self) -> None:
        """Ends statement and session, from another thread: by the server where it can be asked, and here for certain,
        because the driver may wait for either, or for the next part of rows."""
        with contextlib.suppress(Exception):
            self._kill("CONNECTION")
        self._broken = True
        self._connection.shut_down()
        if self._pulling is not None:
            self._pulling.cancel()

    def _kill(self, what: str) -> None:
        other = self._connect()
        try:
            other.query(f"KILL {what} {self._connection.thread_id()}")
        finally:
            other.close()

    def _leave(self) -> None:
        with contextlib.suppress(MySQLError, OSError):
            self._connection.close()
        self._connection.close_now()
