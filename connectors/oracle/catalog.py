"""Reads Oracle's data dictionary: set-based queries over the ALL_ views, put together in Python.

Source: Database Reference, "Static Data Dictionary Views". Several columns there are LONGs (defaults, conditions,
expressions), which SQL cannot filter or convert, so they are judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from connectors.oracle import constraints
from connectors.oracle.columns import column_of, unreadable
from connectors.sql.patterns import matching
from connectors.sql.session import SqlSession
from core.errors import AccessDenied, NotFound
from core.schema import NotCarried, TableName, TableSchema
from core.schema import Sequence as SequenceOf

Row = dict[str, Any]
NAMES_PER_QUERY = 500

# Tables that are another object's storage are left out: overflow segments, nested tables, containers and logs of
# materialized views, and what lies in the recycle bin.
TABLES = """
SELECT t.owner, t.table_name FROM all_tables t
JOIN all_users u ON u.username = t.owner
WHERE u.oracle_maintained = 'N' AND t.nested = 'NO' AND t.temporary = 'N' AND t.secondary = 'N'
AND (t.iot_type IS NULL OR t.iot_type = 'IOT') AND t.table_name NOT LIKE 'BIN$%'
AND NOT EXISTS (SELECT 1 FROM all_mviews m WHERE m.owner = t.owner AND m.mview_name = t.table_name)
AND NOT EXISTS (SELECT 1 FROM all_mview_logs l WHERE l.log_owner = t.owner AND l.log_table = t.table_name)
"""
# Invisible columns are among the hidden ones; those that Oracle made itself are not USER_GENERATED.
COLUMNS = """
SELECT owner, table_name, column_name, data_type, data_type_owner, data_length, char_length, char_used, data_precision,
       data_scale, nullable, data_default, default_on_null, virtual_column, identity_column
FROM all_tab_cols WHERE {names} AND (hidden_column = 'NO' OR user_generated = 'YES')
ORDER BY owner, table_name, internal_column_id
"""
SIZES = "SELECT owner, table_name, num_rows, avg_row_len, partitioned FROM all_tables WHERE {names}"
TABLE_COMMENTS = "SELECT owner, table_name, comments FROM all_tab_comments WHERE {names} AND comments IS NOT NULL"
COLUMN_COMMENTS = """
SELECT owner, table_name, column_name, comments FROM all_col_comments WHERE {names} AND comments IS NOT NULL
"""
IDENTITIES = """
SELECT i.owner, i.table_name, i.column_name, i.generation_type, i.sequence_name, s.last_number, s.increment_by
FROM all_tab_identity_cols i
LEFT JOIN all_sequences s ON s.sequence_owner = i.owner AND s.sequence_name = i.sequence_name
WHERE {i_names}
"""
TRIGGERS = """
SELECT table_owner AS owner, table_name, trigger_name FROM all_triggers WHERE {table_owner_names}
"""
SEGMENTS = """
SELECT segment_name AS table_name, SUM(bytes) AS bytes FROM user_segments
WHERE segment_type IN ('TABLE', 'TABLE PARTITION', 'TABLE SUBPARTITION') GROUP BY segment_name
"""
OBJECTS = """
SELECT owner, object_name, object_type FROM all_objects
WHERE owner = :1 AND object_type IN ('VIEW', 'MATERIALIZED VIEW', 'TRIGGER', 'PROCEDURE', 'FUNCTION', 'PACKAGE', 'TYPE',
    'SYNONYM', 'SEQUENCE', 'DATABASE LINK', 'JOB', 'QUEUE', 'JAVA CLASS', 'OPERATOR', 'INDEXTYPE', 'CLUSTER')
