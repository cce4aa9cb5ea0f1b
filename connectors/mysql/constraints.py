"""Keys, indexes, checks and foreign keys as the catalog gives them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from core.schema import (
    Check,
    ForeignKey,
    Index,
    Key,
    NotCarried,
    TableName,
)

if TYPE_CHECKING:
    from connectors.mysql.catalog import Catalog

PRIMARY = "PRIMARY"
INDEXES_QUERY = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION, SUB_PART, INDEX_TYPE, "
    "{expression} FROM information_schema.STATISTICS WHERE {tables} "
    "ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
)
CHECKS_QUERY = {
    True: (
        "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM "
        "information_schema.CHECK_CONSTRAINTS WHERE {tables}"
    ),
    False: (
        "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE FROM "
        "information_schema.CHECK_CONSTRAINTS AS c JOIN information_schema.TABLE_CONSTRAINTS AS t "
        "ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME "
        "AND t.CONSTRAINT_TYPE = 'CHECK' WHERE {tables}"
    ),
}
"""Only MariaDB says there of which table a check is; names of checks are unique within a schema of MySQL."""
FOREIGN_KEYS_QUERY = (
    "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, "
    "k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE "
    "FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r "
    "ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
    "AND r.TABLE_NAME = k.TABLE_NAME WHERE {tables} AND k.REFERENCED_TABLE_NAME IS NOT NULL "
    "ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
)


@dataclass
class Indexes:
    """What the indexes of one table are."""

    primary_key: Key | None = None
    unique_keys: list[Key] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    not_carried: list[NotCarried] = field(default_factory=list)


async def read_indexes(catalog: Catalog, *, mariadb: bool) -> dict[TableName, Indexes]:
    """Unique indexes over whole columns are unique keys. MariaDB has no indexes over expressions."""
    query = INDEXES_QUERY.replace("{expression}", "NULL" if mariadb else "EXPRESSION")
    found = {}
    for table, rows in (await catalog.rows(query, "TABLE_SCHEMA", "TABLE_NAME")).items():
        indexes = Indexes()
        for name, parts in groupby(rows, key=lambda row: row[2]):
            _add_index(indexes, table, name, list(parts))
        found[table] = indexes
    return found


async def read_checks(catalog: Catalog, *, mariadb: bool) -> dict[TableName, list[Check]]:
    """Checks of tables and of columns."""
    schema, table = ("CONSTRAINT_SCHEMA", "TABLE_NAME") if mariadb else ("t.TABLE_SCHEMA", "t.TABLE_NAME")
    return {
        name: [
            Check(name=check, definition=f"CHECK ({clause if mariadb else unescaped(clause)})")
            for _, _, check, clause in rows
        ]
        for name, rows in (await catalog.rows(CHECKS_QUERY[mariadb], schema, table)).items()
    }


async def read_foreign_keys(catalog: Catalog) -> dict[TableName, list[ForeignKey]]:
    """Foreign keys with their actions."""
    found = await catalog.rows(FOREIGN_KEYS_QUERY, "k.TABLE_SCHEMA", "k.TABLE_NAME")
    return {
        table: [_foreign_key(name, list(parts)) for name, parts in groupby(rows, key=lambda row: row[2])]
        for table, rows in found.items()
    }


def unescaped(expression: str) -> str:
    """MySQL's catalog prints expressions as a string's inside: `_utf8mb4\\'it\\'`."""
    return re.sub(r"\\(.)", r"\1", expression, flags=re.DOTALL)


def _add_index(indexes: Indexes, table: TableName, name: str, parts: list[tuple[Any, ...]]) -> None:
    columns = [part[4] or "" for part in parts]
    prefixes = {part[4]: int(part[6]) for part in parts if part[6] is not None and part[4]}
    method, unique, expression = parts[0][7], not parts[0][3], any(part[8] for part in parts)
    listed = ", ".join(map(_part, parts))
    if method in ("FULLTEXT", "SPATIAL"):
        reason = f"{method} indexes have no like elsewhere"
        indexes.not_carried.append(NotCarried(object=f"{table}.{name}", kind="index", reason=reason))
    elif name == PRIMARY and not prefixes:
        indexes.primary_key = Key(name=name, columns=columns, definition=f"PRIMARY KEY ({listed})")
    elif unique and not prefixes and not expression:
        indexes.unique_keys.append(Key(name=name, columns=columns, definition=f"UNIQUE ({listed})"))
    else:
        indexes.indexes.append(
            Index(
                name=name,
                columns=columns,
                unique=unique,
                definition=f"({listed})",
                expression=expression,
                descending=[part[4] for part in parts if part[5] == "D" and part[4]],
                prefixes=prefixes,
                method=str(method).lower(),
            )
        )


def _part(part: tuple[Any, ...]) -> str:
    name = "`" + part[4].replace("`", "``") + "`" if part[4] else f"({part[8]})"
    prefix = f"({part[6]})" if part[6] is not None else ""
    return f"{name}{prefix}{' DESC' if part[5] == 'D' else ''}"


def _foreign_key(name: str, parts: list[tuple[Any, ...]]) -> ForeignKey:
    _, _, _, _, schema, table, _, on_delete, on_update = parts[0]
    return ForeignKey(
        name=name,
        columns=[part[3] for part in parts],
        referenced=TableName(schema_name=schema, name=table),
        referenced_columns=[part[6] for part in parts],
        options=f"ON DELETE {on_delete} ON UPDATE {on_update}",
        on_delete=on_delete,
        on_update=on_update,
    )
