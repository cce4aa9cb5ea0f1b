"""What the local server must remember of CREATE TABLE, because DuckDB does not: declared types, keys, comments.

Snowflake declares keys without enforcing them, so that DuckDB is never told of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

Row = dict[str, Any]

DEFAULT_FRACTION = 9
TEXT_LENGTH = 16_777_216
BINARY_LENGTH = 8_388_608
NUMBERS = frozenset(["INT", "BIGINT", "SMALLINT", "TINYINT"])
FLOATS = frozenset(["DOUBLE", "FLOAT"])
TEXTS = frozenset(["TEXT", "VARCHAR", "CHAR", "NCHAR", "NVARCHAR"])
MOMENTS = {
    "TIME": "TIME",
    "TIMESTAMPNTZ": "TIMESTAMP_NTZ",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "DATETIME": "TIMESTAMP_NTZ",
    "TIMESTAMPLTZ": "TIMESTAMP_LTZ",
    "TIMESTAMPTZ": "TIMESTAMP_TZ",
}
KEY_KINDS = {"PRIMARY KEYS": "PRIMARY", "UNIQUE KEYS": "UNIQUE"}


@dataclass
class Column:
    """A column as it was declared."""

    name: str
    type: dict[str, Any]
    nullable: bool = True
    default: str = ""
    expression: str = ""
    identity: str = ""
    comment: str = ""


@dataclass
class Constraint:
    """A key as it was declared."""

    kind: str
    name: str
    columns: list[str]
    referenced: tuple[str, str] | None = None
    referenced_columns: list[str] = field(default_factory=list)
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"


@dataclass
class Table:
    """One table."""

    columns: list[Column] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)


def folded(identifier: exp.Expression | None) -> str:
    """The name as the catalog spells it."""
    assert identifier is not None
    quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
    return str(identifier.name) if quoted else str(identifier.name).upper()


def place_of(table: exp.Table, schema: str) -> tuple[str, str]:
    """Schema and name of a table."""
    return (folded(table.args["db"]) if table.args.get("db") else schema, folded(table.this))


def shown_type(declared: exp.DataType, nullable: bool) -> dict[str, Any]:
    """As the column data_type of SHOW COLUMNS."""
    name = declared.this.name if isinstance(declared.this, exp.DataType.Type) else str(declared.this)
    numbers = [int(part.name) for part in declared.expressions if part.name.isdigit()]
    if name in NUMBERS:
        return {"type": "FIXED", "precision": 38, "scale": 0, "nullable": nullable}
    if name in ("DECIMAL", "BIGDECIMAL"):
        precision, scale = [*numbers, 38, 0][:2] if not numbers else [*numbers, 0][:2]
        return {"type": "FIXED", "precision": precision, "scale": scale, "nullable": nullable}
    if name in FLOATS:
        return {"type": "REAL", "nullable": nullable}
    if name in TEXTS:
        length = numbers[0] if numbers else 1 if name in ("CHAR", "NCHAR") else TEXT_LENGTH
        return {"type": "TEXT", "length": length, "byteLength": min(4 * length, TEXT_LENGTH), "nullable": nullable}
    if name in ("BINARY", "VARBINARY"):
        length = numbers[0] if numbers else BINARY_LENGTH
        return {"type": "BINARY", "length": length, "byteLength": length, "nullable": nullable}
    if name in MOMENTS:
        scale = numbers[0] if numbers else DEFAULT_FRACTION
        return {"type": MOMENTS[name], "precision": 0, "scale": scale, "nullable": nullable}
    return {"type": name, "nullable": nullable}


class Catalog:
    """The declared tables of one database."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], Table] = {}

    def declare(self, created: exp.Create, schema: str) -> None:
        """Remembers a table and takes out of the statement what DuckDB must not see."""
        body = created.this
        if not isinstance(body, exp.Schema) or not isinstance(body.this, exp.Table):
            return
        place = place_of(body.this, schema)
        table = Table()
        kept: list[exp.Expression] = []
        for part in body.expressions:
            if isinstance(part, exp.ColumnDef):
                table.columns.append(_column(part, table))
                kept.append(part)
            else:
                table.constraints += _constraints(part, schema)
        for constraint in table.constraints:
            for column in table.columns:
                if constraint.kind == "PRIMARY" and column.name in constraint.columns:
                    column.nullable = column.type["nullable"] = False
        body.set("expressions", kept)
        if not (created.args.get("exists") and place in self.tables):
            self.tables[place] = table

    def drop(self, place: tuple[str, str]) -> None:
        """Forgets a table."""
        self.tables.pop(place, None)

    def add(self, place: tuple[str, str], part: exp.Expression, schema: str) -> None:
        """A constraint by ALTER TABLE."""
        self.tables.setdefault(place, Table()).constraints.extend(_constraints(part, schema))

    def columns(self, schema: str, name: str | None) -> list[Row]:
        """Answer to SHOW COLUMNS."""
        return [
            {
                "table_name": table,
                "schema_name": owner,
                "column_name": column.name,
                "data_type": json.dumps(column.type),
                "null?": str(column.nullable).lower(),
                "default": column.expression or column.default,
                "kind": "VIRTUAL_COLUMN" if column.expression else "COLUMN",
                "expression": column.expression,
                "comment": column.comment,
                "autoincrement": column.identity,
            }
            for (owner, table), declared in self._in(schema, name)
            for column in declared.columns
        ]

    def keys(self, listed: str, schema: str, name: str | None) -> list[Row]:
        """Answer to SHOW PRIMARY KEYS, UNIQUE KEYS, IMPORTED KEYS."""
        if listed == "IMPORTED KEYS":
            return self._imported(schema, name)
        return [
            {
                "schema_name": owner,
                "table_name": table,
                "column_name": column,
                "key_sequence": position,
                "constraint_name": constraint.name,
            }
            for (owner, table), declared in self._in(schema, name)
            for constraint in declared.constraints
            if constraint.kind == KEY_KINDS[listed]
            for position, column in enumerate(constraint.columns, 1)
        ]

    def _imported(self, schema: str, name: str | None) -> list[Row]:
        return [
            {
                "pk_schema_name": constraint.referenced[0],
                "pk_table_name": constraint.referenced[1],
                "pk_column_name": referenced,
                "fk_schema_name": owner,
                "fk_table_name": table,
                "fk_column_name": column,
                "key_sequence": position,
                "update_rule": constraint.on_update,
                "delete_rule": constraint.on_delete,
                "fk_name": constraint.name,
            }
            for (owner, table), declared in self._in(schema, name)
            for constraint in declared.constraints
            if constraint.referenced
            for position, (column, referenced) in enumerate(
                zip(constraint.columns, constraint.referenced_columns, strict=True), 1
            )
        ]

    def _in(self, schema: str, name: str | None) -> list[tuple[tuple[str, str], Table]]:
        return [
            (place, table)
            for place, table in self.tables.items()
            if place[0] == schema and (name is None or place[1] == name)
        ]


