"""Cuts tables into batches from the catalog's numbers, without scanning or sorting any table."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from connectors.postgres.errors import translated
from connectors.postgres.partitions import Leaf, PartitionTree, read_partition_trees
from connectors.postgres.sql import identifier, qualified
from connectors.postgres.types import INTEGER_TYPES
from core.errors import NotFound
from core.ranges import KeySegment, PageSegment, RangePlan, WholeSegment
from core.schema import TableSchema

LEAST_ROW_BYTES = 28
"""Tuple header (24 bytes with alignment) and line pointer (4); an empty row takes no less."""
PAGE_HEADER_BYTES = 24
ITEMS_MARGIN = 1.1
"""Pages hold more or fewer rows than the average; what is past the last slice's start belongs to the last slice."""


async def plan_ranges(
    connection: asyncpg.Connection[Any],
    table: TableSchema,
    *,
    batch_rows: int | None,
    batch_bytes: int,
    stable_pages: bool,
) -> RangePlan:
    """Ranges that cover every row exactly once.

    Physical pages of every leaf where rows keep their place; else equal widths of an integer key whose ends are read
    from its index; else the whole table. `batch_rows` is met on average; None: batches of about `batch_bytes`,
    out-of-line values included. Raises NotFound.
    """
    with translated(f"planning {table.name}"):
        oid = await connection.fetchval("SELECT to_regclass($1)::oid", qualified(table.name))
        if oid is None:
            raise NotFound(f"the table {table.name} does not exist")
        if table.kind in ("view", "foreign"):
            return _whole(f"whole {table.kind}")
        tree = (await read_partition_trees(connection, [oid]))[oid]
        pageable = all(leaf.kind == "r" for leaf in tree.leaves)
        if stable_pages and pageable:
            return await _plan_pages(connection, tree, batch_rows, batch_bytes)
        column = _integer_key(table)
        if column is not None and pageable:
            return await _plan_keys(connection, table, column, tree, batch_rows, batch_bytes)
    if not pageable:
        return _whole("whole table: a partition is a foreign table")
    return _whole("whole table: no snapshot is held and no key begins with an integer")


def _whole(method: str) -> RangePlan:
    return RangePlan(segments=[WholeSegment()], method=method)


async def _plan_pages(
    connection: asyncpg.Connection[Any], tree: PartitionTree, batch_rows: int | None, batch_bytes: int
) -> RangePlan:
    page_bytes = int(await connection.fetchval("SELECT current_setting('block_size')"))
    segments = []
    for leaf in tree.leaves:
        rows = await _estimate_rows(connection, leaf)
        segments.append(page_segment(leaf, rows, page_bytes, batch_rows, batch_bytes))
    count = len(segments)
    method = "physical pages" if count == 1 else f"physical pages of {count} partitions"
    # A partitioned table without partitions holds no rows, but a plan has at least one batch.
    return RangePlan(segments=segments, method=method) if segments else _whole("whole table: it has no partitions")


async def _estimate_rows(connection: asyncpg.Connection[Any], leaf: Leaf) -> int:
    """The catalog's number, or the planner's where the table was never analysed (reltuples is -1)."""
    analysed = await connection.fetchval(
        "SELECT reltuples >= 0 AND relpages > 0 FROM pg_class WHERE oid = to_regclass($1)", qualified(leaf.name)
    )
    if analysed or leaf.heap == 0:
        return leaf.rows
    plan = await connection.fetchval(f"EXPLAIN (FORMAT json) SELECT FROM ONLY {qualified(leaf.name)}")
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])


def page_segment(leaf: Leaf, rows: int, page_bytes: int, batch_rows: int | None, batch_bytes: int) -> PageSegment:
    """Batches over one relation's pages: whole pages, or slices of a page where a batch is smaller than one."""
    pages = leaf.heap // page_bytes
    most_items = (page_bytes - PAGE_HEADER_BYTES) // LEAST_ROW_BYTES
    density = min(max(rows / pages, 1.0), most_items) if pages else 1.0
    page_cost = page_bytes + leaf.toast / pages if pages else page_bytes
    rows_per_batch = batch_rows if batch_rows is not None else batch_bytes / page_cost * density
    pages_per_batch = int(rows_per_batch / density)
    # The last page may be almost empty, so it does not count here.
    items = min(most_items, int(rows / max(pages - 1, 1) * ITEMS_MARGIN) + 1)
    items_per_slice = max(1, int(rows_per_batch))
    slices = -(-items // items_per_slice)
    if pages_per_batch >= 1 or slices == 1:
        return PageSegment(relation=leaf.name, pages=pages, pages_per_batch=max(1, pages_per_batch))
    return PageSegment(relation=leaf.name, pages=pages, slices_per_page=slices, items_per_slice=items_per_slice)


def _integer_key(table: TableSchema) -> str | None:
    """A column with an index that begins with it, has every row, and gives each an integer; rather one that is a key by
    itself."""
    for columns in sorted(table.row_keys(), key=lambda columns: len(columns) > 1):
        column = table.column(columns[0])
        if column is not None and not column.nullable and column.base_type in INTEGER_TYPES:
            return column.name
    return None


async def _plan_keys(
    connection: asyncpg.Connection[Any],
    table: TableSchema,
    column: str,
    tree: PartitionTree,
    batch_rows: int | None,
    batch_bytes: int,
) -> RangePlan:
    low, high = await _key_ends(connection, table, column)
    rows = max(tree.rows, 1)
    rows_per_batch = batch_rows if batch_rows is not None else max(1, int(batch_bytes / max(tree.bytes / rows, 1)))
    width = max(1, -(-(high - low + 1) * rows_per_batch // rows))
    segment = KeySegment(column=column, low=low, high=high, width=width)
    return RangePlan(segments=[segment], method=f"key ranges on {column}")


async def _key_ends(connection: asyncpg.Connection[Any], table: TableSchema, column: str) -> tuple[int, int]:
    """Through the index: with scans of the table and sorts ruled out, the planner takes both ends from it."""
    name = identifier(column)
    only = "ONLY " if table.kind == "table" else ""
    async with connection.transaction(readonly=True):
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        low, high = await connection.fetchrow(  # type: ignore[misc]
            f"SELECT min({name}), max({name}) FROM {only}{qualified(table.name)}"
        )
    return (low, high) if low is not None else (0, 0)
