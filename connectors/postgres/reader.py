"""Reads rows: binary COPY bytes untouched, or Arrow with every value in PostgreSQL's own text form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from connectors.arrow_text import CsvReader
from connectors.base import ComparesKeys, RowReader
from connectors.contract import AnyRange, Credentials, DigestMethod, KeyBuckets, Selection, WatermarkRange
from connectors.key_spans import spans_condition
from connectors.postgres import interchange
from connectors.postgres.copying import copy_batches, copy_format
from connectors.postgres.errors import translated
from connectors.postgres.options import PostgresOptions
from connectors.postgres.row_digests import count_hashes, digest_groups, digest_rows, find_examples
from connectors.postgres.session import open_session, scan
from connectors.postgres.snapshot import split_id
from connectors.postgres.sql import identifier, literal, qualified
from core.errors import InvalidConfiguration, SnapshotGone
from core.key_spans import KeySpans
from core.ranges import KeyRange, PageRange, WholeTable
from core.schema import Digest, TableSchema

if TYPE_CHECKING:
    import pyarrow as pa


@asynccontextmanager
async def open_reader(
    options: PostgresOptions, credentials: Credentials, label: str, snapshot: str | None
) -> AsyncIterator[PostgresReader]:
    """A read-only session, under the snapshot where one is given. Raises SnapshotGone."""
    async with open_session(options, credentials, label, default_transaction_read_only="on") as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot is not None:
            with translated("reading under the snapshot"):
                exported, moment = split_id(snapshot)
                await connection.execute(f"SET TRANSACTION SNAPSHOT {literal(exported)}")
                if await connection.fetchval("SELECT pg_current_snapshot()::text") != moment:
                    raise SnapshotGone("the snapshot's id stands for another moment since the server started again")
        yield PostgresReader(connection)
        await connection.execute("COMMIT")


class PostgresReader(RowReader, ComparesKeys):
    """One read session."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    async def read_arrow(
        self, selection: Selection, rows: AnyRange, sink: Callable[[pa.RecordBatch], Awaitable[None]]
    ) -> None:
        """By COPY's csv."""
        parser = CsvReader(selection.columns, [_type_of(selection, name) for name in selection.columns])
        with translated(f"reading {selection.table.name}"):
            await self._check(selection, rows)
            await copy_batches(self._connection, select(selection, rows), parser, sink)

    async def read_native(self, selection: Selection, rows: AnyRange, sink: Callable[[bytes], Awaitable[None]]) -> int:
        """Passes on what COPY sends, untouched."""
        spoken, null = copy_format(selection.native_format, as_text=selection.as_text)
        with translated(f"reading {selection.table.name}"):
            await self._check(selection, rows)
            status = await self._connection.copy_from_query(
                select(selection, rows),
                output=sink,  # type: ignore[arg-type]  # the stubs want a Coroutine, the driver awaits anything
                format=spoken,
                null=null,
            )
        return int(status.rsplit(" ", 1)[1])

    async def _check(self, selection: Selection, rows: AnyRange) -> None:
        if selection.where is not None:
            await check_query(self._connection, selection, rows)

    async def digest(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> Digest:
        """Count and sum of row hashes over the range."""
        with translated(f"computing the digest of {selection.table.name}"):
            return await digest_rows(self._connection, proof, source(selection, rows))

    async def row_hashes(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> dict[int, int]:
        """How often each row hash occurs in the range."""
        with translated(f"hashing rows of {selection.table.name}"):
            return await count_hashes(self._connection, proof, source(selection, rows))

    async def example_rows(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, hashes: Sequence[int]
    ) -> list[dict[str, Any]]:
        """One row for each hash, as column → text."""
        with translated("fetching example rows"):
            return await find_examples(self._connection, proof, source(selection, rows), hashes)

    async def count(self, selection: Selection) -> int:
        """All rows that the selection's predicate admits, through the table itself and not its ranges."""
        with translated(f"counting {selection.table.name}"):
            found = await scan(self._connection, f"SELECT count(*) {source(selection, WholeTable())}")
        return int(found[0])

    async def highest(self, selection: Selection, column: str) -> str | None:
        """Under the settings of every session the output functions print interchange text."""
        rows = source(selection, WholeTable())
        with translated(f"reading the greatest {column} of {selection.table.name}"):
            await self._check(selection, WholeTable())
            found = await scan(self._connection, f"SELECT max({identifier(column)})::text {rows}")
        return None if found[0] is None else str(found[0])

    async def key_ends(self, selection: Selection, key: str) -> tuple[int, int] | None:
        """Of the rows that the selection's predicate admits."""
        ends = f"SELECT min({identifier(key)}), max({identifier(key)}) {source(selection, WholeTable())}"
        with translated(f"reading the ends of {selection.table.name}.{key}"):
            low, high = await scan(self._connection, ends)
        return (int(low), int(high)) if low is not None else None

    async def bucket_digests(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, buckets: KeyBuckets
    ) -> dict[int | None, Digest]:
        """By the server; div() cuts towards zero, so that `origin` has to be the smallest key."""
        group = f"coalesce(div({identifier(buckets.key)}::numeric - {buckets.origin}, {buckets.width})::text, '')"
        with translated(f"comparing {selection.table.name}"):
            found = await digest_groups(self._connection, proof, source(selection, rows), group)
        return {int(bucket) if bucket else None: digest for bucket, digest in found.items()}


async def check_query(connection: asyncpg.Connection[Any], selection: Selection, rows: AnyRange) -> None:
    """Lets the server parse and plan a query with a whereClause (EXPLAIN checks privileges, PREPARE does not) without
    running it. Raises InvalidConfiguration where the clause is no single expression.

    A prepared statement is one statement. COPY goes by the simple protocol, which would run several, so that a clause
    could end the read-only transaction and go on: it gets to see just what has passed here.
    """
    statement = await connection.prepare(f"EXPLAIN {select(selection, rows)}")
    if statement.get_parameters():
        raise InvalidConfiguration("whereClause has parameters ($1)", remedy="Write the values into the clause")
    await statement.fetch()


def select(selection: Selection, rows: AnyRange) -> str:
    """The query that reads one range."""
    columns = ", ".join(_selected(selection, name) for name in selection.columns)
    return f"SELECT {columns} {source(selection, rows)}"


def _selected(selection: Selection, name: str) -> str:
    column = selection.table.column(name) if selection.interchange else None
    return identifier(name) if column is None else interchange.copied(column)


def source(selection: Selection, rows: AnyRange) -> str:
    """FROM and WHERE of one range."""
    conditions = [_predicate(selection.where)] if selection.where else []
    if selection.watermark is not None:
        conditions.append(_watermark_condition(selection.table, selection.watermark))
    if isinstance(rows, PageRange):
        relation = f"ONLY {qualified(rows.relation)}"
        conditions.append(f"ctid >= '({rows.start[0]},{rows.start[1]})'::tid")
        if rows.stop is not None:
            conditions.append(f"ctid < '({rows.stop[0]},{rows.stop[1]})'::tid")
    else:
        relation = _relation(selection)
    if isinstance(rows, KeyRange):
        conditions.append(_key_condition(rows))
    if isinstance(rows, KeySpans):
        conditions.append(spans_condition(identifier(rows.column), rows))
    return f"FROM {relation}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")


def _key_condition(rows: KeyRange) -> str:
    key = identifier(rows.column)
    bounds = [f"{key} >= {rows.low}"] if rows.low is not None else []
    if rows.high is not None:
        bounds.append(f"{key} < {rows.high}")
    inside = " AND ".join(bounds) or "true"
    return f"(({inside}) OR {key} IS NULL)" if rows.nulls else f"({inside})"


def _watermark_condition(table: TableSchema, rows: WatermarkRange) -> str:
    column = table.column(rows.column)
    if column is None:
        raise InvalidConfiguration(f"the table {table.name} has no column {rows.column}")
    name = identifier(rows.column)
    if rows.through is None:
        return f"{name} IS NULL" if rows.nulls else "false"
    bounds = [f"{name} > {literal(rows.after)}::{column.type}"] if rows.after is not None else []
    bounds.append(f"{name} <= {literal(rows.through)}::{column.type}")
    inside = " AND ".join(bounds)
    return f"(({inside}) OR {name} IS NULL)" if rows.nulls else f"({inside})"


def _relation(selection: Selection) -> str:
    """ONLY keeps an inheritance parent from returning its children's rows; partitioned tables hold none themselves."""
    only = "ONLY " if selection.table.kind == "table" else ""
    return only + qualified(selection.table.name)


def _predicate(where: str) -> str:
    """Parenthesised on lines of its own, so that neither OR nor a trailing comment changes the rest of the query."""
    return f"(\n{where}\n)"


def _type_of(selection: Selection, name: str) -> str:
    column = selection.table.column(name)
    if column is None:
        return "text"
    return column.value.spelled if selection.interchange else column.type
