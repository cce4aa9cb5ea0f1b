"""What tables are, from INFORMATION_SCHEMA and SHOW commands alone.

SHOW COLUMNS rather than INFORMATION_SCHEMA.COLUMNS, which has no digits of a second ("Not applicable for Snowflake").
SHOW gives at most 10,000 rows: where a schema has that many, its tables are asked for one by one.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from connectors.snowflake.dialect import SnowflakeDialect
from connectors.snowflake.session import SnowflakeSession
from connectors.snowflake.types import OWN, ZONED, type_name, value_type
from core.errors import NotFound, Parks
from core.schema import (
    Column,
    ForeignKey,
    Key,
    NotCarried,
    ReferentialAction,
    TableName,
    TableSchema,
)
from core.schema import Sequence as TableSequence

Row = Mapping[str, Any]
Rows = dict[str, list[Row]]
"""Rows of a SHOW command, by table."""

SHOWN_AT_MOST = 10_000
FEW_TABLES = 8
"""So many are asked for one by one; for more, whole schemas are."""
NAMES = {"FIXED": "NUMBER", "TEXT": "VARCHAR", "REAL": "FLOAT"}
IDENTITY = re.compile(r"START (?P<start>-?\d+) INCREMENT (?P<step>-?\d+)", re.IGNORECASE)
TABLES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ROW_COUNT, BYTES, COMMENT, CLUSTERING_KEY "
    "FROM INFORMATION_SCHEMA.TABLES"
)
NOT_CARRIED = {
    "VIEWS": "view",
    "MATERIALIZED VIEWS": "materialized view",
    "DYNAMIC TABLES": "dynamic table",
    "STREAMS": "stream",
    "TASKS": "task",
    "PIPES": "pipe",
    "USER FUNCTIONS": "function",
    "USER PROCEDURES": "procedure",
    "MASKING POLICIES": "masking policy",
    "ROW ACCESS POLICIES": "row access policy",
}
"""What SHOW lists, and what one is called."""
ACTIONS: dict[str, ReferentialAction] = {action: action for action in get_args(ReferentialAction)}

_dialect = SnowflakeDialect()


async def list_names(session: SnowflakeSession) -> list[TableName]:
    """All standard tables, sorted."""
    found = await session.fetch(f"{TABLES} WHERE TABLE_TYPE = 'BASE TABLE'")
    return sorted((TableName(schema_name=row[0], name=row[1]) for row in found), key=str)


async def describe_tables(session: SnowflakeSession, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
    """Tables and views among `names`."""
    by_schema: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_schema[name.schema_name].append(name.name)
    described = {}
    for schema, tables in by_schema.items():
        marks = ", ".join("?" * len(tables))
        found = await session.fetch(f"{TABLES} WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN ({marks})", [schema, *tables])
        present = [str(row[1]) for row in found]
        columns = await _shown(session, "COLUMNS", schema, present, "table_name")
        keys = {
            kind: await _shown(
                session, kind, schema, present, "fk_table_name" if kind == "IMPORTED KEYS" else "table_name"
            )
            for kind in ("PRIMARY KEYS", "UNIQUE KEYS", "IMPORTED KEYS")
        }
        for row in found:
            table = _table(row, columns.get(str(row[1]), []), keys)
            described[table.name] = await _with_sequences(session, table, columns.get(str(row[1]), []))
    return described


async def list_not_carried(session: SnowflakeSession, schemas: Sequence[str]) -> list[NotCarried]:
    """Views, tasks, streams and the like in these schemas; what the role must not list, or the edition does not have,
    is left out."""
    found = []
    for schema in schemas:
        for listed, kind in NOT_CARRIED.items():
            try:
                rows = await session.show(f"SHOW {listed} IN SCHEMA {_dialect.identifier(schema)}")
            except Parks:
                continue
            found += [
                NotCarried(object=f"{schema}.{row['name']}", kind=kind, reason=f"a {kind} is not migrated")
                for row in rows
                if str(row.get("schema_name", schema)) == schema
            ]
    return found


async def _shown(session: SnowflakeSession, what: str, schema: str, tables: Sequence[str], key: str) -> Rows:
    """Rows of SHOW for the tables of one schema."""
    rows: list[Row] = []
    if len(tables) > FEW_TABLES:
        rows = list(await session.show(f"SHOW {what} IN SCHEMA {_dialect.identifier(schema)}"))
    if len(tables) <= FEW_TABLES or len(rows) >= SHOWN_AT_MOST:
        rows = []
        for table in tables:
            sql = f"SHOW {what} IN TABLE {_dialect.qualified(TableName(schema_name=schema, name=table))}"
            try:
                rows += await session.show(sql)
            except NotFound:  # dropped in the meantime
                continue
    grouped: Rows = defaultdict(list)
    for row in rows:
        grouped[str(row[key])].append(row)
    return grouped


def _table(row: tuple[Any, ...], columns: Iterable[Row], keys: Mapping[str, Rows]) -> TableSchema:
    schema, name, kind, rows, size, comment, clustering = row
    primary = _keys(keys["PRIMARY KEYS"].get(name, []), "PRIMARY KEY")
    not_carried = []
    if clustering:
        reason = "another database has no clustering key: add an index if queries need it"
        not_carried.append(NotCarried(object=f"{schema}.{name}", kind="clustering key", reason=reason))
    return TableSchema(
        dialect="snowflake",
        name=TableName(schema_name=schema, name=name),
        kind="table" if kind == "BASE TABLE" else "foreign" if kind == "EXTERNAL TABLE" else "view",
        columns=[_column(column) for column in columns],
        primary_key=primary[0] if primary else None,
        unique_keys=_keys(keys["UNIQUE KEYS"].get(name, []), "UNIQUE"),
        foreign_keys=_foreign_keys(keys["IMPORTED KEYS"].get(name, [])),
        comment=comment or None,
        not_carried=not_carried,
        estimated_rows=int(rows or 0),
        estimated_bytes=int(size or 0),
    )


def native_type(shown: str) -> str:
    """A column's type as DDL spells it, from the JSON of SHOW COLUMNS."""
    told = json.loads(shown)
    name = NAMES.get(told["type"], told["type"])
    if name == "NUMBER":
        return f"NUMBER({told['precision']},{told['scale']})"
    if name in ("VARCHAR", "BINARY") and told.get("length"):
        return f"{name}({told['length']})"
    if name == "TIME" or name.startswith("TIMESTAMP"):
        return f"{name}({told.get('scale', 9)})"
    return str(name)


