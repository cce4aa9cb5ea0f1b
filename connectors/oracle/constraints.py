"""Keys, checks, foreign keys and indexes from Oracle's dictionary."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.schema import (
    Check,
    ForeignKey,
    Index,
    Key,
    NotCarried,
    ReferentialAction,
    TableName,
    TableSchema,
)

Row = dict[str, Any]
Grouped = Mapping[TableName, Sequence[Row]]

CONSTRAINTS = """
SELECT owner, table_name, constraint_name, constraint_type, search_condition, r_owner, r_constraint_name, delete_rule,
       status, deferrable, index_name, generated
FROM all_constraints WHERE {names} AND constraint_type IN ('P', 'U', 'R', 'C')
ORDER BY constraint_name
"""
CONSTRAINT_COLUMNS = """
SELECT owner, table_name, constraint_name, column_name, position FROM all_cons_columns WHERE {names}
ORDER BY constraint_name, position
"""
REFERENCED = """
SELECT c.owner, c.table_name, c.constraint_name, k.owner AS key_owner, k.table_name AS key_table, k.column_name
FROM all_constraints c
JOIN all_cons_columns k ON k.owner = c.r_owner AND k.constraint_name = c.r_constraint_name
WHERE {c_names} AND c.constraint_type = 'R' ORDER BY c.constraint_name, k.position
"""
INDEXES = """
SELECT table_owner AS owner, table_name, index_name, uniqueness, index_type FROM all_indexes
WHERE {table_owner_names} ORDER BY index_name
"""
INDEX_COLUMNS = """
SELECT table_owner AS owner, table_name, index_name, column_name, column_position, descend FROM all_ind_columns
WHERE {table_owner_names} ORDER BY index_name, column_position
"""
INDEX_EXPRESSIONS = """
SELECT table_owner AS owner, table_name, index_name, column_position, column_expression FROM all_ind_expressions
WHERE {table_owner_names}
"""

NOT_NULL = re.compile(r'\s*"?[^"]+"?\s+IS\s+NOT\s+NULL\s*', re.IGNORECASE)
PLAIN_COLUMN = re.compile(r'\s*"((?:[^"]|"")+)"\s*')
"""A column in descending order is kept as an expression that is just its name."""
CARRIED_INDEXES = frozenset(["NORMAL", "NORMAL/REV", "FUNCTION-BASED NORMAL"])
STORAGE_INDEXES = frozenset(["LOB", "IOT - TOP", "CLUSTER"])
SUFFIXES = {"P": "PK", "U": "UK", "C": "CK"}
LONGEST_MADE_NAME = 56
"""With its suffix it fits into every database that Sterna knows."""
ACTIONS: dict[str | None, ReferentialAction] = {"CASCADE": "CASCADE", "SET NULL": "SET NULL"}


class GroupedReader(Protocol):
    """Runs a query for the tables that are described."""

    async def grouped(self, sql: str) -> defaultdict[TableName, list[Row]]:
        """Its rows, by table."""


@dataclass(frozen=True)
class Found:
    """What the dictionary knows of the tables' constraints and indexes."""

    constraints: Grouped
    columns: Grouped
    referenced: Grouped
    indexes: Grouped
    index_columns: Grouped
    index_expressions: Grouped

    def added_to(self, table: TableSchema) -> TableSchema:
        """The table with its keys, checks, foreign keys and indexes, and those that cannot be carried."""
        rows = self.constraints.get(table.name, [])
        columns = _by(self.columns.get(table.name, []), "constraint_name")
        enabled = [row for row in rows if row["status"] == "ENABLED"]
        primary = [_key(row, columns[row["constraint_name"]]) for row in enabled if row["constraint_type"] == "P"]
        unique = [_key(row, columns[row["constraint_name"]]) for row in enabled if row["constraint_type"] == "U"]
        owned = {row["index_name"] for row in rows if row["index_name"]}
        indexes, left = self._indexes(table, owned)
        return table.model_copy(
            update={
                "primary_key": primary[0] if primary else None,
                "unique_keys": unique,
                "checks": [
                    _check(row, columns[row["constraint_name"]])
                    for row in enabled
                    if row["constraint_type"] == "C" and not NOT_NULL.fullmatch(str(row["search_condition"]))
                ],
                "foreign_keys": self._foreign_keys(table, enabled, columns),
                "indexes": indexes,
                "not_carried": [*table.not_carried, *left, *_disabled(table, rows)],
            }
        )

    def _foreign_keys(
        self, table: TableSchema, enabled: Sequence[Row], columns: Mapping[str, Sequence[Row]]
    ) -> list[ForeignKey]:
        referenced = _by(self.referenced.get(table.name, []), "constraint_name")
        found = []
        for row in enabled:
            others = referenced[row["constraint_name"]]
            if row["constraint_type"] != "R" or not others:
                continue
            action = ACTIONS.get(row["delete_rule"], "NO ACTION")
            deferrable = row["deferrable"] == "DEFERRABLE"
            found.append(
                ForeignKey(
                    name=row["constraint_name"],
                    columns=[column["column_name"] for column in columns[row["constraint_name"]]],
                    referenced=TableName(schema_name=others[0]["key_owner"], name=others[0]["key_table"]),
                    referenced_columns=[other["column_name"] for other in others],
                    options=(f"ON DELETE {action}" if action != "NO ACTION" else "")
                    + (" DEFERRABLE" if deferrable else ""),
                    on_delete=action,
                    deferrable=deferrable,
                )
            )
        return found

    def _indexes(self, table: TableSchema, owned: set[str]) -> tuple[list[Index], list[NotCarried]]:
        columns = _by(self.index_columns.get(table.name, []), "index_name")
        expressions = {
            (row["index_name"], row["column_position"]): str(row["column_expression"])
            for row in self.index_expressions.get(table.name, [])
        }
        carried, left = [], []
        for row in self.indexes.get(table.name, []):
            name, kind = row["index_name"], row["index_type"]
            if name in owned or kind in STORAGE_INDEXES:
                continue
            if kind not in CARRIED_INDEXES:
                reason = f"an index of type {kind} has no counterpart"
                left.append(NotCarried(object=f"{table.name}.{name}", kind="index", reason=reason))
                continue
            carried.append(_index(row, columns[name], expressions))
        return carried, left