def _column(part: exp.ColumnDef, table: Table) -> Column:
    """The column; its own keys go to the table, and out of the statement with comments."""
    name = folded(part.this)
    column = Column(name, {})
    kept = []
    for constraint in part.constraints:
        kind = constraint.kind
        if isinstance(kind, exp.NotNullColumnConstraint):
            column.nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.DefaultColumnConstraint):
            column.default = kind.this.sql(dialect="snowflake")
        elif isinstance(kind, (exp.GeneratedAsIdentityColumnConstraint, exp.AutoIncrementColumnConstraint)):
            start, step = kind.args.get("start"), kind.args.get("increment")
            column.identity = f"IDENTITY START {start or 1} INCREMENT {step or 1} ORDER"
        elif isinstance(kind, exp.ComputedColumnConstraint):
            column.expression = kind.this.sql(dialect="snowflake")
        elif isinstance(kind, exp.CommentColumnConstraint):
            column.comment = kind.this.name
            continue
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            table.constraints.append(Constraint("PRIMARY", f"SYS_CONSTRAINT_{len(table.constraints)}", [name]))
            continue
        elif isinstance(kind, exp.UniqueColumnConstraint):
            table.constraints.append(Constraint("UNIQUE", f"SYS_CONSTRAINT_{len(table.constraints)}", [name]))
            continue
        kept.append(constraint)
    part.set("constraints", kept)
    column.type = shown_type(part.kind, column.nullable) if part.kind else {"type": "TEXT", "nullable": True}
    return column


def _constraints(part: exp.Expression, schema: str, name: str = "") -> list[Constraint]:
    if isinstance(part, exp.Constraint):
        return [found for inner in part.expressions for found in _constraints(inner, schema, folded(part.this))]
    name = name or f"SYS_CONSTRAINT_{id(part)}"
    if isinstance(part, exp.PrimaryKey):
        return [Constraint("PRIMARY", name, [_key_column(column) for column in part.expressions])]
    if isinstance(part, exp.UniqueColumnConstraint):
        columns = part.this.expressions if isinstance(part.this, exp.Schema) else [part.this]
        return [Constraint("UNIQUE", name, [_key_column(column) for column in columns])]
    if isinstance(part, exp.ForeignKey):
        return [_foreign_key(part, schema, name)]
    return []


def _foreign_key(part: exp.ForeignKey, schema: str, name: str) -> Constraint:
    target = part.args["reference"].this
    table = target.this if isinstance(target, exp.Schema) else target
    written = [str(option) for option in part.args["reference"].args.get("options") or []]
    written += [f"ON {event.upper()} {part.args[event]}" for event in ("delete", "update") if part.args.get(event)]
    options = " ".join(written).upper()

    def action(event: str) -> str:
        after = options.partition(f"ON {event} ")[2]
        return next(
            (rule for rule in ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT") if after.startswith(rule)), "NO ACTION"
        )

    return Constraint(
        "FOREIGN",
        name,
        [_key_column(column) for column in part.expressions],
        place_of(table, schema),
        [_key_column(column) for column in target.expressions] if isinstance(target, exp.Schema) else [],
        action("DELETE"),
        action("UPDATE"),
    )


def _key_column(part: exp.Expression) -> str:
    identifier = part.find(exp.Identifier)
    return folded(identifier)