def _column(row: Row) -> Column:
    native = native_type(row["data_type"])
    virtual = row.get("kind") == "VIRTUAL_COLUMN"
    identity = IDENTITY.search(str(row.get("autoincrement") or ""))
    return Column(
        name=row["column_name"],
        type=native,
        nullable=bool(json.loads(row["data_type"]).get("nullable", True)),
        default=None if identity or virtual else row.get("default") or None,
        generated=(row.get("expression") or row.get("default")) if virtual else None,
        virtual=virtual,
        identity="BY DEFAULT" if identity else None,
        comment=row.get("comment") or None,
        base_type=OWN + type_name(native),
        value=value_type(native),
        zone_lost=type_name(native) in ZONED,
    )


def _by_name(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["key_sequence"])):
        grouped[str(row[name])].append(row)
    return grouped


def _keys(rows: Iterable[Row], kind: str) -> list[Key]:
    return [
        Key(
            name=name,
            columns=[part["column_name"] for part in parts],
            definition=f"{kind} ({_dialect.identifiers(part['column_name'] for part in parts)})",
        )
        for name, parts in sorted(_by_name(rows, "constraint_name").items())
    ]


def _foreign_keys(rows: Iterable[Row]) -> list[ForeignKey]:
    return [
        ForeignKey(
            name=name,
            columns=[part["fk_column_name"] for part in parts],
            referenced=TableName(schema_name=parts[0]["pk_schema_name"], name=parts[0]["pk_table_name"]),
            referenced_columns=[part["pk_column_name"] for part in parts],
            on_delete=_action(parts[0]["delete_rule"]),
            on_update=_action(parts[0]["update_rule"]),
        )
        for name, parts in sorted(_by_name(rows, "fk_name").items())
    ]


def _action(rule: object) -> ReferentialAction:
    return ACTIONS.get(str(rule).upper(), "NO ACTION")


async def _with_sequences(session: SnowflakeSession, table: TableSchema, columns: Iterable[Row]) -> TableSchema:
    """Identities with the largest value that they gave, which Snowflake answers from its statistics."""
    sequences = []
    for row in columns:
        identity = IDENTITY.search(str(row.get("autoincrement") or ""))
        if identity is None or table.kind != "table":
            continue
        end = "MAX" if int(identity["step"]) > 0 else "MIN"
        column = _dialect.identifier(row["column_name"])
        try:
            last = (await session.fetch(f"SELECT {end}({column}) FROM {_dialect.qualified(table.name)}"))[0][0]
        except Parks:  # no warehouse, or no right to read: the plan names that elsewhere
            last = None
        sequences.append(
            TableSequence(
                name=TableName(schema_name=table.name.schema_name, name=f"{table.name.name}_{row['column_name']}"),
                column=row["column_name"],
                identity=True,
                options=f"START WITH {identity['start']} INCREMENT BY {identity['step']}",
                last_value=int(last) if last is not None else int(identity["start"]),
                is_called=last is not None,
            )
        )
    return table.model_copy(update={"sequences": sequences})