async def read(reader: GroupedReader) -> Found:
    """One query for each kind."""
    return Found(
        constraints=await reader.grouped(CONSTRAINTS),
        columns=await reader.grouped(CONSTRAINT_COLUMNS),
        referenced=await reader.grouped(REFERENCED),
        indexes=await reader.grouped(INDEXES),
        index_columns=await reader.grouped(INDEX_COLUMNS),
        index_expressions=await reader.grouped(INDEX_EXPRESSIONS),
    )


def _by(rows: Sequence[Row], label: str) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[label]].append(row)
    return groups


def _quoted(names: Sequence[str]) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def _name(row: Row, columns: Sequence[Row]) -> str:
    """The constraint's; one that Oracle made up (SYS_C00123) is another's in the next database. Foreign keys keep
    theirs, by which they are dropped before a load."""
    if row["generated"] != "GENERATED NAME":
        return str(row["constraint_name"])
    parts = [row["table_name"], *([] if row["constraint_type"] == "P" else [c["column_name"] for c in columns])]
    name, word = "_".join(parts), SUFFIXES[row["constraint_type"]]
    return f"{name[:LONGEST_MADE_NAME]}_{word}"


def _key(row: Row, columns: Sequence[Row]) -> Key:
    names = [column["column_name"] for column in columns]
    word = "PRIMARY KEY" if row["constraint_type"] == "P" else "UNIQUE"
    return Key(name=_name(row, columns), columns=names, definition=f"{word} ({_quoted(names)})")


def _check(row: Row, columns: Sequence[Row]) -> Check:
    return Check(
        name=_name(row, columns),
        definition=f"CHECK ({str(row['search_condition']).strip()})",
        columns=[column["column_name"] for column in columns],
    )


def _disabled(table: TableSchema, rows: Sequence[Row]) -> list[NotCarried]:
    return [
        NotCarried(object=f"{table.name}.{row['constraint_name']}", kind="constraint", reason="it is disabled")
        for row in rows
        if row["status"] != "ENABLED"
    ]


def _index(row: Row, columns: Sequence[Row], expressions: Mapping[tuple[str, int], str]) -> Index:
    names, spelled, descending = [], [], []
    for column in columns:
        name = column["column_name"]
        expression = expressions.get((row["index_name"], column["column_position"]))
        if expression is not None:
            plain = PLAIN_COLUMN.fullmatch(expression)
            name = plain[1].replace('""', '"') if plain else ""
        names.append(name)
        down = column["descend"] == "DESC"
        descending += [name] if down and name else []
        spelled.append((_quoted([name]) if name else str(expression)) + (" DESC" if down else ""))
    return Index(
        name=row["index_name"],
        columns=names,
        unique=row["uniqueness"] == "UNIQUE",
        definition=f"({', '.join(spelled)})",
        expression="" in names,
        descending=descending,
    )
