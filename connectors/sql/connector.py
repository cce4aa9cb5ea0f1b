"""A connector made of a dialect, a session and a catalog: everything else is the same for all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.base import (
    Connector,
    CreatesTables,
    IsolatesRejects,
    ListsObjects,
    MovesViolations,
    ProvesRows,
    ReadsRows,
    ReplacesRows,
    RowReader,
    WritesRows,
)
from connectors.contract import (
    DigestMethod,
    KeepMoved,
    KeepRefused,
    LedgerEntry,
    LedgerRow,
    LoadBeginning,
    Loaded,
    LoadGeneration,
    LoadRef,
    LoadTarget,
    Progress,
    Selection,
    ServerInfo,
    WholeBatch,
)
from connectors.sql import create, ddl, query, ranges
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.isolation import SqlIsolation
from connectors.sql.ledger import SqlLedger
from connectors.sql.proof import SqlProof
from connectors.sql.reader import SqlReader
from connectors.sql.session import SqlSession
from connectors.sql.violations import SqlViolations
from connectors.sql.writer import SqlWriter
from core.ranges import RangePlan, WholeTable
from core.schema import (
    Column,
    Digest,
    NotCarried,
    Statement,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival, Limit

if TYPE_CHECKING:
    import pyarrow as pa


class SqlConnector(
    Connector,
    ReadsRows,
    CreatesTables,
    WritesRows,
    ReplacesRows,
    IsolatesRejects,
    MovesViolations,
    ProvesRows,
    ListsObjects,
):
    """A subclass gives what is abstract here and sets `capabilities` to its dialect's; the contract of
    connectors/base.py is answered from that.

    Hooks, to be overridden where a database differs: `ledger`, `reader`, `writer` and `proof` make the parts;
    `range_key` names the column to cut a table by; `foreign_keys_stand_in_the_way` says whether loads need them gone.
    """

    dialect: ClassVar[SqlDialect]
    foreign_keys_stand_in_the_way: ClassVar[bool] = True
    """False: they are not enforced in Sterna's sessions while they load, so they need not be dropped before."""

    @abstractmethod
    def open_session(self, purpose: str, *, snapshot: str | None = None) -> AbstractAsyncContextManager[SqlSession]:
        """A session, closed at the end of the block, at once when the block fails. `purpose` for people. Raises
        Unavailable, AccessDenied, NotFound, SnapshotGone."""

    def open_reading_session(self, purpose: str) -> AbstractAsyncContextManager[SqlSession]:
        """A session that only reads, for databases that open such ones in another way."""
        return self.open_session(purpose)

    @abstractmethod
    async def check(self) -> ServerInfo:
        """Logs in and out, and refuses settings under which values could change."""

    @abstractmethod
    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""

    @abstractmethod
    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows. Every column has its `value`."""

    @abstractmethod
    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""

    def ledger(self) -> SqlLedger:
        """The ledger in the default schema."""
        return SqlLedger(self.dialect, self.default_schema)

    def reader(self, session: SqlSession, snapshot: str | None) -> SqlReader:
        """Reads through the session, whose read-only transaction has begun."""
        return SqlReader(self.dialect, session)

    def writer(self, session: SqlSession) -> SqlWriter:
        """Loads through the session."""
        return SqlWriter(session, self.ledger())

    def proof(self, session: SqlSession) -> SqlProof:
        """Proves through the session, whose read-only transaction has begun."""
        return SqlProof(self.dialect, session, self.ledger())

    def range_key(self, table: TableSchema) -> str | None:
        """A column (or hidden row number) that has an index and gives every row of the table an integer."""
        return ranges.integer_key(table) if table.kind == "table" else None

    @asynccontextmanager
    async def _reading(self, purpose: str, snapshot: str | None = None) -> AsyncIterator[SqlSession]:
        opened = self.open_session(purpose, snapshot=snapshot) if snapshot else self.open_reading_session(purpose)
        async with opened as session:
            await session.begin(read_only=True)
            yield session
            await session.rollback()

    @asynccontextmanager
    async def reading(self, snapshot: str | None) -> AsyncIterator[RowReader]:
        """See ReadsRows."""
        async with self._reading("reading", snapshot) as session:
            yield self.reader(session, snapshot)

    async def plan_ranges(
        self, table: TableSchema, *, batch_rows: int | None, batch_bytes: int, stable_pages: bool
    ) -> RangePlan:
        """By the range key, whose ends are read from its index; the whole table where there is none."""
        key = self.range_key(table)
        if key is None:
            return ranges.whole_table("whole table: no key begins with an integer")
        with doing(f"planning {table.name}"):
            async with self._reading("planning") as session:
                return await ranges.plan_key_ranges(
                    self.dialect, session, table, key, batch_rows=batch_rows, batch_bytes=batch_bytes
                )

    async def check_selection(self, selection: Selection) -> None:
        """Runs the query so that no row can come, and the database looks at its names and types only."""
        with doing(f"checking columns and whereClause of {selection.table.name}"):
            async with self._reading("checking") as session:
                reader = self.reader(session, None)
                conditions = ["1 = 0", *reader.conditions(selection, WholeTable())]
                columns = query.selected_columns(selection)
                await session.fetch(query.select(self.dialect, columns, reader.relation(selection), conditions))

    def table_ddl(
        self,
        source: TableSchema,
        destination: TableName,
        renames: dict[str, str],
        table_renames: Mapping[TableName, TableName],
        column_renames: Mapping[TableName, Mapping[str, str]],
    ) -> TableDdl:
        """See CreatesTables."""
        return ddl.table_ddl(self.dialect, source, destination, renames, table_renames, column_renames)

    async def create(self, tables: Sequence[TableDdl]) -> dict[int, str]:
        """See CreatesTables."""
        async with self.open_session("creating tables") as session:
            return await create.create(session, tables, self.describe_tables)

    async def drop_foreign_keys(self, keys: Sequence[Statement]) -> list[str]:
        """See CreatesTables."""
        if not keys or not self.foreign_keys_stand_in_the_way:
            return []
        return await create.drop_foreign_keys(
            lambda: self.open_session("dropping foreign keys"), self.dialect, keys, self.describe_tables
        )

    async def build(self, statements: Sequence[Statement], parallel: int) -> None:
        """See CreatesTables."""
        if self.capabilities.single_process_writer:
            parallel = 1
        await create.build(lambda: self.open_session("building"), statements, parallel, self.describe_tables)

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows."""
        found = self.dialect.arrival(column, existing, key=key)
        if existing is None or not existing.fills_null or not column.nullable:
            return found
        return found.model_copy(update={"limits": [Limit(kind="not_null"), *found.limits]})

    async def prepare_ledger(self) -> None:
        """See WritesRows."""
        async with self.open_session("creating the ledger") as session:
            await self.ledger().create(session)

    async def begin_load(self, begin: LoadBeginning, target: LoadTarget, *, replace: bool) -> LoadGeneration:
        """See WritesRows."""
        with doing(f"beginning the load of {target.table}"):
            async with self.open_session("beginning a load") as session:
                await session.begin()
                await session.hold_table(target.table, alone=True)
                begun = await self.ledger().begin_load(session, begin, target, replace=replace)
                await session.commit()
                return begun

    async def load_native(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[bytes], progress: Progress
    ) -> Loaded:
        """See WritesRows."""
        async with self.open_session("loading") as session:
            return await self.writer(session).load_native(target, entry, parts, progress)

    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """See WritesRows."""
        async with self.open_session("loading") as session:
            return await self.writer(session).load_arrow(target, entry, parts, progress)

    async def correct_ledger(self, target: LoadTarget, entry: LedgerEntry) -> Loaded:
        """See ReplacesRows."""
        async with self.open_session("correcting the ledger") as session:
            return await self.writer(session).correct_ledger(target, entry)

    async def load_isolating(
        self,
        target: LoadTarget,
        entry: LedgerEntry,
        batch: WholeBatch,
        proof: DigestMethod,
        keep: KeepRefused,
        *,
        most: int,
        digests: bool,
    ) -> Loaded:
        """See IsolatesRejects."""
        async with self.open_session("loading") as session:
            isolation = SqlIsolation(session, self.writer(session))
            return await isolation.load(target, entry, batch, keep, most=most)

    def row_identity(self, table: TableSchema) -> str | None:
        """SQL of what tells every row of the table from the others while a transaction lasts, and grows with the rows
        as they are written; None where there is nothing."""
        key = self.range_key(table)
        return self.dialect.reference(key) if key is not None else None

    async def move_out(
        self,
        statement: Statement,
        target: LoadTarget,
        load: LoadRef,
        proof: DigestMethod,
        keep: KeepMoved,
        *,
        most: int,
    ) -> int:
        """See MovesViolations."""
        table = (await self.describe_tables([target.table])).get(target.table)
        identity = self.row_identity(table) if table is not None and table.kind == "table" else None
        if identity is None or target.upsert_keys:
            return 0
        async with self.open_session("moving rows out") as session:
            violations = SqlViolations(self.dialect, session, self.ledger(), identity)
            return await violations.move_out(statement, target, load, proof, keep, most=most)

    async def ledger_rows(self, load: LoadRef) -> list[LedgerRow]:
        """See WritesRows."""
        async with self._reading("reading the ledger") as session:
            return await self.ledger().rows(session, load)

    async def count_rows(self, table: TableName) -> int:
        """See ProvesRows."""
        async with self._reading("counting") as session:
            return await self.proof(session).count_rows(table)

    async def digest_table(self, table: TableName, proof: DigestMethod) -> Digest:
        """See ProvesRows."""
        async with self._reading("validating") as session:
            return await self.proof(session).digest_table(table, proof)

    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """See ProvesRows."""
        async with self._reading("validating") as session:
            return await self.proof(session).digest_load(table, proof, load)

    async def table_hashes(self, table: TableName, proof: DigestMethod) -> AsyncGenerator[Sequence[int], None]:
        """See ProvesRows."""
        async with (
            self._reading("comparing") as session,
            aclosing(self.proof(session).table_hashes(table, proof)) as hashed,
        ):
            async for hashes in hashed:
                yield hashes

    async def example_rows(self, table: TableName, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """See ProvesRows."""
        async with self._reading("comparing") as session:
            return await self.proof(session).example_rows(table, proof, hashes)
