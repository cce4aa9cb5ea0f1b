"""The JSONLINES connector. It shows how small a connector may be: nothing in Sterna knows of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from connectors.arrow_text import text_schema
from connectors.base import Connector, CreatesTables, ProvesRows, ReadsRows, RowReader, WritesRows
from connectors.contract import (
    AnyRange,
    DigestMethod,
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
)
from connectors.sql.patterns import matching
from connectors.sql.row_hashes import count_hashes, digest_rows, find_rows, hash_rows
from core.errors import AccessDenied, DataMismatch, DataRejected, Defect, InvalidConfiguration, NotFound
from core.ranges import RangePlan, WholeSegment
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
from sterna_jsonlines.folder import Row, TableFolder, table_names
from sterna_jsonlines.options import JsonLinesOptions

ROWS_AT_ONCE = 5000


class JsonLines(Connector, ReadsRows, CreatesTables, WritesRows, ProvesRows):
    """Tables as folders of JSON lines. Values lie there as interchange text, so every type is held exactly."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        dialect="jsonlines",
        reads=True,
        writes=True,
        creates_tables=True,
        load_modes=["append", "replace"],
        has_schemas=False,
        identifier_bytes=80,
    )
    options: JsonLinesOptions

    def _folder(self, table: TableName) -> TableFolder:
        folder = TableFolder(Path(self.options.folder), table)
        if not folder.exists:
            raise NotFound(f"there is no table {table} in {self.options.folder}")
        return folder

    async def check(self) -> ServerInfo:
        """The folder must be there."""
        folder = Path(self.options.folder)
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder}", remedy="Create it where all workers see it")
        if not os.access(folder, os.R_OK | os.X_OK):
            raise AccessDenied(f"the folder {folder} cannot be read")
        return ServerInfo("JSON lines", "1", "", str(folder))

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""
        return matching(table_names(Path(self.options.folder)), include, exclude, "")

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows."""
        folders = {name: TableFolder(Path(self.options.folder), name) for name in names}
        return {name: folder.describe() for name, folder in folders.items() if folder.exists}

    async def plan_ranges(
        self, table: TableSchema, *, batch_rows: int | None, batch_bytes: int, stable_pages: bool
    ) -> RangePlan:
        """One batch: files have no index."""
        return RangePlan(segments=[WholeSegment()], method="whole table")

    async def check_selection(self, selection: Selection) -> None:
        """See ReadsRows."""
        if selection.where:
            raise InvalidConfiguration("JSONLINES knows no whereClause", remedy="Leave it out, or use an EXPRESSION")
        _positions(self._folder(selection.table.name).describe(), selection.columns)

    def reading(self, snapshot: str | None) -> AbstractAsyncContextManager[RowReader]:
        """See ReadsRows."""

        @asynccontextmanager
        async def session() -> AsyncIterator[RowReader]:
            yield JsonLinesReader(self)

        return session()

    def table_ddl(
        self,
        source: TableSchema,
        destination: TableName,
        renames: dict[str, str],
        table_renames: Mapping[TableName, TableName],
        column_renames: Mapping[TableName, Mapping[str, str]],
    ) -> TableDdl:
        """The table's description is its DDL. Keys, defaults and the like are listed, not carried."""
        columns = [
            Column(name=renames[column.name], type=column.value.spelled, value=column.value, nullable=column.nullable)
            for column in source.columns
            if column.name in renames and column.generated is None
        ]
        schema = TableSchema(dialect="jsonlines", name=destination, columns=columns)
        statement = Statement(sql=schema.model_dump_json(), purpose=f"table {destination}")
        parts = [
            *([("primary key", source.primary_key.name)] if source.primary_key else []),
            *(("unique key", key.name) for key in source.unique_keys),
            *(("index", index.name) for index in source.indexes),
            *(("check", check.name) for check in source.checks),
            *(("foreign key", key.name) for key in source.foreign_keys),
            *(("default", column.name) for column in source.columns if column.default is not None),
            *(("generated column", column.name) for column in source.columns if column.generated is not None),
            *(("identity", column.name) for column in source.columns if column.identity is not None),
            *(("comment", column.name) for column in source.columns if column.comment is not None),
            *([("comment", source.name.name)] if source.comment is not None else []),
        ]
        left = [NotCarried(object=name, kind=kind, reason="files of JSON lines have none") for kind, name in parts]
        return TableDdl(table=destination, tables=[statement], not_carried=left)

    async def create(self, tables: Sequence[TableDdl]) -> dict[int, str]:
        """See CreatesTables."""
        for ddl in tables:
            for statement in ddl.tables:
                schema = TableSchema.model_validate_json(statement.sql)
                TableFolder(Path(self.options.folder), schema.name).create(schema)
        return {}

    async def drop_foreign_keys(self, keys: Sequence[Statement]) -> list[str]:
        """There are none."""
        return []

    async def build(self, statements: Sequence[Statement], parallel: int) -> None:
        """There is nothing to build."""

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """Everything is held as it comes."""
        if existing is not None and existing.value != column.value:
            return Arrival(
                type=existing.type, value=column.value, verdict="UNSUPPORTED", reason="the table has another type there"
            )
        return Arrival(type=column.value.spelled, value=column.value, verdict="EXACT")

    async def prepare_ledger(self) -> None:
        """Each batch's file is its own ledger row."""

    async def begin_load(self, begin: LoadBeginning, target: LoadTarget, *, replace: bool) -> LoadGeneration:
        """See WritesRows."""
        return await asyncio.to_thread(self._begin_load, begin, target.table, replace)

    def _begin_load(self, begin: LoadBeginning, table: TableName, replace: bool) -> LoadGeneration:
        folder = self._folder(table)
        with folder.locked():
            own = [load for load in folder.loads() if (load["job"], load["table"]) == (begin.job_id, begin.table_id)]
            begin.refuse_straggler(own[-1]["token"] if own else None)
            if own and (own[-1]["token"], own[-1]["run"]) == (begin.token, begin.run):
                return LoadGeneration(own[-1]["load"], own[-1]["rowsBefore"], own[-1]["emptied"])
            for load in own:
                if load["run"] == begin.run:
                    folder.empty(folder.files(LoadRef(begin.job_id, begin.table_id, load["load"])))
            emptied = replace and not any(load["run"] == begin.run for load in own)
            if emptied:
                folder.empty(folder.files())
            generation = LoadGeneration(
                max((load["load"] for load in own), default=0) + 1, sum(1 for _ in folder.rows()), emptied
            )
            folder.begin(
                {
                    "job": begin.job_id,
                    "table": begin.table_id,
                    "run": begin.run,
                    "token": begin.token,
                    "load": generation.load,
                    "rowsBefore": generation.rows_before,
                    "emptied": emptied,
                }
            )
        return generation

    async def load_native(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[bytes], progress: Progress
    ) -> Loaded:
        """There is no bulk format."""
        raise Defect("JSONLINES has no bulk format")

    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """See WritesRows. The batch's file appears by one link, rows and ledger together."""
        folder = self._folder(target.table)
        schema = folder.describe()
        recorded = folder.recorded(folder.batch_file(entry))
        if recorded is not None:
            return Loaded(recorded.digest, repeated=True)
        aside, written = folder.open_batch(entry), 0
        try:
            async for part in parts:
                rows = _placed(part, schema)
                await asyncio.to_thread(folder.append, aside, rows)
                written += len(rows)
                progress(part.nbytes)
            if written != entry.digest.rows:
                raise DataMismatch(f"batch {entry.number} of {target.table}: {entry.digest.rows} rows, not {written}")
            return await asyncio.to_thread(self._publish, folder, aside, entry)
        finally:
            aside.unlink(missing_ok=True)

    def _publish(self, folder: TableFolder, aside: Path, entry: LedgerEntry) -> Loaded:
        with folder.locked():
            own = [load for load in folder.loads() if (load["job"], load["table"]) == (entry.job_id, entry.table_id)]
            if not own or own[-1]["load"] != entry.load:
                raise Defect(f"load {entry.load} is not the newest")
            path = folder.batch_file(entry)
            recorded = folder.recorded(path)
            if recorded is not None:
                return Loaded(recorded.digest, repeated=True)
            folder.publish(aside, path)
        return Loaded(entry.digest, repeated=False)

    async def ledger_rows(self, load: LoadRef) -> list[LedgerRow]:
        """See WritesRows."""
        rows = []
        for name in table_names(Path(self.options.folder)):
            folder = self._folder(name)
            rows += [row for path in folder.files(load) if (row := folder.recorded(path))]
        return sorted(rows, key=lambda row: row.number)

    async def count_rows(self, table: TableName) -> int:
        """See ProvesRows."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self._folder(table).rows()))

    async def digest_table(self, table: TableName, proof: DigestMethod) -> Digest:
        """See ProvesRows."""
        return await digest_rows(self.batches(table, [column.name for column in proof.columns]), proof)

    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """See ProvesRows."""
        return await digest_rows(self.batches(table, [column.name for column in proof.columns], load), proof)

    async def table_hashes(self, table: TableName, proof: DigestMethod) -> AsyncIterator[Sequence[int]]:
        """See ProvesRows."""
        async for hashes in hash_rows(self.batches(table, [column.name for column in proof.columns]), proof):
            yield hashes

    async def example_rows(self, table: TableName, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """See ProvesRows."""
        return await find_rows(self.batches(table, [column.name for column in proof.columns]), proof, hashes)

    async def batches(
        self, table: TableName, columns: Sequence[str], load: LoadRef | None = None
    ) -> AsyncIterator[pa.RecordBatch]:
        """The rows of a table, or of one load, with these columns."""
        folder = self._folder(table)
        description = folder.describe()
        positions = _positions(description, columns)
        schema = text_schema(columns, [description.columns[position].type for position in positions])
        rows = folder.rows(load)
        while part := await asyncio.to_thread(_take, rows):
            yield pa.RecordBatch.from_arrays(
                [pa.array([row[position] for row in part], pa.string()) for position in positions], schema=schema
            )


class JsonLinesReader(RowReader):
    """Reads files as they are."""

    def __init__(self, connector: JsonLines) -> None:
        self._connector = connector

    async def read_arrow(
        self, selection: Selection, rows: AnyRange, sink: Callable[[pa.RecordBatch], Awaitable[None]]
    ) -> None:
        """See RowReader."""
        async for batch in self._connector.batches(selection.table.name, selection.columns):
            await sink(batch)

    async def read_native(self, selection: Selection, rows: AnyRange, sink: Callable[[bytes], Awaitable[None]]) -> int:
        """There is no bulk format."""
        raise Defect("JSONLINES has no bulk format")

    async def digest(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> Digest:
        """See RowReader."""
        return await self._connector.digest_table(selection.table.name, proof)

    async def row_hashes(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> dict[int, int]:
        """See RowReader."""
        names = [column.name for column in proof.columns]
        return await count_hashes(self._connector.batches(selection.table.name, names), proof)

    async def example_rows(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, hashes: Sequence[int]
    ) -> list[dict[str, Any]]:
        """See RowReader."""
        return await self._connector.example_rows(selection.table.name, proof, hashes)

    async def count(self, selection: Selection) -> int:
        """See RowReader."""
        return await self._connector.count_rows(selection.table.name)


def _positions(table: TableSchema, columns: Sequence[str]) -> list[int]:
    names = [column.name for column in table.columns]
    missing = [name for name in columns if name not in names]
    if missing:
        raise InvalidConfiguration(f"table {table.name} has no column {missing[0]}")
    return [names.index(name) for name in columns]


def _placed(part: pa.RecordBatch, table: TableSchema) -> list[Row]:
    """The part's rows in the columns' order of the table. Raises DataRejected for NULL where none may be."""
    columns = []
    for column in table.columns:
        position = part.schema.get_field_index(column.name)
        values = part.column(position).to_pylist() if position >= 0 else [None] * part.num_rows
        if not column.nullable and None in values:
            raise DataRejected(f"column {column.name} of {table.name} takes no NULL")
        columns.append(values)
    return [list(row) for row in zip(*columns, strict=True)]


def _take(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, ROWS_AT_ONCE))
