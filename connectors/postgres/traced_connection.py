"""The driver's connection with spans around its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

from connectors.tracing import database_span, operation_of

SYSTEM = "postgresql"
if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection


class TracedConnection(Connection):
    """Statements and COPY; BEGIN and COMMIT of the driver's transactions pass through `execute` too."""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """See asyncpg."""
        with database_span(SYSTEM, operation_of(query)):
            return await super().execute(query, *args, **options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        """See asyncpg."""
        with database_span(SYSTEM, operation_of(query)):
            return await super().fetch(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        """See asyncpg."""
        with database_span(SYSTEM, operation_of(query)):
            return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """See asyncpg."""
        with database_span(SYSTEM, operation_of(query)):
            return await super().fetchval(query, *args, **options)

    async def copy_from_query(self, query: str, *args: Any, **options: Any) -> str:
        """See asyncpg: reads."""
        with database_span(SYSTEM, "COPY"):
            return await super().copy_from_query(query, *args, **options)

    async def copy_to_table(self, table_name: str, **options: Any) -> str:
        """See asyncpg: writes."""
        with database_span(SYSTEM, "COPY"):
            return await super().copy_to_table(table_name, **options)
