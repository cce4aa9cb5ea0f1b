"""Sessions through SQLAlchemy: values pass through Python, one by one, and rows by executemany with typed binds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from connectors.arrow_text import TYPE_METADATA
from connectors.contract import Credentials, LoadTarget
from connectors.sql.deletion import refuse_deletion
from connectors.sql.driver_thread import DriverThread
from connectors.sql.query import VALUE_METADATA
from connectors.sql.session import SqlSession
from connectors.sqlalchemy import driver_calls, table_lock
from connectors.sqlalchemy.deletion import acting_foreign_keys
from connectors.sqlalchemy.dialect import MOMENTS, SqlalchemyDialect
from connectors.sqlalchemy.errors import translated
from connectors.sqlalchemy.options import SqlalchemyOptions
from connectors.sqlalchemy.types import AnyType, PlainBytes, value_type
from connectors.sqlalchemy.values import python_values, texts
from core.errors import InvalidConfiguration, NotFound
from core.schema import TableName
from core.value_type import ValueType

P = ParamSpec("P")
T = TypeVar("T")

FETCHED_ROWS = 1000
MOMENT_LENGTH = 40
CLOSE_SECONDS = 10.0
NO_PARAMETERS = {"no_parameters": True}
"""A percent sign in SQL is one then, whatever the driver's paramstyle."""


def login_url(options: SqlalchemyOptions, credentials: Credentials, dialect: SqlalchemyDialect) -> URL:
    """The job's URL with user and password."""
    url = options.parsed.set(password=credentials.password)
    user = options.user or url.username or credentials.username
    url = url.set(username=user) if user else url
    return url.update_query_dict({name: text for name, text in dialect.backend.query.items() if name not in url.query})


def engine_for(options: SqlalchemyOptions, credentials: Credentials, dialect: SqlalchemyDialect) -> Engine:
    """Without a pool, not connected. Raises InvalidConfiguration."""
    try:
        return sa.create_engine(login_url(options, credentials, dialect), poolclass=NullPool)
    except ArgumentError as error:
        raise InvalidConfiguration(
            f"{options.parsed.drivername} takes no such url, user or password",
            remedy="Check url; a database without logins wants neither user nor secretsRef",
            evidence={"server": str(error)},
        ) from error


@asynccontextmanager
async def open_session(
    options: SqlalchemyOptions, credentials: Credentials, dialect: SqlalchemyDialect, purpose: str
) -> AsyncIterator[SqlalchemySession]:
    """A session of its own, without a pool. Raises Unavailable, AccessDenied, NotFound, InvalidConfiguration."""
    engine = engine_for(options, credentials, dialect)
    opened: list[Connection] = []
    thread = DriverThread("sqlalchemy", lambda: driver_calls.interrupt(opened[0]) if opened else None)
    try:
        with translated(f"{purpose}: logging in"):
            opened.append(await thread.run(engine.connect))
        yield SqlalchemySession(opened[0], dialect, thread, purpose, options.schema_default)
    finally:
        if opened:
            driver_calls.interrupt(opened[0])
            with translated(purpose), suppress(TimeoutError):  # a driver that cannot be interrupted is left behind
                async with asyncio.timeout(CLOSE_SECONDS):
                    await thread.run(_close, opened[0])
        thread.close()


def _close(connection: Connection) -> None:
    connection.invalidate() if connection.closed else connection.close()


