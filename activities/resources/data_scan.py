"""Looks at the rows of a source before they move: which values its destination could not hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges, fitted_columns
from connectors.base import ReadsRows, capability
from connectors.fitting import FittedColumn, Violation, violations
from core.errors import DataRejected
from core.limit_words import beyond
from core.ranges import WholeTable
from core.route import TableRoute

if TYPE_CHECKING:
    import pyarrow as pa


class DataScan:
    """Reads whole tables in parts of bounded size, as of now; writes nothing."""

    def __init__(self, connections: Connections, routes: Routes, row_changes: RowChanges) -> None:
        self._connections = connections
        self._routes = routes
        self._row_changes = row_changes

    async def scan(self, route: TableRoute) -> dict[str, Any]:
        """For the plan: rows read and, for each column and limit, how many values are beyond it, with one of them.
        What it returns holds values of rows."""
        columns = [column for column in fitted_columns(route) if column.limits]
        if not columns:
            return {"rows": None, "violations": [], "problem": "no column can meet a value that does not fit"}
        found = _Found(columns)
        arriving = self._row_changes.arriving(route)

        async def look(rows: pa.RecordBatch) -> None:
            await asyncio.to_thread(lambda: found.add(arriving(rows)))

        reader = capability(await self._connections.connector(route.source, f"scan {route.source_table}"), ReadsRows)
        problem = ""
        try:
            async with reader.reading(None) as session:
                await session.read_arrow(self._routes.selection(route), WholeTable(), look)
        except DataRejected as error:
            problem = str(error)
        return {"rows": found.rows, "violations": found.listed(), "problem": problem}


class _Found:
    """What was found so far, by column and kind of limit."""

    def __init__(self, columns: Sequence[FittedColumn]) -> None:
        self._columns = columns
        self._first: dict[tuple[str, str], Violation] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Judges a part of the table."""
        self.rows += batch.num_rows
        for violation in violations(batch, self._columns):
            key = (violation.column.name, violation.limit.kind)
            self._first.setdefault(key, violation)
            self._counts[key] = self._counts.get(key, 0) + violation.rows

    def listed(self) -> list[dict[str, Any]]:
        """For people and programs, in the columns' order."""
        order = [column.name for column in self._columns]
        return [
            {
                "column": name,
                "limit": kind,
                "count": self._counts[name, kind],
                "words": beyond(violation.limit),
                "example": violation.example,
            }
            for (name, kind), violation in sorted(self._first.items(), key=lambda item: order.index(item[0][0]))
        ]
