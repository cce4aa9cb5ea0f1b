"""Database files of their own for each test, and the steps of a copy without workflows."""

from __future__ import annotations

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
from connectors.sqlite.connector import Sqlite
from connectors.sqlite.options import SqliteOptions
from core.ranges import KeyRange, WholeTable
from core.schema import Column, Digest, TableName, TableSchema
from core.value_type import ValueType


@dataclass
class Database:
    """One file, reached by the connector and, to check it, by Python's module alone."""

    path: Path

    def connector(self, **options: Any) -> Sqlite:
        return Sqlite(SqliteOptions(path=str(self.path), **options), Credentials(), "test")

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
            connection.commit()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    async def describe(self, table: str) -> TableSchema:
        name = TableName(schema_name="", name=table)
        return (await self.connector().describe_tables([name]))[name]

    async def read(self, table: str, rows: KeyRange | WholeTable | None = None) -> list[dict[str, str | None]]:
        schema = await self.describe(table)
        columns = [column.name for column in schema.columns if column.generated is None]
        found: list[dict[str, str | None]] = []

        async def keep(batch: pa.RecordBatch) -> None:
            found.extend(batch.to_pylist())

        async with self.connector().reading(None) as reader:
            await reader.read_arrow(Selection(schema, columns, interchange=True), rows or WholeTable(), keep)
        return found


@dataclass
class Arriving:
    """Columns of some other database on their way into one table."""

    database: Database
    columns: dict[str, ValueType]
    table: str = "t"
    key: str | None = None
    written: list[WrittenColumn] = field(default_factory=list)

    @property
    def name(self) -> TableName:
        return TableName(schema_name="", name=self.table)

    @property
    def target(self) -> LoadTarget:
        return LoadTarget(self.name, list(self.columns), written=tuple(self.written))

    @property
    def proof(self) -> DigestMethod:
        columns = (DigestColumn(w.name, w.value.digest_form, w.value, w.native) for w in self.written)
        return DigestMethod(CANONICAL_DIGEST, tuple(columns))

    async def create(self) -> None:
        connector = self.database.connector()
        source = TableSchema(
            dialect="elsewhere",
            name=self.name,
            columns=[Column(name=name, type="", value=value) for name, value in self.columns.items()],
        )
        names = {name: name for name in self.columns}
        assert await connector.create([connector.table_ddl(source, self.name, names, {}, {})]) == {}
        await connector.prepare_ledger()
        for column in source.columns:
            arrival = connector.arrival(column, None, key=False)
            self.written.append(WrittenColumn(column.name, arrival.value, arrival.type))

    def batch(self, rows: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(
            [pa.array([row[position] for row in rows], pa.string()) for position in range(len(self.columns))],
            names=list(self.columns),
        )

    async def begin(self, token: str = "1", run: int = 1, *, replace: bool = False) -> LoadGeneration:
        beginning = LoadBeginning("job", "table", run, token)
        return await self.database.connector().begin_load(beginning, self.target, replace=replace)

    async def load(self, load: int, number: int, rows: Sequence[Sequence[str | None]]) -> Loaded:
        batch = self.batch(rows)
        return await self.load_parts(load, number, digest_batch(batch, self.proof.columns), [batch])

    async def load_parts(self, load: int, number: int, digest: Digest, parts: Sequence[pa.RecordBatch]) -> Loaded:
        async def all_parts() -> AsyncIterator[pa.RecordBatch]:
            for part in parts:
                yield part

        entry = LedgerEntry("job", "table", load, number, digest)
        return await self.database.connector().load_arrow(self.target, entry, all_parts(), lambda _: None)


@pytest.fixture
def new_file(tmp_path: Path) -> Callable[[str], Database]:
    return lambda name: Database(tmp_path / f"{name}.db")
