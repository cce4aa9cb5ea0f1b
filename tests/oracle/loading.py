"""One table of an Oracle user, made for columns of another database, and loads into it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from connectors.arrow_text import text_schema
from connectors.canonical import digest_batch
from connectors.contract import (
    CANONICAL_DIGEST,
    Credentials,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LoadBeginning,
    Loaded,
    LoadTarget,
    Selection,
    WrittenColumn,
)
from connectors.oracle.connector import Oracle
from connectors.registry import build_connector
from core.ranges import WholeTable
from core.schema import Column, Digest, TableName, TableSchema
from core.value_type import Arrival, ValueType
from tests.oracle_server.server import OracleLogin

Row = tuple[str | None, ...]
NUMBERS = itertools.count(1)


def oracle_connector(login: OracleLogin, **options: object) -> Oracle:
    """The connector as a job builds it."""
    built = build_connector("ORACLE", {**login.options, **options}, Credentials(login.user, login.password), "test")
    assert isinstance(built, Oracle)
    return built


@dataclass
class Loading:
    """A table that `values` say the columns of, called C0, C1 …"""

    login: OracleLogin
    values: Sequence[ValueType]
    nullable: bool = True
    name: str = field(default_factory=lambda: f"LOADED_{next(NUMBERS)}")

    def __post_init__(self) -> None:
        self.connector = oracle_connector(self.login)
        self.table = TableName(schema_name=self.login.schema, name=self.name)
        self.arrivals: list[Arrival] = [self.connector.arrival(column, None, key=False) for column in self.columns]

    @property
    def columns(self) -> list[Column]:
        """As another database's catalog has them."""
        return [
            Column(name=f"C{number}", type="foreign", value=value, nullable=self.nullable)
            for number, value in enumerate(self.values)
        ]

    @property
    def target(self) -> LoadTarget:
        """Where rows go."""
        written = tuple(
            WrittenColumn(column.name, arrival.value, arrival.type)
            for column, arrival in zip(self.columns, self.arrivals, strict=True)
        )
        return LoadTarget(self.table, [column.name for column in self.columns], written=written)

    @property
    def proof(self) -> DigestMethod:
        """How rows are hashed."""
        columns = tuple(
            DigestColumn(column.name, arrival.value.digest_form, arrival.value, arrival.type)
            for column, arrival in zip(self.columns, self.arrivals, strict=True)
        )
        return DigestMethod(CANONICAL_DIGEST, columns)

    async def create(self) -> None:
        """Table and ledger."""
        source = TableSchema(dialect="foreign", name=TableName(schema_name="", name="t"), columns=self.columns)
        ddl = self.connector.table_ddl(source, self.table, {c.name: c.name for c in self.columns}, {}, {})
        assert await self.connector.create([ddl]) == {}
        await self.connector.prepare_ledger()

    def batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """As it comes from staging."""
        schema = text_schema([column.name for column in self.columns], [column.type for column in self.columns])
        columns = [pa.array([row[number] for row in rows], pa.string()) for number in range(len(self.columns))]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def digest(self, rows: Sequence[Row]) -> Digest:
        """Of the rows as sent, computed outside the database."""
        return digest_batch(self.batch(rows), self.proof.columns)

    async def begin(self, token: str = "1") -> int:
        """The load's number."""
        begun = await self.connector.begin_load(LoadBeginning(self.name, "table", 1, token), self.target, replace=False)
        return begun.load

    def entry(self, load: int, number: int, digest: Digest) -> LedgerEntry:
        """What the ledger records."""
        return LedgerEntry(self.name, "table", load, number, digest)

    async def load(self, rows: Sequence[Row], *, load: int = 1, number: int = 0) -> Loaded:
        """Loads one batch."""
        parts = self.parts([self.batch(rows)])
        return await self.connector.load_arrow(
            self.target, self.entry(load, number, self.digest(rows)), parts, lambda size: None
        )

    @staticmethod
    async def parts(batches: Sequence[pa.RecordBatch]) -> AsyncIterator[pa.RecordBatch]:
        """The batches, one after another."""
        for batch in batches:
            yield batch

    async def read(self) -> list[Row]:
        """All rows, described and read as a source."""
        return await read_table(self.connector, self.table)


async def read_table(connector: Oracle, table: TableName, snapshot: str | None = None) -> list[Row]:
    """All rows of a table as interchange text."""
    described = (await connector.describe_tables([table]))[table]
    rows: list[Row] = []

    async def keep(part: pa.RecordBatch) -> None:
        rows.extend(tuple(row.values()) for row in part.to_pylist())

    async with connector.reading(snapshot) as reader:
        names = [column.name for column in described.columns]
        await reader.read_arrow(Selection(described, names, interchange=True), WholeTable(), keep)
    return rows
