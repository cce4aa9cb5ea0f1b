"""DDL for tables of other databases, by the shared builder, in the spelling that statements.py and create.py know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from connectors.contract import DigestColumn
from connectors.postgres import arrivals, interchange
from connectors.postgres.catalog import DIALECT
from connectors.postgres.sequences import set_sequence
from connectors.postgres.sql import identifier, literal
from connectors.sql import ddl
from connectors.sql.dialect import DdlStyle, SqlDialect
from core.schema import (
    Capabilities,
    Column,
    Sequence,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival, ValueType

IDENTITY_TYPES = frozenset(["smallint", "integer", "bigint"])


class PostgresSqlDialect(SqlDialect):
    """What the shared builder must know of PostgreSQL. Rows are moved without it."""

    name = DIALECT
    capabilities: ClassVar[Capabilities] = Capabilities(dialect=DIALECT, folds="lower", identifier_bytes=63)
    ddl: ClassVar[DdlStyle] = DdlStyle(
        create_index="CREATE {unique}INDEX {name} ON {table} USING btree ({columns})",
        single_identity=False,
        counter=(  # of numeric columns, which 64 bits without a sign arrive in
            "CREATE SEQUENCE IF NOT EXISTS {sequence} START WITH {next}",
            "ALTER SEQUENCE {sequence} OWNED BY {table}.{column}",
            "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval({text}::regclass)",
        ),
    )

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See SqlDialect."""
        return arrivals.arrival(column, existing, key=key)

    def read_expression(self, sql: str, value: ValueType, native: str) -> str:
        """See SqlDialect. `sql` is a column's name, quoted."""
        return interchange.printed(DigestColumn(sql[1:-1].replace('""', '"'), value.digest_form, value, native))

    def write_expression(self, placeholder: str, value: ValueType, native: str) -> str:
        """See SqlDialect. The types' input functions read interchange text."""
        return f"{placeholder}::{native}"

    def identifier(self, name: str) -> str:
        """See SqlDialect."""
        return identifier(name)

    def literal(self, text: str) -> str:
        """See SqlDialect."""
        return literal(text)

    def index_key(self, column: str, native: str, *, unique: bool) -> str | None:
        """See SqlDialect. `json` has no order."""
        return None if native == "json" else identifier(column)

    def takes_identity(self, native: str) -> bool:
        """See SqlDialect."""
        return native in IDENTITY_TYPES

    def restart_identity(self, table: TableName, column: str, sequence: Sequence) -> str | None:
        """See SqlDialect. Past the source's next value and past the rows that came."""
        own = Sequence(
            name=table,
            column=column,
            identity=True,
            options="NO CYCLE",
            last_value=max(sequence.next_value, 1),
            is_called=False,
        )
        return set_sequence(own, table, table, column, numeric=True).sql


def foreign_table_ddl(
    source: TableSchema,
    destination: TableName,
    renames: Mapping[str, str],
    table_renames: Mapping[TableName, TableName],
    column_renames: Mapping[TableName, Mapping[str, str]],
) -> TableDdl:
    """See `CreatesTables.table_ddl`, for a source of another dialect."""
    return ddl.table_ddl(PostgresSqlDialect(), source, destination, renames, table_renames, column_renames)
