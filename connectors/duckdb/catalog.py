"""What tables are, from DuckDB's catalog functions alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.duckdb.session import DuckdbSession
from connectors.duckdb.types import OWN, type_id, value_type
from core.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    Key,
    NotCarried,
    TableName,
    TableSchema,
)
from core.schema import Sequence as TableSequence

Rows = Mapping[tuple[str, str], list[tuple[Any, ...]]]
"""Answers of the catalog, by schema and table."""

HERE = "database_name = current_database() AND NOT internal"
NEXT_VALUE = re.compile(r"nextval\('(?P<name>(?:[^']|'')+)'\)")
QUOTED = re.compile(r'"((?:[^"]|"")*)"')
GUESSED_TEXT_BYTES = 32
FIXED_BYTES = 8
MANY_ROWS = 10_000
"""From here on it is worth asking for the blocks that a table fills."""

TABLES = f"SELECT schema_name, table_name, comment, estimated_size FROM duckdb_tables() WHERE {HERE} AND NOT temporary"
VIEWS = f"SELECT schema_name, view_name, comment FROM duckdb_views() WHERE {HERE} AND NOT temporary"
COLUMNS = (
    "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, comment, is_generated, "
    f"generation_expression FROM duckdb_columns() WHERE {HERE} ORDER BY column_index"
)
CONSTRAINTS = (
    "SELECT schema_name, table_name, constraint_type, constraint_name, constraint_column_names, expression, "
    "referenced_table, referenced_column_names FROM duckdb_constraints() WHERE database_name = current_database() "
    "ORDER BY constraint_index"
)
INDEXES = (
    "SELECT schema_name, table_name, index_name, is_unique, CAST(expressions AS VARCHAR[]), sql FROM duckdb_indexes() "
    "WHERE database_name = current_database() AND NOT is_primary ORDER BY index_name"
)
SEQUENCES = (
    "SELECT schema_name, sequence_name, start_value, min_value, max_value, increment_by, cycle, last_value "
    "FROM duckdb_sequences() WHERE database_name = current_database() AND NOT temporary"
)


async def list_names(session: DuckdbSession) -> list[TableName]:
    """All tables, sorted."""
    found = await session.fetch(TABLES)
    return sorted((TableName(schema_name=row[0], name=row[1]) for row in found), key=str)


async def describe_tables(session: DuckdbSession, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
    """Tables and views among `names`, in a fixed number of queries but for the sizes of large tables."""
    tables = _by_table(await session.fetch(TABLES))
    views = _by_table(await session.fetch(VIEWS))
    columns, constraints, indexes = [_by_table(await session.fetch(query)) for query in (COLUMNS, CONSTRAINTS, INDEXES)]
    sequences = {(row[0], row[1]): row for row in await session.fetch(SEQUENCES)}
    described = {}
    for name in names:
        place = (name.schema_name, name.name)
        table = tables.get(place) or views.get(place)
        if not table:
            continue
        rows = int(table[0][3]) if place in tables else 0
        parts = _Parts(name, columns[place], constraints.get(place, []), indexes.get(place, []), sequences)
        described[name] = parts.schema(table[0][2], "table" if place in tables else "view", rows).model_copy(
            update={"estimated_bytes": await _bytes(session, name, rows, columns[place])}
        )
    return described


async def list_not_carried(session: DuckdbSession, schemas: Sequence[str]) -> list[NotCarried]:
    """Views, macros, types and sequences of these schemas."""
    queries = {
        "view": f"SELECT schema_name, view_name FROM duckdb_views() WHERE {HERE}",
        "macro": "SELECT schema_name, function_name FROM duckdb_functions() "
        f"WHERE {HERE} AND function_type LIKE '%macro'",
        "type": f"SELECT schema_name, type_name FROM duckdb_types() WHERE {HERE}",
    }
    reasons = {
        "view": "views are not migrated",
        "macro": "macros are not migrated",
        "type": "columns carry what the type stands for, the name is not migrated",
    }
    return [
        NotCarried(object=f"{schema}.{name}", kind=kind, reason=reasons[kind])
        for kind, query in queries.items()
        for schema, name in sorted(set(await session.fetch(query)))
        if schema in schemas
    ]


def _by_table(found: Sequence[tuple[Any, ...]]) -> Rows:
    rows: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        rows[row[0], row[1]].append(row)
    return rows


async def _bytes(session: DuckdbSession, name: TableName, rows: int, columns: Sequence[tuple[Any, ...]]) -> int:
    """The blocks that a large table fills (DuckDB compresses them), or a guess by its types where that is more."""
    guessed = rows * sum(
        GUESSED_TEXT_BYTES
        if value_type(column[3]).kind in ("text", "json", "binary", "array", "other")
        else FIXED_BYTES
        for column in columns
    )
    if rows < MANY_ROWS:
        return guessed
    dotted = ".".join('"' + part.replace('"', '""') + '"' for part in (name.schema_name, name.name))
    blocks = await session.fetch(
        "SELECT count(DISTINCT block_id) + coalesce(sum(len(additional_block_ids)), 0) "
        "FROM pragma_storage_info(?) WHERE block_id >= 0",
        [dotted],
    )
    size = await session.fetch("SELECT block_size FROM pragma_database_size() WHERE database_name = current_database()")
    return max(guessed, int(blocks[0][0]) * int(size[0][0]))


class _Parts:
    """What the catalog says about one table."""

    def __init__(
        self,
        name: TableName,
        columns: Sequence[tuple[Any, ...]],
        constraints: Sequence[tuple[Any, ...]],
        indexes: Sequence[tuple[Any, ...]],
        sequences: Mapping[tuple[str, str], tuple[Any, ...]],
    ) -> None:
        self.name = name
        self._columns = columns
        self._constraints = constraints
        self._indexes = indexes
        self._sequences = sequences
        self._names = [str(column[2]) for column in columns]

    def schema(self, comment: str | None, kind: str, rows: int) -> TableSchema:
        """The table's description."""
        keys = {found[0]: found for found in ((row[2], row) for row in self._constraints)}
        primary = keys.get("PRIMARY KEY")
        return TableSchema.model_validate(
            {
                "dialect": "duckdb",
                "name": self.name,
                "kind": kind,
                "columns": [self._column(row) for row in self._columns],
                "primary_key": _key(primary[1]) if primary else None,
                "unique_keys": [_key(row) for row in self._constraints if row[2] == "UNIQUE"],
                "indexes": [self._index(row) for row in self._indexes],
                "checks": [
                    Check(name=row[3] or "", definition=f"CHECK ({row[5]})", columns=row[4])
                    for row in self._constraints
                    if row[2] == "CHECK"
                ],
                "foreign_keys": [self._foreign_key(row) for row in self._constraints if row[2] == "FOREIGN KEY"],
                "sequences": [found for row in self._columns if (found := self._sequence(row)) is not None],
                "comment": comment,
                "estimated_rows": rows,
            }
        )

    def _column(self, row: tuple[Any, ...]) -> Column:
        _, _, name, native, nullable, default, comment, generated, expression = row
        automatic = self._sequence(row) is not None
        return Column(
            name=name,
            type=native,
            nullable=nullable,
            default=None if automatic or generated else default,
            generated=expression if generated else None,
            virtual=bool(generated),
            identity="BY DEFAULT" if automatic else None,
            comment=comment,
            base_type=OWN + type_id(native),
            value=value_type(native),
        )

    def _sequence(self, row: tuple[Any, ...]) -> TableSequence | None:
        """The sequence that a NOT NULL column's default takes its values from: DuckDB's way to number rows."""
        found = NEXT_VALUE.fullmatch(row[5] or "")
        if found is None or row[4]:
            return None
        parts = [part[1:-1].replace('""', '"') if part[0] == '"' else part for part in _split(found["name"])]
        schema, name = parts if len(parts) == 2 else (self.name.schema_name, parts[-1])
        known = self._sequences.get((schema, name)) or self._sequences.get(("main", name))
        if known is None:
            return None
        schema, name, start, low, high, step, cycle, last = known
        return TableSequence(
            name=TableName(schema_name=schema, name=name),
            column=row[2],
            identity=True,
            options=f"INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {start}"
            + (" CYCLE" if cycle else ""),
            last_value=start if last is None else last,
            is_called=last is not None,
            owned=False,
        )

    def _index(self, row: tuple[Any, ...]) -> Index:
        _, _, name, unique, expressions, sql = row
        columns = [self._column_name(expression) for expression in expressions]
        return Index(
            name=name,
            columns=columns,
            unique=unique,
            definition=sql,
            expression="" in columns,
        )

    def _column_name(self, expression: str) -> str:
        if expression in self._names:
            return expression
        quoted = QUOTED.fullmatch(expression.strip("'"))
        name = quoted[1].replace('""', '"') if quoted else ""
        return name if name in self._names else ""

    def _foreign_key(self, row: tuple[Any, ...]) -> ForeignKey:
        return ForeignKey(
            name=row[3],
            columns=row[4],
            referenced=TableName(schema_name=self.name.schema_name, name=row[6]),
            referenced_columns=row[7],
        )


def _key(row: tuple[Any, ...]) -> Key:
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in row[4])
    return Key(name=row[3], columns=row[4], definition=f"{row[2]} ({names})")


def _split(name: str) -> list[str]:
    """`schema.name`, either of them possibly in quotes."""
    return re.findall(r'"(?:[^"]|"")*"|[^."]+', name.replace("''", "'"))
