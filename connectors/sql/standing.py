"""Whether what a statement would make stands on its table already, or something else merely has its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from connectors.sql.constraint_names import is_made_up
from core.schema import (
    ForeignKey,
    Index,
    Key,
    Statement,
    TableName,
    TableSchema,
)

QUOTED = r'(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`)'
TABLE = rf"(?P<table>{QUOTED}(?:\.{QUOTED})?)"
CREATE_TABLE = re.compile(rf"CREATE (?:\w+ )*?TABLE {TABLE}")
CONSTRAINT = re.compile(
    rf"ALTER TABLE {TABLE} ADD CONSTRAINT (?P<name>{QUOTED}) (?P<kind>PRIMARY KEY|UNIQUE|FOREIGN KEY)(?P<rest>.*)",
    re.DOTALL,
)
INDEX = re.compile(rf"CREATE (?P<unique>UNIQUE )?INDEX (?P<name>{QUOTED}) ON {TABLE}(?P<rest>.*)", re.DOTALL)
REFERENCES = re.compile(rf" REFERENCES {TABLE}")
COLUMNS = re.compile(rf"\(((?:[^()\"`]|{QUOTED}|\([^()]*\))*)\)")


Kind = Literal["table", "PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "index"]
"""UNIQUE: a unique key or a unique index."""


@dataclass(frozen=True)
class Made:
    """What a statement makes."""

    kind: Kind
    table: TableName
    name: str
    columns: tuple[str, ...] = ()
    referenced: TableName | None = None
    """By a foreign key."""


def made_by(statement: Statement) -> Made | None:
    """None where it makes neither a table nor a key nor an index."""
    if found := CREATE_TABLE.match(statement.sql):
        table = _table(found["table"])
        return Made("table", table, table.name)
    if found := CONSTRAINT.fullmatch(statement.sql):
        referenced = REFERENCES.search(found["rest"])
        return Made(
            found["kind"],  # type: ignore[arg-type]
            _table(found["table"]),
            _unquoted(found["name"]),
            _columns(found["rest"]),
            _table(referenced["table"]) if referenced else None,
        )
    if found := INDEX.fullmatch(statement.sql):
        kind: Kind = "UNIQUE" if found["unique"] else "index"
        return Made(kind, _table(found["table"]), _unquoted(found["name"]), _columns(found["rest"]))
    return None


def stands(made: Made, table: TableSchema | None) -> bool:
    """The table has it, under its name or, because databases give names of their own and refuse a second index over
    the same columns, under another one."""
    if table is None:
        return False
    if made.kind == "table":
        return True
    return any(
        known.name.casefold() == made.name.casefold() or tuple(known.columns) == made.columns
        for known in _alike(made.kind, table)
    )


def standing_foreign_keys(made: Made, table: TableSchema | None) -> list[str]:
    """The names, as the catalog spells them, of the table's foreign keys that `made` is: those of its name, and those
    between the same columns that nobody named."""
    if table is None or made.kind != "FOREIGN KEY":
        return []
    return [
        key.name
        for key in table.foreign_keys
        if key.name == made.name
        or (is_made_up(key.name) and (tuple(key.columns), key.referenced) == (made.columns, made.referenced))
    ]


def _alike(kind: Kind, table: TableSchema) -> Iterator[Key | Index | ForeignKey]:
    """What the table has of that kind, or of one that does the same work."""
    if kind == "FOREIGN KEY":
        yield from table.foreign_keys
        return
    if table.primary_key is not None:
        yield table.primary_key
    if kind != "PRIMARY KEY":
        yield from table.unique_keys
        yield from (index for index in table.indexes if index.unique or kind == "index")


def _columns(text: str) -> tuple[str, ...]:
    found = COLUMNS.search(text)
    return tuple(map(_unquoted, re.findall(QUOTED, found[1]))) if found else ()


def _table(text: str) -> TableName:
    parts = [_unquoted(part) for part in re.findall(QUOTED, text)]
    return TableName(schema_name=parts[0] if len(parts) > 1 else "", name=parts[-1])


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)
