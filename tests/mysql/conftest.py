"""Databases of their own on a private MariaDB, looked at by its command-line client, and the steps of a copy."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from connectors.canonical import digest_batch
from connectors.contract import (
    CANONICAL_DIGEST,
    CSV_INTERCHANGE,
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
from connectors.mysql.connector import Mysql
from connectors.mysql.options import MysqlOptions
from core.ranges import WholeTable
from core.schema import Digest, TableName, TableSchema
from core.value_type import ValueType
from deploy.local.mariadb_server import MariadbServer, program

Row = Sequence[str | None]


@dataclass
class Database:
    """One schema, reached by the connector and, to check it, by the client program alone."""

    server: MariadbServer
    name: str

    def connector(self, **options: Any) -> Mysql:
        reached = {"host": "127.0.0.1", "port": self.server.port, "database": self.name, "user": self.server.user}
        return Mysql(MysqlOptions.model_validate({**reached, **options}), Credentials(), "test")

    def run(self, sql: str) -> str:
        """What the client prints for these statements: values between tabs, rows on lines."""
        login = [
            f"--port={self.server.port}",
            f"--user={self.server.user}",
            "--host=127.0.0.1",
            "--default-character-set=utf8mb4",
        ]
        result = subprocess.run(
            [str(program("mariadb")), "--no-defaults", *login, "--batch", "--raw", "--skip-column-names", self.name],
            input=f"SET time_zone = '+00:00', sql_mode = '';\n{sql}",
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def rows(self, sql: str) -> list[list[str]]:
        return [line.split("\t") for line in self.run(sql).splitlines()]

    def table(self, name: str) -> TableName:
        return TableName(schema_name=self.name, name=name)

    async def describe(self, table: str) -> TableSchema:
        return (await self.connector().describe_tables([self.table(table)]))[self.table(table)]

    async def read(self, table: str) -> list[list[str | None]]:
        """The rows as interchange text, by way of Arrow; by way of bytes they must be the same."""
        schema = await self.describe(table)
        columns = [column.name for column in schema.columns if column.generated is None]
        selection = Selection(schema, columns, interchange=True, native_format=CSV_INTERCHANGE)
        found: list[list[str | None]] = []
        csv: list[bytes] = []

        async def keep(batch: pa.RecordBatch) -> None:
            found.extend([list(row.values()) for row in batch.to_pylist()])

        async def keep_bytes(part: bytes) -> None:
            csv.append(part)

        async with self.connector().reading(None) as reader:
            await reader.read_arrow(selection, WholeTable(), keep)
            assert await reader.read_native(selection, WholeTable(), keep_bytes) == len(found)
        assert sorted(parsed(b"".join(csv)), key=str) == sorted(found, key=str)
        return found

    async def proof(self, table: str) -> DigestMethod:
        columns = [column for column in (await self.describe(table)).columns if column.generated is None]
        seen = (DigestColumn(c.name, c.value.digest_form, c.value, c.type) for c in columns)
        return DigestMethod(CANONICAL_DIGEST, tuple(seen))


def parsed(csv: bytes) -> list[list[str | None]]:
    """CSV_INTERCHANGE by its definition, character by character."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    text, position = csv.decode(), 0
    while position < len(text):
        if text[position] == '"':
            value, position = "", position + 1
            while text[position : position + 2] == '""' or text[position] != '"':
                value += text[position]
                position += 2 if text[position] == '"' else 1
            row.append(value)
            position += 1
        else:
            end = min(found for mark in ",\n" if (found := text.find(mark, position)) >= 0)
            row.append(None if text[position:end] == "NULL" else text[position:end])
            position = end
        if text[position] == "\n":
            rows, row = [*rows, row], []
        position += 1
    return rows


@dataclass
class Arriving:
    """Rows on their way into an existing table: interchange text of these types."""

    database: Database
    table: str
    columns: dict[str, ValueType]
    native: dict[str, str] = field(default_factory=dict)

    async def prepare(self) -> Arriving:
        await self.database.connector().prepare_ledger()
        described = await self.database.describe(self.table)
        self.native = {column.name: column.type for column in described.columns}
        return self

    @property
    def name(self) -> TableName:
        return self.database.table(self.table)

    @property
    def target(self) -> LoadTarget:
        written = [WrittenColumn(name, value, self.native[name]) for name, value in self.columns.items()]
        return LoadTarget(self.name, list(self.columns), written=written, native_format=CSV_INTERCHANGE)

    @property
    def proof(self) -> DigestMethod:
        columns = (DigestColumn(w.name, w.value.digest_form, w.value, w.native) for w in self.target.written)
        return DigestMethod(CANONICAL_DIGEST, tuple(columns))

    def batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(
            [pa.array([row[position] for row in rows], pa.string()) for position in range(len(self.columns))],
            names=list(self.columns),
        )

    async def begin(self, token: str = "1", run: int = 1, *, replace: bool = False) -> LoadGeneration:
        beginning = LoadBeginning("job", self.table, run, token)
        return await self.database.connector().begin_load(beginning, self.target, replace=replace)

    async def load(self, load: int, number: int, rows: Sequence[Row]) -> Loaded:
        async def parts() -> AsyncIterator[pa.RecordBatch]:
            yield self.batch(rows)

        digest = digest_batch(self.batch(rows), self.proof.columns)
        entry = LedgerEntry("job", self.table, load, number, digest)
        return await self.database.connector().load_arrow(self.target, entry, parts(), lambda _: None)

    async def load_bytes(self, load: int, number: int, count: int, pieces: Sequence[bytes]) -> Loaded:
        async def parts() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        entry = LedgerEntry("job", self.table, load, number, Digest(rows=count))
        return await self.database.connector().load_native(self.target, entry, parts(), lambda _: None)


@pytest.fixture(scope="session")
def new_schema(mariadb: MariadbServer) -> Callable[[], Database]:
    numbers = itertools.count(1)

    def create() -> Database:
        database = Database(mariadb, f"test_{next(numbers)}")
        Database(mariadb, "mysql").run(f"CREATE DATABASE {database.name} CHARACTER SET utf8mb4")
        return database

    return create


@pytest.fixture
def database(new_schema: Callable[[], Database]) -> Database:
    return new_schema()
