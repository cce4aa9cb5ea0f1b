"""One table at a destination and what happens to it, as the stages of a job would do it, without a job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from connectors.arrow_text import text_schema
from connectors.base import Connector, CreatesTables, IsolatesRejects, ProvesRows, ReadsRows, WritesRows, capability
from connectors.canonical import digest_batch
from connectors.conformance.harness import Harness
from connectors.conformance.matrix import SAMPLES
from connectors.contract import (
    CANONICAL_DIGEST,
    AnyRange,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LoadBeginning,
    Loaded,
    LoadGeneration,
    LoadRef,
    LoadTarget,
    RefusedRow,
    Selection,
    WatermarkRange,
    WholeBatch,
    WrittenColumn,
)
from core.ranges import RangePlan, WholeTable
from core.schema import (
    Column,
    Digest,
    Key,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival, ValueType

FOREIGN = "conformance"
"""The dialect of the tables that are sent: no connector's own."""
RUN = 1
FIRST = "1"

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Sent:
    """A column that is sent to a destination."""

    name: str
    value: ValueType
    nullable: bool = True

    @classmethod
    def sample(cls, name: str, sample: str, *, nullable: bool = True) -> Sent:
        """A column of a sample's type."""
        return cls(name, SAMPLES[sample].value, nullable)

    @property
    def column(self) -> Column:
        """As a catalog would describe it."""
        return Column(name=self.name, type=self.value.spelled, value=self.value, nullable=self.nullable)


ID = Sent.sample("id", "int64", nullable=False)
NAME = Sent.sample("name", "varchar_4000")


def sent_table(name: str, columns: Sequence[Sent], key: Sequence[str] = ()) -> TableSchema:
    """A source's table of another dialect."""
    primary = Key(name=f"{name}_pk", columns=list(key), definition="") if key else None
    return TableSchema(
        dialect=FOREIGN,
        name=TableName(schema_name="", name=name),
        columns=[column.column for column in columns],
        primary_key=primary,
    )