class SqlalchemySession(SqlSession):
    """One connection and the thread that uses it."""

    def __init__(
        self, connection: Connection, dialect: SqlalchemyDialect, thread: DriverThread, purpose: str, schema: str
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._thread = thread
        self._purpose = purpose
        self._schema = schema
        self._open = False
        self._inserts: dict[TableName, tuple[sa.Insert, list[ValueType]]] = {}

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A call on the session's thread."""
        with translated(self._purpose):
            return await self._thread.run(call, *args, **kwargs)

    async def with_connection(self, work: Callable[[Connection], T]) -> T:
        """Reflection and the like, on the session's thread."""
        return await self.run(self._settled, lambda: work(self._connection))

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See SqlSession."""

        def call() -> int:
            return max(self._executed(sql, parameters).rowcount, 0)

        return await self.run(self._settled, call)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See SqlSession."""

        def call() -> list[tuple[Any, ...]]:
            return [tuple(row) for row in self._executed(sql, parameters)]

        return await self.run(self._settled, call)

    def _executed(self, sql: str, parameters: Sequence[Any]) -> sa.CursorResult[Any]:
        if parameters:
            return self._connection.exec_driver_sql(sql, self._dialect.parameters(list(parameters)))
        return self._connection.exec_driver_sql(sql, execution_options=NO_PARAMETERS)

    def _settled(self, call: Callable[[], T]) -> T:
        """Outside of a transaction, each call commits by itself."""
        if self._open:
            return call()
        try:
            made = call()
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        return made

    async def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """See SqlSession. Rows come by a server's cursor where the driver has one."""
        values = [_value_of(field) for field in schema]
        options = {**NO_PARAMETERS, "stream_results": True}
        result = await self.run(lambda: self._connection.exec_driver_sql(sql, execution_options=options))
        try:
            while True:
                part = await self.run(self._part, result, schema, values)
                if part is None:
                    return
                yield part
        finally:
            await self.run(result.close)

    @staticmethod
    def _part(result: sa.CursorResult[Any], schema: pa.Schema, values: Sequence[ValueType]) -> pa.RecordBatch | None:
        rows = result.fetchmany(FETCHED_ROWS)
        if not rows:
            return None
        columns = zip(*rows, strict=True)
        arrays = [
            texts(column, value, field.metadata[TYPE_METADATA].decode(), field.name)
            for column, value, field in zip(columns, values, schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """See SqlSession."""
        return await self.run(self._insert, target, rows)

    def _insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        if target.table not in self._inserts:
            self._inserts[target.table] = self._prepared(target)
        statement, holders = self._inserts[target.table]
        columns = [
            self._bound(rows.column(position), written.value, holder, written.name)
            for position, (written, holder) in enumerate(zip(target.written, holders, strict=True))
        ]
        keys = [f"c{position}" for position in range(len(columns))]
        parameters = [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
        done = self._connection.execute(statement, parameters)
        sane = self._connection.dialect.supports_sane_multi_rowcount and done.rowcount >= 0
        return done.rowcount if sane else len(parameters)

    def _bound(self, text: pa.Array, value: ValueType, holder: ValueType, name: str) -> list[Any]:
        made = python_values(text, value, holder, name, specials=self._dialect.backend.special_floats)
        if not self._as_text(holder):
            return made
        if holder.kind == "timestamp":  # which has no zone, so that it is in UTC
            text = pc.replace_substring_regex(text, r"\+00$", "")
        items: list[Any] = text.to_pylist()
        return items

    def _as_text(self, holder: ValueType) -> bool:
        return holder.kind in MOMENTS and self._dialect.backend.moments_as_text

    def _prepared(self, target: LoadTarget) -> tuple[sa.Insert, list[ValueType]]:
        """INSERT with a typed bind for each column, and what the columns hold."""
        types = self._column_types(target.table)
        missing = [name for name in target.columns if name not in types]
        if missing:
            raise NotFound(f"the table {target.table} has no column {', '.join(missing)}")
        table = sa.table(
            target.table.name,
            *(sa.column(sa.quoted_name(name, quote=True), types[name]) for name in target.columns),
            schema=target.table.schema_name or None,
        )
        table.name = sa.quoted_name(target.table.name, quote=True)
        holders = [value_type(types[name], self._dialect.backend) for name in target.columns]
        binds: dict[str, Any] = {}
        for position, (name, holder) in enumerate(zip(target.columns, holders, strict=True)):
            if self._as_text(holder):
                text = sa.bindparam(f"c{position}", type_=sa.String(MOMENT_LENGTH))
                binds[name] = sa.cast(text, types[name])
            else:
                binds[name] = sa.bindparam(f"c{position}", type_=self._bound_type(holder, types[name]))
        return sa.insert(table).values(binds), holders

    def _bound_type(self, holder: ValueType, type_: AnyType) -> AnyType:
        if holder.kind == "integer":  # sqlalchemy-firebird casts what is bound as its own BIGINT to INTEGER
            return sa.BigInteger()
        return PlainBytes() if holder.kind == "binary" and self._dialect.backend.plain_binary else type_

    def _column_types(self, table: TableName) -> dict[str, AnyType]:
        name, schema = self._dialect.own_name(table)
        reflected = sa.inspect(self._connection).get_columns(name, schema)
        return {self._dialect.catalog_name(column["name"]): column["type"] for column in reflected}

    async def begin(self, *, read_only: bool = False) -> None:
        """See SqlSession."""

        def call() -> None:
            driver_calls.prepare_transactions(self._connection, self._dialect.backend, read_only=read_only)
            self._connection.begin()

        await self.run(call)
        self._open = True

    async def commit(self) -> None:
        """See SqlSession."""
        await self.run(self._connection.commit)
        self._open = False

    async def rollback(self) -> None:
        """See SqlSession."""
        self._open = False
        await self.run(self._connection.rollback)

    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """Always alone: no lock that is shared is known to all databases."""
        await table_lock.hold(self, self._dialect, self._schema, table)

    async def check_deletion(self, table: TableName) -> None:
        """See SqlSession. All schemas are looked into that the login sees."""
        if not self._dialect.backend.enforces_foreign_keys:
            return
        acting = await self.with_connection(
            lambda connection: next(acting_foreign_keys(connection, self._dialect, table), None)
        )
        if acting is not None:
            refuse_deletion(table, *acting)


def _value_of(field: pa.Field) -> ValueType:
    return ValueType.model_validate_json(field.metadata[VALUE_METADATA])
