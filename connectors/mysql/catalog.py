"""What tables are, from the catalog alone: a fixed number of queries for any number of tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.mysql import columns as column_catalog
from connectors.mysql import constraints
from connectors.sql.session import SqlSession
from core.schema import (
    Check,
    Column,
    ForeignKey,
    NotCarried,
    TableName,
    TableSchema,
)
from core.schema import Sequence as TableSequence

SYSTEM_SCHEMAS = "('mysql', 'information_schema', 'performance_schema', 'sys')"
TABLE_KINDS = {"BASE TABLE": "table", "SYSTEM VERSIONED": "table", "VIEW": "view"}

LIST_QUERY = (
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
    f"WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN {SYSTEM_SCHEMAS}"
)
TABLES_QUERY = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, AUTO_INCREMENT, TABLE_COMMENT, "
    "CREATE_OPTIONS FROM information_schema.TABLES WHERE {tables}"
)


@dataclass
class Parts:
    """Everything that was read of one table."""

    columns: list[Column] = field(default_factory=list)
    indexes: constraints.Indexes = field(default_factory=constraints.Indexes)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)


async def table_names(session: SqlSession) -> list[TableName]:
    """Tables of every schema that is not the server's own."""
    return [TableName(schema_name=schema, name=name) for schema, name in await session.fetch(LIST_QUERY)]


async def describe_tables(session: SqlSession, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
    """Catalog descriptions; names that do not exist are missing from the answer. Never scans a table."""
    if not names:
        return {}
    catalog = Catalog(session, names)
    tables = await catalog.rows(TABLES_QUERY, "TABLE_SCHEMA", "TABLE_NAME")
    mariadb = "mariadb" in str((await session.fetch("SELECT VERSION()"))[0][0]).lower()
    parts: dict[TableName, Parts] = defaultdict(Parts)
    checks = await constraints.read_checks(catalog, mariadb=mariadb)
    for name, described in (await column_catalog.read_columns(catalog, checks, mariadb=mariadb)).items():
        parts[name].columns, parts[name].not_carried = described
    for name, found in (await constraints.read_indexes(catalog, mariadb=mariadb)).items():
        parts[name].indexes = found
    for name, keys in (await constraints.read_foreign_keys(catalog)).items():
        parts[name].foreign_keys = keys
    for name, listed in checks.items():
        own = {column.name for column in parts[name].columns}
        types = {column_catalog.json_check(column.name) for column in parts[name].columns if column.type == "json"}
        parts[name].checks = [check for check in listed if check.definition not in types]
        for check in parts[name].checks:
            check.columns = [column for column in own if f"`{column}`" in check.definition]
    return {name: _table(name, rows[0], parts[name]) for name, rows in tables.items() if rows[0][2] in TABLE_KINDS}


class Catalog:
    """Asks information_schema about just these tables."""

    def __init__(self, session: SqlSession, names: Sequence[TableName]) -> None:
        self._session = session
        self._names = set(names)

    async def rows(self, query: str, schema: str, table: str) -> dict[TableName, list[tuple[Any, ...]]]:
        """The query's rows by table; it begins with the table's schema and name. `{tables}` becomes a condition on the
        columns `schema` and `table`. The catalog's comparisons ignore case, so names are compared here again."""
        if len(self._names) == 1:
            (only,) = self._names
            condition, parameters = f"{schema} = %s AND {table} = %s", [only.schema_name, only.name]
        else:
            parameters = sorted({name.schema_name for name in self._names})
            condition = f"{schema} IN ({', '.join(['%s'] * len(parameters))})"
        found: dict[TableName, list[tuple[Any, ...]]] = defaultdict(list)
        for row in await self._session.fetch(query.format(tables=condition), parameters):
            name = TableName(schema_name=row[0], name=row[1])
            if name in self._names:
                found[name].append(row)
        return found


def _table(name: TableName, row: tuple[Any, ...], parts: Parts) -> TableSchema:
    _, _, kind, rows, size, next_value, comment, options = row
    not_carried = [*parts.not_carried, *parts.indexes.not_carried]
    if kind == "SYSTEM VERSIONED":
        not_carried.append(NotCarried(object=str(name), kind="history", reason="only current rows are carried"))
    if "partitioned" in str(options or ""):
        not_carried.append(NotCarried(object=str(name), kind="partitions", reason="rows are carried into one table"))
    sequences = [
        TableSequence(
            name=TableName(schema_name=name.schema_name, name=f"{name.name}_{column.name}_seq"),
            column=column.name,
            identity=True,
            options="",
            last_value=int(next_value),
            is_called=False,
        )
        for column in parts.columns
        if column.identity is not None and next_value is not None
    ]
    return TableSchema(
        dialect="mysql",
        name=name,
        kind=TABLE_KINDS[kind],
        columns=parts.columns,
        primary_key=parts.indexes.primary_key,
        unique_keys=parts.indexes.unique_keys,
        indexes=parts.indexes.indexes,
        checks=parts.checks,
        foreign_keys=parts.foreign_keys,
        sequences=sequences,
        comment=comment or None if kind != "VIEW" else None,
        not_carried=not_carried,
        estimated_rows=int(rows or 0),
        estimated_bytes=int(size or 0),
    )
