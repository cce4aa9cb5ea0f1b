"""Cuts tables into batches by an integer key, whose ends the database reads from its index."""

from __future__ import annotations

from typing import Any

from connectors.sql.dialect import SqlDialect
from connectors.sql.session import SqlSession
from core.ranges import KeySegment, RangePlan, WholeSegment
from core.schema import Column, TableSchema

UNKNOWN_ROW_BYTES = 100
UNKNOWN_BATCHES = 1000
"""At most so many where the catalog has no estimate of rows; most of them are empty where keys are sparse."""


async def plan_key_ranges(
    dialect: SqlDialect,
    session: SqlSession,
    table: TableSchema,
    key: str,
    *,
    batch_rows: int | None,
    batch_bytes: int,
) -> RangePlan:
    """Equal widths of `key`, which has an index and gives every row an integer, be it to several the same. `batch_rows`
    is met on average; None: batches of about `batch_bytes` by the catalog's estimates."""
    ends = []
    for end in ("min", "max"):  # one query each: SQLite and others take one end from the index, but not both
        found = await session.fetch(f"SELECT {end}({dialect.reference(key)}) FROM {dialect.qualified(table.name)}")
        ends.append(_integer(found[0][0]))
    low, high = ends
    if low is None or high is None:
        return whole_table("whole table: it is empty, or its key holds no integers")
    span = high - low + 1
    rows = table.estimated_rows
    if rows > 0:
        rows_per_batch = batch_rows or max(1, int(batch_bytes / max(table.estimated_bytes / rows, 1)))
    else:  # nobody has counted: keys may be dense
        rows_per_batch = batch_rows or max(1, batch_bytes // UNKNOWN_ROW_BYTES)
        rows = min(span, rows_per_batch * UNKNOWN_BATCHES)
    segment = KeySegment(column=key, low=low, high=high, width=max(1, -(-span * rows_per_batch // rows)))
    return RangePlan(segments=[segment], method=f"key ranges on {key}")


def whole_table(method: str) -> RangePlan:
    """One batch. `method` says why, for people."""
    return RangePlan(segments=[WholeSegment()], method=method)


def integer_key(table: TableSchema) -> str | None:
    """A column that begins a key and has an integer in every row; rather one that is a key by itself."""
    for columns in sorted(table.row_keys(), key=lambda columns: len(columns) > 1):
        column = table.column(columns[0])
        if column is not None and not column.nullable and _counts(column):
            return column.name
    return None


def _counts(column: Column) -> bool:
    value = column.value
    return value.kind == "integer" or (value.kind == "decimal" and value.precision is not None and value.scale <= 0)


def _integer(end: Any) -> int | None:
    """None for what is no integer: no row, or a value that a loosely typed column let in."""
    try:
        return int(end) if end is not None and int(end) == end else None
    except (TypeError, ValueError, OverflowError):
        return None
