"""A table's own rows, without those of tables that inherit from it."""

from __future__ import annotations

from typing import Any

import asyncpg

from connectors.postgres.sql import qualified
from core.schema import TableName


async def own_rows(connection: asyncpg.Connection[Any], table: TableName) -> str:
    """What FROM, DELETE FROM and TRUNCATE take to reach just the table's own rows: ONLY, but for a partitioned table,
    whose rows are in its partitions."""
    kind = await connection.fetchval("SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)", qualified(table))
    return qualified(table) if kind == "p" else f"ONLY {qualified(table)}"
