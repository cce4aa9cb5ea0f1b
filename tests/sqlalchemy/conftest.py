"""Databases that the connector reaches by SQLAlchemy, and a client of their own to check it by."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.canonical import digest_batch
from connectors.contract import (
    CANONICAL_DIGEST,
    Credentials,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LoadBeginning,
    Loaded,
    LoadGeneration,
    LoadTarget,
    Selection,
    WrittenColumn,
)
from connectors.sqlalchemy.connector import Sqlalchemy
from connectors.sqlalchemy.options import SqlalchemyOptions
from core.ranges import WholeTable
from core.schema import (
    Column,
    Digest,
    Key,
    TableName,
    TableSchema,
)
from core.value_type import ValueType
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect
from tests.firebird_server import FirebirdServer


@dataclass
class Place:
    """One database: `ask` runs SQL (committed) by another client than SQLAlchemy and returns the rows."""

    url: str
    credentials: Credentials
    ask: Callable[[str], list[tuple[Any, ...]]]
    upper: bool = False

    def connector(self) -> Sqlalchemy:
        return Sqlalchemy(SqlalchemyOptions(url=self.url), self.credentials, "test")

    def name(self, table: str) -> TableName:
        return TableName(schema_name="", name=table.upper() if self.upper else table)

    async def describe(self, table: str) -> TableSchema:
        name = self.name(table)
        return (await self.connector().describe_tables([name]))[name]

    async def read(self, table: str) -> list[dict[str, str | None]]:
        schema = await self.describe(table)
        found: list[dict[str, str | None]] = []

        async def keep(part: pa.RecordBatch) -> None:
            found.extend(part.to_pylist())

        names = [column.name for column in schema.columns if column.generated is None]
        async with self.connector().reading(None) as reader:
            await reader.read_arrow(Selection(schema, names, interchange=True), WholeTable(), keep)
        return found


_numbers = itertools.count(1)


@pytest.fixture
def firebird_place(firebird: FirebirdServer) -> Place:
    path = firebird.create_database(f"place_{next(_numbers)}")

    def ask(sql: str) -> list[tuple[Any, ...]]:
        from firebird.driver import connect as login

        place = f"inet://127.0.0.1:{firebird.port}/{path}"
        with closing(login(place, user=firebird.user, password=firebird.password, charset="UTF8")) as connection:
            cursor = connection.cursor().execute(sql)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows

    url = f"firebird+firebird://127.0.0.1:{firebird.port}/{path}"
    return Place(url, Credentials(firebird.user, firebird.password), ask, upper=True)


@pytest.fixture
def postgres_place(postgres: PostgresServer, new_database: NewDatabase) -> Place:
    database = new_database()

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with connect(postgres, database) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    url = f"postgresql+psycopg://127.0.0.1:{postgres.port}/{database}"
    return Place(url, Credentials(postgres.user, "unused"), ask)


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    path = tmp_path / "place.sqlite"

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(sql).fetchall()
            connection.commit()
            return rows

    return Place(f"sqlite:///{path}", Credentials(), ask)


@pytest.fixture(params=["firebird", "postgres", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@dataclass
class Arriving:
    """Columns of some other database on their way into one table; the first is its primary key."""

    place: Place
    columns: dict[str, ValueType]
    table: str = "arriving"
    written: tuple[WrittenColumn, ...] = field(default=())

    @property
    def name(self) -> TableName:
        return self.place.name(self.table)

    @property
    def target(self) -> LoadTarget:
        return LoadTarget(self.name, list(self.columns), written=self.written)

    @property
    def proof(self) -> DigestMethod:
        columns = (DigestColumn(w.name, w.value.digest_form, w.value, w.native) for w in self.written)
        return DigestMethod(CANONICAL_DIGEST, tuple(columns))

    async def create(self) -> None:
        connector = self.place.connector()
        key = next(iter(self.columns))
        columns = [
            Column(name=name, type="", value=value, nullable=name != key) for name, value in self.columns.items()
        ]
        primary = Key(name=f"{self.table}_key", columns=[key], definition="")
        source = TableSchema(dialect="elsewhere", name=self.name, columns=columns, primary_key=primary)
        ddl = connector.table_ddl(source, self.name, {name: name for name in self.columns}, {}, {})
        assert await connector.create([ddl]) == {}
        await connector.build(ddl.keys, 1)
        await connector.prepare_ledger()
        arrivals = [connector.arrival(column, None, key=column.name == key) for column in columns]
        self.written = tuple(
            WrittenColumn(column.name, arrival.value, arrival.type)
            for column, arrival in zip(columns, arrivals, strict=True)
        )

    def batch(self, rows: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
        arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=list(self.columns))

    async def begin(self, token: str = "1", *, replace: bool = False) -> LoadGeneration:
        beginning = LoadBeginning("job", "table", 1, token)
        return await self.place.connector().begin_load(beginning, self.target, replace=replace)

    async def load(self, load: int, number: int, rows: Sequence[Sequence[str | None]]) -> Loaded:
        part = self.batch(rows)
        entry = LedgerEntry("job", "table", load, number, digest_batch(part, self.proof.columns))

        async def parts() -> AsyncIterator[pa.RecordBatch]:
            yield part

        return await self.place.connector().load_arrow(self.target, entry, parts(), lambda _: None)

    async def digest(self) -> Digest:
        return await self.place.connector().digest_table(self.name, self.proof)