@dataclass
class Destination:
    """A table made for the columns sent, and its ledger."""

    connector: Connector
    table: TableName
    columns: Sequence[Sent]
    arrivals: Sequence[Arrival]
    ddl: TableDdl
    job_id: str = ""
    _runs: int = field(default=RUN, repr=False)
    upsert_keys: Sequence[str] = ()

    @classmethod
    async def prepare(
        cls, harness: Harness, columns: Sequence[Sent] = (ID, NAME), *, key: Sequence[str] = ("id",)
    ) -> Destination:
        """Creates ledger and table."""
        connector, name = harness.connector(), harness.new_name()
        writer, creator = capability(connector, WritesRows), capability(connector, CreatesTables)
        arrivals = [writer.arrival(column.column, None, key=column.name in key) for column in columns]
        source = sent_table(name, columns, key)
        renames = {column.name: column.name for column in columns}
        ddl = creator.table_ddl(source, harness.table(name), renames, {}, {})
        await writer.prepare_ledger()
        assert await creator.create([ddl]) == {}
        return cls(connector, harness.table(name), columns, arrivals, ddl, f"job-{name}")

    @classmethod
    async def existing(cls, harness: Harness, name: str, columns: Sequence[Sent]) -> Destination:
        """A table that stands at the destination already."""
        connector, table = harness.connector(), harness.table(name)
        writer = capability(connector, WritesRows)
        await writer.prepare_ledger()
        described = (await capability(connector, ReadsRows).describe_tables([table]))[table]
        keys = [key for key in (described.primary_key, *described.unique_keys) if key is not None]
        held = {part for key in keys for part in key.columns}
        arrivals = [
            writer.arrival(column.column, described.column(column.name), key=column.name in held) for column in columns
        ]
        return cls(connector, table, columns, arrivals, TableDdl(), f"job-{name}")

    @classmethod
    async def of_sample(cls, harness: Harness, sample: str) -> Destination:
        """A table with a column `v` of the sample's type, made once for all behaviours: `refill` it."""
        if sample not in harness.made:
            harness.made[sample] = await cls.prepare(harness, [ID, Sent.sample("v", sample)])
        found: Destination = harness.made[sample]
        return found

    @property
    def writer(self) -> WritesRows:
        """The connector as one that writes."""
        return capability(self.connector, WritesRows)

    @property
    def creator(self) -> CreatesTables:
        """The connector as one that creates tables."""
        return capability(self.connector, CreatesTables)

    @property
    def proof(self) -> ProvesRows:
        """The connector as one that proves."""
        return capability(self.connector, ProvesRows)

    @property
    def target(self) -> LoadTarget:
        """Where rows go."""
        written = tuple(
            WrittenColumn(column.name, arrival.value, arrival.type)
            for column, arrival in zip(self.columns, self.arrivals, strict=True)
        )
        names = [column.name for column in self.columns]
        return LoadTarget(self.table, names, tuple(self.upsert_keys), written=written)

    @property
    def method(self) -> DigestMethod:
        """How the rows are hashed."""
        columns = tuple(
            DigestColumn(column.name, arrival.value.digest_form, arrival.value, arrival.type)
            for column, arrival in zip(self.columns, self.arrivals, strict=True)
        )
        return DigestMethod(CANONICAL_DIGEST, columns)

    def batch(self, rows: Iterable[Row]) -> pa.RecordBatch:
        """The rows as they come from staging."""
        columns = list(zip(*rows, strict=True)) or [() for _ in self.columns]
        schema = text_schema(
            [column.name for column in self.columns], [column.value.spelled for column in self.columns]
        )
        return pa.RecordBatch.from_arrays([pa.array(values, pa.string()) for values in columns], schema=schema)

    def digest(self, rows: Iterable[Row]) -> Digest:
        """The digest of the rows as sent, computed outside any database."""
        return digest_batch(self.batch(rows), self.method.columns)

    async def begin(self, token: str = FIRST, *, run: int = RUN, replace: bool = False) -> LoadGeneration:
        """Begins a load under a token."""
        beginning = LoadBeginning(self.job_id, "table", run, token)
        return await self.writer.begin_load(beginning, self.target, replace=replace)

    def entry(self, load: int, number: int, digest: Digest) -> LedgerEntry:
        """What the ledger is to record."""
        return LedgerEntry(self.job_id, "table", load, number, digest)

    def load_ref(self, load: int) -> LoadRef:
        """The load in the ledger's words."""
        return LoadRef(self.job_id, "table", load)

    async def load(
        self,
        rows: Sequence[Row],
        *,
        load: int,
        number: int = 0,
        claims: Digest | None = None,
        parts: AsyncIterator[pa.RecordBatch] | None = None,
    ) -> Loaded:
        """Loads one batch. `claims`: what is said to come, where that is not what comes. `parts` instead of rows."""
        entry = self.entry(load, number, claims or self.digest(rows))
        return await self.writer.load_arrow(
            self.target, entry, parts or one_by_one([self.batch(rows)] if rows else []), lambda moved: None
        )

    async def load_isolating(
        self, rows: Sequence[Row], *, load: int, keeping: type[Exception] | None = None
    ) -> tuple[Loaded, list[RefusedRow]]:
        """Loads one batch without the rows that are refused, and those. `keeping`: what keeping them raises."""
        kept: list[RefusedRow] = []

        async def keep(refused: Sequence[RefusedRow], digest: Digest | None) -> Digest:
            if keeping is not None:
                raise keeping
            kept.extend(refused)
            return digest or self.digest([tuple(row.values.values()) for row in refused])

        loaded = await capability(self.connector, IsolatesRejects).load_isolating(
            self.target,
            self.entry(load, 0, self.digest(rows)),
            WholeBatch(arrow=pa.Table.from_batches([self.batch(rows)])),
            self.method,
            keep,
            most=len(rows),
            digests=True,
        )
        return loaded, kept

    async def empty(self) -> int:
        """Begins a load of another run that replaces all rows; returns its number."""
        self._runs += 1
        return (await self.begin(str(self._runs), run=self._runs, replace=True)).load

    async def refill(self, rows: Sequence[Row]) -> int:
        """Replaces all rows; returns the load's number."""
        load = await self.empty()
        await self.load(rows, load=load)
        return load

    async def copy(self, rows: Sequence[Row]) -> int:
        """Begins a load and loads all rows in one batch; returns the load's number."""
        begun = await self.begin()
        await self.load(rows, load=begun.load)
        return begun.load

    async def proved_rows(self) -> list[Row]:
        """All committed rows (none of them twice) as the proof sees them: each value as what travelled."""
        hashes = [value async for part in self.proof.table_hashes(self.table, self.method) for value in part]
        found = await self.proof.example_rows(self.table, self.method, hashes)
        assert len(found) == len(hashes)
        return [tuple(row[column.name] for column in self.columns) for row in found]

    async def rows(self) -> list[Row]:
        """All committed rows, read as a source."""
        reader = capability(self.connector, ReadsRows)
        described = (await reader.describe_tables([self.table]))[self.table]
        return await read_rows(reader, described, [column.name for column in self.columns])


async def one_by_one(batches: Iterable[pa.RecordBatch]) -> AsyncIterator[pa.RecordBatch]:
    """Parts as staging gives them."""
    for batch in batches:
        yield batch


async def read_rows(
    reader: ReadsRows,
    table: TableSchema,
    columns: Sequence[str],
    ranges: Iterable[AnyRange] = (WholeTable(),),
    where: str | None = None,
    watermark: WatermarkRange | None = None,
) -> list[Row]:
    """Interchange text of a table's rows, range by range."""
    found: list[Row] = []

    async def keep(batch: pa.RecordBatch) -> None:
        found.extend(zip(*(column.to_pylist() for column in batch.columns), strict=True))

    async with reader.reading(None) as session:
        for rows in ranges:
            selection = Selection(table, columns, where, interchange=True, watermark=watermark)
            await session.read_arrow(selection, rows, keep)
    return found


def ranges_of(plan: RangePlan) -> list[AnyRange]:
    """All ranges of a plan."""
    return [plan.range_of(number) for number in range(plan.batches)]
