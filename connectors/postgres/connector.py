"""The POSTGRES connector: each capability in one file, put together here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg

from connectors.base import (
    AttributesRows,
    Connector,
    CreatesTables,
    ExportsSnapshot,
    IsolatesRejects,
    KeepsNativeText,
    ListsObjects,
    MovesViolations,
    ProvesRows,
    ReadsRows,
    ReplacesRows,
    RowReader,
    SnapshotKeeper,
    WritesRows,
)
from connectors.contract import (
    CSV_INTERCHANGE,
    BatchDifference,
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
from connectors.postgres import arrivals, catalog, conversions, create, ddl, hashing, objects, ranges, refused_rows
from connectors.postgres.catalog import DIALECT
from connectors.postgres.copying import NATIVE_FORMAT
from connectors.postgres.errors import translated
from connectors.postgres.foreign_ddl import foreign_table_ddl
from connectors.postgres.isolation import PostgresIsolation
from connectors.postgres.ledger import Ledger
from connectors.postgres.options import PostgresOptions
from connectors.postgres.own_rows import own_rows
from connectors.postgres.proof import PostgresProof
from connectors.postgres.reader import check_query, open_reader
from connectors.postgres.session import EXACT_SETTINGS, LIVENESS_SETTINGS, open_session, scan
from connectors.postgres.snapshot import open_keeper
from connectors.postgres.statements import gather_statistics
from connectors.postgres.violations import PostgresViolations
from connectors.postgres.writer import PostgresWriter
from core.errors import InvalidConfiguration
from core.ranges import RangePlan, WholeTable
from core.schema import (
    Capabilities,
    Column,
    Digest,
    NotCarried,
    Statement,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival

if TYPE_CHECKING:
    import pyarrow as pa

OLDEST_VERSION = 14
"""hash_record_extended and xid8 to xid came with PostgreSQL 14."""


class Postgres(
    Connector,
    ReadsRows,
    ExportsSnapshot,
    CreatesTables,
    WritesRows,
    IsolatesRejects,
    MovesViolations,
    KeepsNativeText,
    ProvesRows,
    AttributesRows,
    ListsObjects,
    ReplacesRows,
):
    """PostgreSQL 14 and newer, by asyncpg."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        dialect=DIALECT,
        reads=True,
        watermarks=True,
        writes=True,
        isolates_rejects=True,
        moves_violations=True,
        moves_orphans=True,
        creates_tables=True,
        upserts=True,
        exports_snapshot=True,
        native_formats=[NATIVE_FORMAT, CSV_INTERCHANGE],
        native_text=True,
        digest_in_server=hashing.RECORD_HASH,
        attributes_rows=True,
        load_modes=["append", "replace", "upsert"],
        folds="lower",
        identifier_bytes=63,
        heals=True,
    )
    session_settings: ClassVar[Mapping[str, str]] = {**EXACT_SETTINGS, **LIVENESS_SETTINGS}
    options: PostgresOptions

    def _session(self, **settings: str) -> AbstractAsyncContextManager[asyncpg.Connection[Any]]:
        return open_session(self.options, self.credentials, self.label, **settings)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.options.schema_default)

    @property
    def default_schema(self) -> str:
        """The option defaultSchema."""
        return self.options.schema_default

    async def check(self) -> ServerInfo:
        """Logs in and asks the server what it is.

        Raises InvalidConfiguration for a server that is too old and for a database that is not UTF8: the server hashes
        text as it stores it, so that equal text of two encodings would never be proved equal.
        """
        async with self._session() as connection:
            number, version, user, database, encoding = await connection.fetchrow(  # type: ignore[misc]
                "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_user, "
                "current_database(), current_setting('server_encoding')"
            )
        if number < OLDEST_VERSION * 10000:
            raise InvalidConfiguration(
                f"the server is PostgreSQL {version}", remedy=f"Sterna needs PostgreSQL {OLDEST_VERSION} or newer"
            )
        if encoding != "UTF8":
            raise InvalidConfiguration(
                f"the encoding of database {database} is {encoding}",
                remedy="Sterna reads and writes databases in UTF8: restore the source into one by pg_dump, or create "
                "the destination with ENCODING 'UTF8' TEMPLATE template0",
            )
        return ServerInfo("PostgreSQL", version, user, database)

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""
        async with self._session() as connection:
            return await catalog.list_tables(connection, include, exclude, self.options.schema_default)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows."""
        async with self._session() as connection:
            return await catalog.describe_tables(connection, names)

    async def plan_ranges(
        self, table: TableSchema, *, batch_rows: int | None, batch_bytes: int, stable_pages: bool
    ) -> RangePlan:
        """See ReadsRows."""
        async with self._session() as connection:
            return await ranges.plan_ranges(
                connection, table, batch_rows=batch_rows, batch_bytes=batch_bytes, stable_pages=stable_pages
            )

    async def check_selection(self, selection: Selection) -> None:
        """See ReadsRows."""
        async with self._session(default_transaction_read_only="on") as connection:
            with translated(f"checking columns and whereClause of {selection.table.name}"):
                await check_query(connection, selection, WholeTable())

    def reading(self, snapshot: str | None) -> AbstractAsyncContextManager[RowReader]:
        """See ReadsRows."""
        return open_reader(self.options, self.credentials, self.label, snapshot)

    def keeping_snapshot(self, tables: Sequence[TableName]) -> AbstractAsyncContextManager[SnapshotKeeper]:
        """See ExportsSnapshot."""
        return open_keeper(self.options, self.credentials, self.label, tables)

    def table_ddl(
        self,
        source: TableSchema,
        destination: TableName,
        renames: dict[str, str],
        table_renames: Mapping[TableName, TableName],
        column_renames: Mapping[TableName, Mapping[str, str]],
    ) -> TableDdl:
        """See CreatesTables."""
        build = ddl.table_ddl if source.dialect == DIALECT else foreign_table_ddl
        built = build(source, destination, renames, table_renames, column_renames)
        return built.model_copy(update={"statistics": [gather_statistics(destination)]})

    async def create(self, tables: Sequence[TableDdl]) -> dict[int, str]:
        """See CreatesTables."""
        return await create.create(self.options, self.credentials, self.label, tables)

    async def drop_foreign_keys(self, keys: Sequence[Statement]) -> list[str]:
        """See CreatesTables."""
        return await create.drop_foreign_keys(self.options, self.credentials, self.label, keys)

    async def build(self, statements: Sequence[Statement], parallel: int) -> None:
        """See CreatesTables."""
        await create.build(self.options, self.credentials, self.label, statements, parallel)

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows."""
        return arrivals.arrival(column, existing, key=key)

    def keeps_values(self, column: Column, arrival: Column) -> bool:
        """See KeepsNativeText."""
        return conversions.keeps_values(column, arrival)

    def column_of(self, name: str, type_text: str, nullable: bool) -> Column:
        """See KeepsNativeText."""
        return conversions.column_of(name, type_text, nullable)

    def digest_form(self, column: Column, algorithm: str) -> str:
        """See KeepsNativeText."""
        return hashing.digest_form(column, algorithm)

    async def prepare_ledger(self) -> None:
        """See WritesRows."""
        async with self._session() as connection:
            await self._ledger.create(connection)

    async def begin_load(self, begin: LoadBeginning, target: LoadTarget, *, replace: bool) -> LoadGeneration:
        """See WritesRows."""
        async with self._session() as connection:
            return await self._ledger.begin_load(connection, begin, target, replace=replace)

    async def load_native(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[bytes], progress: Progress
    ) -> Loaded:
        """See WritesRows."""
        async with self._session() as connection:
            return await PostgresWriter(connection, self._ledger).load_native(target, entry, parts, progress)

    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """See WritesRows."""
        async with self._session() as connection:
            return await PostgresWriter(connection, self._ledger).load_arrow(target, entry, parts, progress)

    async def correct_ledger(self, target: LoadTarget, entry: LedgerEntry) -> Loaded:
        """See ReplacesRows."""
        async with self._session() as connection:
            return await PostgresWriter(connection, self._ledger).correct_ledger(target, entry)

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
        async with self._session() as connection:
            isolation = PostgresIsolation(connection, self._ledger)
            return await isolation.load(target, entry, batch, proof, keep, most=most, digests=digests)

    async def digest_text(self, target: LoadTarget, rows: pa.Table, proof: DigestMethod) -> Digest:
        """See IsolatesRejects."""
        async with self._session() as connection:
            with translated(f"computing the digest of rows for {target.table}"):
                return await refused_rows.digest_text(connection, target, rows, proof)

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
        async with self._session() as connection:
            violations = PostgresViolations(connection, self._ledger)
            return await violations.move_out(statement, target, load, proof, keep, most=most)

    async def ledger_rows(self, load: LoadRef) -> list[LedgerRow]:
        """See WritesRows."""
        async with self._session() as connection:
            return await self._ledger.rows(connection, load)

    async def count_rows(self, table: TableName) -> int:
        """See ProvesRows."""
        async with self._session() as connection:
            with translated(f"counting {table}"):
                counted: int = (await scan(connection, f"SELECT count(*) FROM {await own_rows(connection, table)}"))[0]
            return counted

    async def digest_table(self, table: TableName, proof: DigestMethod) -> Digest:
        """See ProvesRows."""
        async with self._session() as connection:
            return await PostgresProof(connection, self._ledger).digest_table(table, proof)

    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """See ProvesRows."""
        async with self._session() as connection:
            return await PostgresProof(connection, self._ledger).digest_load(table, proof, load)

    async def differing_batches(self, table: TableName, proof: DigestMethod, load: LoadRef) -> list[BatchDifference]:
        """See AttributesRows."""
        async with self._session() as connection:
            return await PostgresProof(connection, self._ledger).differing_batches(table, proof, load)

    async def batch_hashes(
        self, table: TableName, proof: DigestMethod, load: LoadRef, number: int | None
    ) -> dict[int, int]:
        """See AttributesRows."""
        async with self._session() as connection:
            return await PostgresProof(connection, self._ledger).batch_hashes(table, proof, load, number)

    async def table_hashes(self, table: TableName, proof: DigestMethod) -> AsyncIterator[Sequence[int]]:
        """See ProvesRows."""
        async with self._session() as connection:
            async for part in PostgresProof(connection, self._ledger).table_hashes(table, proof):
                yield part

    async def example_rows(self, table: TableName, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """See ProvesRows."""
        async with self._session() as connection:
            return await PostgresProof(connection, self._ledger).example_rows(table, proof, hashes)

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        async with self._session() as connection:
            return await objects.list_not_carried(connection, schemas)
