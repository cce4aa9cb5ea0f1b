"""Keys, indexes, checks and foreign keys of a table, in another database's DDL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from connectors.sql.expressions import Untranslatable
from connectors.sql.table_shape import ShapedColumn, TableShape
from core.schema import (
    Check,
    ForeignKey,
    Index,
    Key,
    Statement,
)

ORDERED_METHODS = frozenset(["btree", "hash", "normal", "art", ""])
"""Methods of an index that any database's ordinary index stands in for."""
CHANGES = frozenset(["CASCADE", "SET NULL", "SET DEFAULT"])
PARTIAL_ACTION = re.compile(r"SET (NULL|DEFAULT) \(")
CHECK_CLAUSE = re.compile(r"\s*CHECK\s*\((?P<expression>.*)\)\s*(?P<rest>[A-Z ]*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Constraint:
    """What follows `CONSTRAINT name`, and what it is, for people."""

    name: str
    clause: str
    what: str

    def added(self, shape: TableShape) -> Statement:
        """As a statement of its own."""
        sql = f"ALTER TABLE {shape.table} ADD {self.inline(shape)}"
        return Statement(sql=sql, purpose=f"{self.what} {self.name} on {shape.destination}")

    def inline(self, shape: TableShape) -> str:
        """As a part of CREATE TABLE."""
        return f"CONSTRAINT {shape.dialect.identifier(self.name)} {self.clause}"


def keys(shape: TableShape, *, inline_primary: str | None) -> Iterator[Constraint]:
    """Primary and unique keys. `inline_primary`: the column whose own clause makes it the primary key."""
    primary = shape.source.primary_key
    if primary is not None and primary.columns != [inline_primary] and _is_plain(shape, primary, "primary key"):
        name = shape.names.take(primary.name, "pkey")
        yield Constraint(name, f"PRIMARY KEY ({shape.quoted(primary.columns)})", "primary key")
    for key in shape.source.unique_keys:
        if _is_plain(shape, key, "key") and _tells_nulls_apart(shape, key.name, "key", key.columns, key.definition):
            yield Constraint(shape.names.take(key.name, "key"), f"UNIQUE ({shape.quoted(key.columns)})", "key")


def _is_plain(shape: TableShape, key: Key, kind: str) -> bool:
    if not shape.has(key.name, kind, key.columns):
        return False
    if "WITHOUT OVERLAPS" in key.definition:
        shape.lose(key.name, kind, "it forbids overlapping periods")
        return False
    if " DEFERRABLE" in key.definition:
        shape.lose(key.name, "deferrable key", "it is carried, but checked at once")
    return True


def _tells_nulls_apart(shape: TableShape, name: str, kind: str, columns: Sequence[str], definition: str) -> bool:
    """Rows with NULL in a unique key are all different, or all equal, on both sides alike; else the key is lost."""
    nullable = any(shape.columns[column].source.nullable for column in columns)
    equal_there = shape.dialect.ddl.unique_null_equal
    equal_here = "NULLS NOT DISTINCT" in definition or (shape.same_dialect and equal_there)
    if nullable and equal_here != equal_there:
        shape.lose(name, kind, "NULL equals NULL in unique keys of one side only")
        return False
    return True


def indexes(shape: TableShape) -> Iterator[Statement]:
    """Secondary indexes. One that a key or another index makes needless is noted."""
    primary = shape.source.primary_key
    standing = [key.columns for key in shape.source.unique_keys] + ([primary.columns] if primary else [])
    for index in shape.source.indexes:
        columns = [name for name in index.columns if name not in index.included]
        reason = _hindrance(shape, index)
        if reason is not None:
            shape.lose(index.name, "index", reason)
        elif not shape.same_dialect and columns in standing and not index.descending:
            shape.lose(index.name, "index", "a key or another index has the same columns")
        elif shape.has(index.name, "index", columns):
            statement = _index(shape, index, columns)
            if statement is not None:
                standing.append(columns)
                yield statement


def _hindrance(shape: TableShape, index: Index) -> str | None:
    """Why an index cannot be carried."""
    if not shape.dialect.ddl.indexes:
        return "the destination has no indexes"
    if index.partial:
        return "it covers some of the rows only"
    if index.expression:
        return "it is over an expression"
    if index.method.lower() not in ORDERED_METHODS:
        return f"its method is {index.method}"
    if index.prefixes and not shape.same_dialect:
        return "it covers the beginning of a column only"
    return None


def _index(shape: TableShape, index: Index, columns: Sequence[str]) -> Statement | None:
    if index.unique and not _tells_nulls_apart(shape, index.name, "index", columns, index.definition):
        return None
    parts = []
    for column in columns:
        part = _index_part(shape, index, shape.columns[column])
        if part is None:
            shape.lose(index.name, "index", f"{shape.columns[column].arrival.type} cannot be in an index")
            return None
        parts.append(f"{part} DESC" if column in index.descending else part)
    name = shape.names.take(index.name, "idx")
    sql = shape.dialect.ddl.create_index.format(
        unique="UNIQUE " if index.unique else "",
        name=shape.dialect.identifier(name),
        table=shape.table,
        columns=", ".join(parts),
    )
    purpose = f"{'unique ' if index.unique else ''}index {name} on {shape.destination}"
    return Statement(sql=sql, purpose=purpose)


def _index_part(shape: TableShape, index: Index, column: ShapedColumn) -> str | None:
    prefix = index.prefixes.get(column.source.name)
    if prefix is not None:
        return f"{shape.dialect.identifier(column.name)}({prefix})"
    return shape.dialect.index_key(column.name, column.arrival.type, unique=index.unique)


def checks(shape: TableShape, identities: Set[str]) -> Iterator[Constraint]:
    """Checks whose expression means the same, and those that keep the labels of an enum."""
    moving = set() if shape.dialect.ddl.checks_moving_columns else {*identities, *_changed_by_actions(shape)}
    for check in shape.source.checks:
        constraint = _check(shape, check, moving)
        if constraint is not None:
            yield constraint
    for column in shape.columns.values():
        labels = column.source.value.labels
        if labels and column.arrival.value.kind == "text" and not column.arrival.type.lower().startswith("set"):
            shape.lose(column.source.name, "set", "the destination's column takes any text")
        if labels and column.arrival.value.kind == "enum" and "ENUM" not in column.arrival.type.upper():
            name = shape.names.take(f"{shape.destination.name}_{column.name}_labels", "check")
            if not shape.dialect.ddl.checks or column.operand.meaning != "text":
                shape.lose(column.source.name, "labels", "the destination's column takes any text")
                continue
            listed = ", ".join(map(shape.dialect.literal, labels))
            yield Constraint(name, f"CHECK ({shape.dialect.identifier(column.name)} IN ({listed}))", "check")


def _changed_by_actions(shape: TableShape) -> set[str]:
    """Columns that foreign keys change by themselves."""
    acting = [
        key
        for key in shape.source.foreign_keys
        if (key.on_update in CHANGES or key.on_delete in CHANGES - {"CASCADE"}) and _no_reference(shape, key) is None
    ]
    return {name for key in acting for name in key.columns}


def _check(shape: TableShape, check: Check, moving: Set[str]) -> Constraint | None:
    kind = "exclusion" if check.exclusion else "check"
    found = CHECK_CLAUSE.fullmatch(check.definition)
    if check.exclusion or found is None or "NOT VALID" in found["rest"].upper():
        reason = "rows may break it, since it was never validated" if found else "the destination has nothing like it"
        shape.lose(check.name, kind, reason)
        return None
    if not shape.dialect.ddl.checks:
        shape.lose(check.name, kind, "the destination enforces no checks")
        return None
    try:
        translated = shape.translated(found["expression"])
        if translated.meaning != "boolean":
            raise Untranslatable("it is no condition at the destination")
        if moving and shape.mentions(found["expression"], moving):
            raise Untranslatable("the destination checks no column that it changes by itself")
    except Untranslatable as error:
        shape.lose(check.name, kind, str(error))
        return None
    return Constraint(shape.names.take(check.name, "check"), f"CHECK ({translated.sql})", "check")


def foreign_keys(shape: TableShape) -> Iterator[Constraint]:
    """Foreign keys to tables that the destination has or gets."""
    for key in shape.source.foreign_keys:
        reason = _no_reference(shape, key)
        if reason is not None:
            shape.lose(key.name, "foreign key", reason)
        elif shape.has(key.name, "foreign key", key.columns):
            yield _foreign_key(shape, key)


def _no_reference(shape: TableShape, key: ForeignKey) -> str | None:
    if not shape.dialect.ddl.foreign_keys:
        return "the destination has no foreign keys that can be added"
    referenced = shape.column_renames.get(key.referenced)
    if key.referenced not in shape.table_renames or referenced is None:
        return f"it refers to {key.referenced}, which is neither a table of the job nor found at the destination"
    lost = [name for name in key.referenced_columns if name not in referenced]
    if lost:
        return f"it needs columns that are not carried: {', '.join(f'{key.referenced}.{name}' for name in lost)}"
    if key.period:
        return "it refers to periods"
    if "NOT VALID" in key.options:
        return "rows may break it, since it was never validated"
    if "MATCH FULL" in key.options and len(key.columns) > 1:
        return "it matches FULL: all of its columns are NULL, or none"
    return None


def _foreign_key(shape: TableShape, key: ForeignKey) -> Constraint:
    dialect = shape.dialect
    referenced = shape.column_renames[key.referenced]
    columns = dialect.identifiers(referenced[name] for name in key.referenced_columns)
    clause = f"FOREIGN KEY ({shape.quoted(key.columns)}) REFERENCES "
    clause += f"{dialect.qualified(shape.table_renames[key.referenced])} ({columns})"
    for event, action in (("UPDATE", key.on_update), ("DELETE", key.on_delete)):  # PostgreSQL prints them so
        clause += _action(shape, key, event, action)
    if key.deferrable:
        shape.lose(key.name, "deferrable foreign key", "it is carried, but checked at once")
    return Constraint(shape.names.take(key.name, "fkey"), clause, "foreign key")


def _action(shape: TableShape, key: ForeignKey, event: str, action: str) -> str:
    """NO ACTION is what a foreign key does by itself; RESTRICT differs from it in deferred ones only."""
    style = shape.dialect.ddl
    can = action in style.actions and (event == "DELETE" or style.on_update)
    if action == "NO ACTION" or (action == "RESTRICT" and not can):
        return ""
    if not can or PARTIAL_ACTION.search(key.options):
        shape.lose(key.name, "foreign key action", f"it is carried, but without ON {event} {action}")
        return ""
    return f" ON {event} {action}"