AND object_name NOT LIKE 'BIN$%' AND object_name NOT LIKE 'ISEQ$$%'
ORDER BY object_type, object_name
"""


async def list_tables(
    session: SqlSession, include: Sequence[str], exclude: Sequence[str], default_schema: str
) -> list[TableName]:
    """Tables that users made and whose names match."""
    found = await session.fetch(TABLES)
    names = (TableName(schema_name=owner, name=name) for owner, name in found)
    return matching(names, include, exclude, default_schema)


async def describe_tables(session: SqlSession, names: Sequence[TableName], user: str) -> dict[TableName, TableSchema]:
    """Tables and views as the dictionary has them; names that do not exist are missing."""
    reader = DictionaryReader(session, names)
    columns = await reader.grouped(COLUMNS)
    sizes = await reader.grouped(SIZES)
    found = await constraints.read(reader)
    comments = await reader.grouped(TABLE_COMMENTS)
    column_comments = await reader.grouped(COLUMN_COMMENTS)
    identities = await reader.grouped(IDENTITIES)
    triggers = await reader.grouped(TRIGGERS)
    segments = await _segments(session) if any(name.schema_name == user for name in names) else {}
    described = {}
    for name in columns:
        identity = {row["column_name"]: row for row in identities[name]}
        remarks = {row["column_name"]: row["comments"] for row in column_comments[name]}
        size = sizes[name][0] if sizes[name] else {}
        readable = [row for row in columns[name] if unreadable(row) is None]
        table = TableSchema(
            dialect="oracle",
            name=name,
            kind="table" if sizes[name] else "view",
            columns=[
                column_of(row, identity.get(row["column_name"]), remarks, triggers=bool(triggers[name]))
                for row in readable
            ],
            comment=comments[name][0]["comments"] if comments[name] else None,
            sequences=[_sequence(name, row) for row in identities[name] if row["last_number"] is not None],
            not_carried=[*_left_out(name, columns[name]), *_partitioning(name, size), *_triggers(name, triggers[name])],
            **_estimates(size, segments.get(name.name) if name.schema_name == user else None, len(readable)),
        )
        described[name] = found.added_to(table)
    return described


async def list_not_carried(session: SqlSession, schemas: Sequence[str]) -> list[NotCarried]:
    """Views, routines and the like of these schemas."""
    found = []
    for schema in schemas:
        for owner, name, kind in await session.fetch(OBJECTS, [schema]):
            found.append(
                NotCarried(
                    object=f"{owner}.{name}", kind=kind.lower(), reason="Sterna carries tables and what they hold"
                )
            )
    return found


class DictionaryReader:
    """Runs queries over the dictionary for just these tables."""

    def __init__(self, session: SqlSession, names: Iterable[TableName]) -> None:
        self._session = session
        self._by_owner: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self._by_owner[name.schema_name].append(name.name)

    async def grouped(self, sql: str) -> defaultdict[TableName, list[Row]]:
        """Rows of the query, by their OWNER and TABLE_NAME. `{names}` stands for the condition that they are among the
        tables, `{c_names}` and `{i_names}` where the columns need an alias, `{table_owner_names}` where they are called
        TABLE_OWNER and TABLE_NAME."""
        rows: defaultdict[TableName, list[Row]] = defaultdict(list)
        labels = _labels(sql)
        for owner, names in self._by_owner.items():
            for start in range(0, len(names), NAMES_PER_QUERY):
                some = names[start : start + NAMES_PER_QUERY]
                marks = ", ".join(f":{number + 2}" for number in range(len(some)))
                filled = sql.format(
                    names=f"owner = :1 AND table_name IN ({marks})",
                    c_names=f"c.owner = :1 AND c.table_name IN ({marks})",
                    i_names=f"i.owner = :1 AND i.table_name IN ({marks})",
                    table_owner_names=f"table_owner = :1 AND table_name IN ({marks})",
                )
                for values in await self._session.fetch(filled, [owner, *some]):
                    row = dict(zip(labels, values, strict=True))
                    rows[TableName(schema_name=row["owner"], name=row["table_name"])].append(row)
        return rows


def _labels(sql: str) -> list[str]:
    """What the query's columns are called: the last word of each item of its SELECT list."""
    items = sql.split("SELECT", 1)[1].split("FROM", 1)[0].split(",")
    return [item.split()[-1].rpartition(".")[2].lower() for item in items]


async def _segments(session: SqlSession) -> dict[str, int]:
    try:
        return {name: int(size) for name, size in await session.fetch(SEGMENTS)}
    except (AccessDenied, NotFound):
        return {}


def _estimates(size: Row, segment: int | None, columns: int) -> dict[str, int]:
    """By the optimiser's statistics; a table without any is taken for full blocks of rows of ordinary columns."""
    if size.get("num_rows") is not None:
        rows = int(size["num_rows"])
        return {"estimated_rows": rows, "estimated_bytes": rows * int(size["avg_row_len"] or 0) or (segment or 0)}
    return {"estimated_rows": (segment or 0) // (20 * max(columns, 1)), "estimated_bytes": segment or 0}


def _sequence(table: TableName, row: Row) -> SequenceOf:
    name = TableName(schema_name=table.schema_name, name=row["sequence_name"] or "")
    return SequenceOf(
        name=name,
        column=row["column_name"],
        identity=True,
        options=f"INCREMENT BY {row['increment_by']}",
        last_value=int(row["last_number"]),  # what the cache has not handed out: nothing at or above it is in use
        is_called=False,
    )


def _left_out(table: TableName, rows: Sequence[Row]) -> list[NotCarried]:
    left = []
    for row in rows:
        reason = unreadable(row)
        if reason is not None:
            left.append(NotCarried(object=f"{table}.{row['column_name']}", kind="column", reason=reason))
    return left


def _partitioning(table: TableName, size: Row) -> list[NotCarried]:
    if size.get("partitioned") != "YES":
        return []
    return [NotCarried(object=str(table), kind="partitioning", reason="the rows arrive in one unpartitioned table")]


def _triggers(table: TableName, rows: Sequence[Row]) -> list[NotCarried]:
    reason = "PL/SQL is not translated"
    return [NotCarried(object=f"{table}.{row['trigger_name']}", kind="trigger", reason=reason) for row in rows]
