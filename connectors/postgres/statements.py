"""Writes the statements that are executed after the load, and reads back what each of them makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.postgres.sql import identifier, identifiers, qualified
from core.schema import ForeignKey, Statement, TableName

NAME = r'"((?:[^"]|"")+)"'
ADD_CONSTRAINT = re.compile(rf"ALTER TABLE {NAME}\.{NAME} ADD CONSTRAINT {NAME} (.*)", re.DOTALL)
CREATE_INDEX = re.compile(rf"CREATE (UNIQUE )?INDEX {NAME} ON {NAME}\.{NAME} (.*)", re.DOTALL)
QUOTED = r'"(?:[^"]|"")+"'
COLUMNS = rf"({QUOTED}(?:, {QUOTED})*)"
FOREIGN_KEY = re.compile(rf"FOREIGN KEY \({COLUMNS}\) REFERENCES {NAME}\.{NAME} \({COLUMNS}\)(.*)", re.DOTALL)
REFERENCED = re.compile(rf'FOREIGN KEY \((?:[^")]|"(?:[^"]|"")+")*\) REFERENCES {NAME}\.{NAME}')


@dataclass(frozen=True)
class Target:
    """What a statement makes, and on which table."""

    table: TableName
    name: str
    definition: str
    index: bool = False
    unique: bool = False
    referenced: TableName | None = None
    """The other table that a foreign key locks."""


def add_constraint(table: TableName, name: str, definition: str, what: str = "constraint") -> Statement:
    """`definition` as after `ADD CONSTRAINT name`."""
    sql = f"ALTER TABLE {qualified(table)} ADD CONSTRAINT {identifier(name)} {definition}"
    return Statement(sql=sql, purpose=f"{what} {name} on {table}")


def add_foreign_key(table: TableName, key: ForeignKey) -> Statement:
    """The key with all names as they are at the destination."""
    referenced = f"{qualified(key.referenced)} ({_key_columns(key.referenced_columns, key.period)})"
    columns = _key_columns(key.columns, key.period)
    definition = f"FOREIGN KEY ({columns}) REFERENCES {referenced} {key.options}".rstrip()
    return add_constraint(table, key.name, definition, "foreign key")


def create_index(table: TableName, name: str, definition: str, *, unique: bool) -> Statement:
    """`definition` as from `USING` on."""
    sql = f"CREATE {'UNIQUE ' if unique else ''}INDEX {identifier(name)} ON {qualified(table)} {definition}"
    return Statement(sql=sql, purpose=f"{'unique ' if unique else ''}index {name} on {table}")


def gather_statistics(table: TableName) -> Statement:
    """Autovacuum would do it in a minute or more; until then every plan is a guess."""
    return Statement(sql=f"ANALYZE {qualified(table)}", purpose=f"statistics of {table}")


def target_of(statement: Statement) -> Target | None:
    """What the statement makes, None where it makes neither constraint nor index."""
    found = ADD_CONSTRAINT.fullmatch(statement.sql)
    if found is not None:
        schema, table, name, definition = found.groups()
        other = REFERENCED.match(definition)
        return Target(
            table=_table(schema, table),
            name=_unquoted(name),
            definition=definition,
            referenced=_table(*other.groups()) if other else None,
        )
    found = CREATE_INDEX.fullmatch(statement.sql)
    if found is None:
        return None
    unique, name, schema, table, definition = found.groups()
    return Target(
        table=_table(schema, table), name=_unquoted(name), definition=definition, index=True, unique=bool(unique)
    )


@dataclass(frozen=True)
class Reference:
    """What a foreign key says of rows. Names of columns are quoted."""

    columns: list[str]
    table: TableName
    keys: list[str]
    options: str


def reference_of(definition: str) -> Reference | None:
    """The foreign key that a constraint's definition is; None for others, and for those over periods."""
    found = FOREIGN_KEY.fullmatch(definition)
    if found is None:
        return None
    columns, schema, table, keys, options = found.groups()
    return Reference(re.findall(QUOTED, columns), _table(schema, table), re.findall(QUOTED, keys), options)


def _key_columns(columns: list[str], period: bool) -> str:
    if not period:
        return identifiers(columns)
    return ", ".join([*map(identifier, columns[:-1]), f"PERIOD {identifier(columns[-1])}"])


def _table(schema: str, name: str) -> TableName:
    return TableName(schema_name=_unquoted(schema), name=_unquoted(name))


def _unquoted(name: str) -> str:
    return name.replace('""', '"')
