"""Keeps statements that would wait for each other's locks in the server from running at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.postgres.statements import Target
from core.schema import TableName


class TableLocks:
    """Indexes of one table are built side by side (SHARE locks); a constraint needs its tables for itself."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._shared: Counter[TableName] = Counter()
        self._exclusive: set[TableName] = set()

    @asynccontextmanager
    async def hold(self, target: Target | None) -> AsyncIterator[None]:
        """Waits until the statement that makes `target` meets no other, and lets no other meet it."""
        if target is None:
            yield
            return
        tables = {target.table, *([target.referenced] if target.referenced else [])}
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_free(tables, shared=target.index))
            if target.index:
                self._shared.update(tables)
            else:
                self._exclusive |= tables
        try:
            yield
        finally:
            if target.index:
                self._shared.subtract(tables)
            else:
                self._exclusive -= tables
            await asyncio.shield(self._tell())

    def _is_free(self, tables: set[TableName], *, shared: bool) -> bool:
        if tables & self._exclusive:
            return False
        return shared or not any(self._shared[table] for table in tables)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
