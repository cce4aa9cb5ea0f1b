"""SQLite's SQL, and what the planner asks of its types."""

from __future__ import annotations

from typing import ClassVar

from connectors.sql.dialect import DdlStyle, LedgerTypes, SqlDialect, UpsertStyle
from connectors.sqlite.types import INTEGER, existing_column, new_column
from core.schema import Capabilities, Column, Sequence, TableName
from core.value_type import Arrival, ValueType


class SqliteDialect(SqlDialect):
    """SQLite prints nothing itself, since it knows neither a real number's digits nor what a column is for: sessions
    read values as they are stored (printing.py), and store them in the right class (storing.py)."""

    name: ClassVar[str] = "sqlite"
    capabilities: ClassVar[Capabilities] = Capabilities(
        dialect="sqlite",
        reads=True,
        watermarks=True,
        writes=True,
        isolates_rejects=True,
        moves_violations=True,
        creates_tables=True,
        loosely_typed=True,
        single_process_writer=True,
        key_during_load=True,
        ignores_case="all",
        upserts=True,
        load_modes=["append", "replace", "upsert"],
        folds="none",
        has_schemas=False,
        identifier_bytes=65535,
        heals=True,
    )
    upsert: ClassVar[UpsertStyle | None] = UpsertStyle()
    ddl: ClassVar[DdlStyle] = DdlStyle(
        create_schema=None,
        keys_in_table=True,
        foreign_keys_in_table=True,
        checks_in_table=True,
        check_foreign_keys="PRAGMA foreign_key_check({table})",
        identity="PRIMARY KEY AUTOINCREMENT",
        identity_is_key=True,
        virtual="GENERATED ALWAYS AS ({expression}) VIRTUAL",
        table_comment=None,
        column_comment=None,
        defaults="parenthesised",
    )
    ledger_types: ClassVar[LedgerTypes] = LedgerTypes(text="TEXT", integer="INTEGER")

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows. Every type can be a key."""
        return new_column(column) if existing is None else existing_column(column, existing)

    def takes_identity(self, native: str) -> bool:
        """See SqlDialect: only this very type makes a column the table's rowid."""
        return native.upper() == INTEGER

    def restart_identity(self, table: TableName, column: str, sequence: Sequence) -> str | None:
        """See SqlDialect. AUTOINCREMENT keeps the last number of each table in a table of its own."""
        name = self.literal(table.name)
        known = f"FROM sqlite_sequence WHERE name = {name}"
        return (
            f"INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq) SELECT (SELECT rowid {known}), {name}, "
            f"max(coalesce((SELECT seq {known}), 0), {sequence.next_value - 1})"
        )

    def reference(self, name: str) -> str:
        """In backquotes, as MySQL has them: a name in double quotes that is no column becomes a string ("Quirks,
        Caveats, and Gotchas", section 8)."""
        return "`" + name.replace("`", "``") + "`"

    def read_expression(self, sql: str, value: ValueType, native: str) -> str:
        """See SqlDialect: the value itself, which the session prints."""
        return sql

    def write_expression(self, placeholder: str, value: ValueType, native: str) -> str:
        """See SqlDialect: the parameter has the storage class already."""
        return placeholder
