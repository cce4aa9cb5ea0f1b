"""What stands in the way of deleting rows: foreign keys that would take other tables' rows along."""

from __future__ import annotations

from typing import Any

import asyncpg

from connectors.postgres.sql import qualified
from core.errors import InvalidConfiguration
from core.schema import TableName

CASCADES = (
    "SELECT conname, conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass($1) "
    "AND confdeltype IN ('c', 'n', 'd') ORDER BY 1 LIMIT 1"
)


async def refuse_cascades(
    connection: asyncpg.Connection[Any], table: TableName, *, purpose: str = "loaded anew"
) -> None:
    """Raises InvalidConfiguration where a foreign key deletes or changes rows of other tables together with these."""
    found = await connection.fetchrow(CASCADES, qualified(table))
    if found is not None:
        raise InvalidConfiguration(
            f"rows of {table} cannot be {purpose}: the foreign key {found[0]} of {found[1]} would delete or change "
            "rows there",
            remedy="Drop that foreign key, then retry",
        )
