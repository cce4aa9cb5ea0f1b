"""Database files of their own for each test, reached by the connector and, to check it, by DuckDB alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
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
from connectors.duckdb.connector import Duckdb
from connectors.duckdb.options import DuckdbOptions
from connectors.duckdb.session import CONFIG
from core.ranges import WholeTable
from core.schema import Digest, TableName, TableSchema


@dataclass
class Database:
    """One file."""

    path: Path

    def connector(self, **options: Any) -> Duckdb:
        return Duckdb(DuckdbOptions(path=str(self.path), **options), Credentials(), "test")

    def opened(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.path), config=CONFIG)
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def run(self, *statements: str) -> None:
        with self.opened() as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.opened() as connection:
            return connection.execute(sql).fetchall()

    async def describe(self, table: str) -> TableSchema:
        name = TableName(schema_name="main", name=table)
        return (await self.connector().describe_tables([name]))[name]

    async def read(self, table: str) -> list[pa.RecordBatch]:
        schema = await self.describe(table)
        parts: list[pa.RecordBatch] = []

        async def keep(part: pa.RecordBatch) -> None:
            parts.append(part)

        names = [column.name for column in schema.columns if column.generated is None]
        async with self.connector().reading(None) as reader:
            await reader.read_arrow(Selection(schema, names, interchange=True), WholeTable(), keep)
        return parts


NewFile = Callable[[str], Database]


@pytest.fixture
def new_file(tmp_path: Path) -> NewFile:
    return lambda name: Database(tmp_path / f"{name}.duckdb")


@dataclass
class Arriving:
    """A described table on its way into a file of its own."""

    database: Database
    schema: TableSchema
    written: tuple[WrittenColumn, ...] = field(default=())

    @property
    def target(self) -> LoadTarget:
        return LoadTarget(self.schema.name, [column.name for column in self.written], written=self.written)

    @property
    def proof(self) -> DigestMethod:
        columns = (DigestColumn(w.name, w.value.digest_form, w.value, w.native) for w in self.written)
        return DigestMethod(CANONICAL_DIGEST, tuple(columns))

    async def create(self) -> None:
        connector = self.database.connector()
        columns = [column for column in self.schema.columns if column.generated is None]
        names = {column.name: column.name for column in columns}
        ddl = connector.table_ddl(self.schema, self.schema.name, names, {}, {})
        assert await connector.create([ddl]) == {}
        await connector.prepare_ledger()
        arrivals = [connector.arrival(column, None, key=False) for column in columns]
        self.written = tuple(
            WrittenColumn(column.name, arrival.value, arrival.type)
            for column, arrival in zip(columns, arrivals, strict=True)
        )

    async def begin(self, token: str = "1", run: int = 1, *, replace: bool = False) -> LoadGeneration:
        beginning = LoadBeginning("job", "table", run, token)
        return await self.database.connector().begin_load(beginning, self.target, replace=replace)

    async def load(self, load: int, number: int, parts: Sequence[pa.RecordBatch], **options: Any) -> Loaded:
        digest = sum((digest_batch(part, self.proof.columns) for part in parts), Digest())
        return await self.load_parts(load, number, digest, parts, **options)

    async def load_parts(
        self, load: int, number: int, digest: Digest, parts: Sequence[pa.RecordBatch], **options: Any
    ) -> Loaded:
        async def all_parts() -> AsyncIterator[pa.RecordBatch]:
            for part in parts:
                yield part

        entry = LedgerEntry("job", "table", load, number, digest)
        return await self.database.connector(**options).load_arrow(self.target, entry, all_parts(), lambda _: None)
