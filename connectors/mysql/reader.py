"""Reads rows as the server prints them: the text of each row passed on untouched, or parsed into Arrow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from connectors.contract import AnyRange, Selection
from connectors.mysql.csv_rows import CsvQuery
from connectors.mysql.session import MysqlSession
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.reader import SqlReader


class MysqlReader(SqlReader):
    """One read session, which has the bulk format CSV_INTERCHANGE."""

    session: MysqlSession

    def __init__(self, dialect: SqlDialect, session: MysqlSession) -> None:
        super().__init__(dialect, session)

    async def read_native(self, selection: Selection, rows: AnyRange, sink: Callable[[bytes], Awaitable[None]]) -> int:
        """See RowReader."""
        source, conditions = self.relation(selection), self.conditions(selection, rows)
        printed = CsvQuery.of(self.dialect, query.selected_columns(selection), source, conditions)
        count = 0
        with doing(f"reading {selection.table.name}"):
            async with aclosing(self.session.csv(printed)) as parts:
                async for number, part in parts:
                    count += number
                    await sink(part)
        return count
