"""Keys, checks, foreign keys and indexes, from the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from core.schema import (
    Check,
    ForeignKey,
    Index,
    Key,
    ReferentialAction,
    TableName,
)

# Validated NOT NULL constraints (contype n) belong to their columns; one that is not valid is a check here.
# `options` is what pg_get_constraintdef says after the referenced columns, found by the length of what is before it;
# conperiod (PostgreSQL 18) puts PERIOD before the last column on both sides.
CONSTRAINTS_QUERY = """
SELECT k.relation, k.contype, k.conname AS name, k.definition, k.columns, k.period,
       k.confdeltype, k.confupdtype, k.condeferrable,
       fn.nspname AS referenced_schema, f.relname AS referenced_name, k.referenced_columns,
       obj_description(k.oid, 'pg_constraint') AS comment,
       CASE WHEN k.contype = 'f' THEN substr(k.definition, 1 + length(format(
           'FOREIGN KEY (%s) REFERENCES %I.%I(%s)', k.quoted_columns, fn.nspname, f.relname, k.quoted_referenced)))
       END AS options
FROM (
    SELECT c.oid, c.conrelid AS relation, c.contype::text, c.conname, c.confrelid, p.period,
           c.confdeltype::text, c.confupdtype::text, c.condeferrable,
           pg_get_constraintdef(c.oid) AS definition, own.columns, other.columns AS referenced_columns,
           own.quoted AS quoted_columns, other.quoted AS quoted_referenced
    FROM pg_constraint AS c
    CROSS JOIN LATERAL (SELECT coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false) AS period) AS p
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(coalesce(a.attname::text, '') ORDER BY u.position), '{}') AS columns,
               string_agg(CASE WHEN p.period AND u.position = cardinality(c.conkey) THEN 'PERIOD ' ELSE '' END
                          || quote_ident(a.attname), ', ' ORDER BY u.position) AS quoted
        FROM unnest(c.conkey) WITH ORDINALITY AS u(number, position)
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = u.number) AS own
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(a.attname::text ORDER BY u.position), '{}') AS columns,
               string_agg(CASE WHEN p.period AND u.position = cardinality(c.confkey) THEN 'PERIOD ' ELSE '' END
                          || quote_ident(a.attname), ', ' ORDER BY u.position) AS quoted
        FROM unnest(c.confkey) WITH ORDINALITY AS u(number, position)
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = u.number) AS other
    WHERE c.conrelid = ANY($1::oid[]) AND (c.contype IN ('p', 'u', 'c', 'x', 'f')
          OR c.contype = 'n' AND NOT c.convalidated)
      AND NOT (c.contype = 'f' AND c.conparentid <> 0 AND EXISTS (
          SELECT FROM pg_constraint AS parent WHERE parent.oid = c.conparentid AND parent.conrelid = c.conrelid))
) AS k
LEFT JOIN pg_class AS f ON f.oid = k.confrelid
LEFT JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
ORDER BY k.relation, k.conname COLLATE "C"
"""

# The definition is cut after the index's and the table's name, as pg_get_indexdef writes them.
INDEXES_QUERY = """
SELECT i.indrelid AS relation, x.relname AS name, i.indisunique AS unique, i.indpred IS NOT NULL AS partial,
       i.indexprs IS NOT NULL AS expression, m.amname AS method, i.indnkeyatts AS key_columns,
       i.indoption::int2[] AS options,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(number, position)
             LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.number
             ORDER BY u.position) AS columns,
       substr(pg_get_indexdef(i.indexrelid), 1 + length(format(
           'CREATE %sINDEX %I ON %s%I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, x.relname,
           CASE WHEN x.relkind = 'I' THEN 'ONLY ' ELSE '' END, n.nspname, t.relname))) AS definition
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_am AS m ON m.oid = x.relam
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE i.indrelid = ANY($1::oid[]) AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, x.relname COLLATE "C"
"""


ACTIONS: dict[str, ReferentialAction] = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}
DESCENDING = 1
"""Bit of `indoption` (INDOPTION_DESC)."""


@dataclass
class Constraints:
    """One table's constraints, by kind, sorted by name."""

    primary_key: Key | None = None
    unique_keys: list[Key] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)


async def read_constraints(connection: asyncpg.Connection[Any], relations: Sequence[int]) -> dict[int, Constraints]:
    """Constraints by relation."""
    found: dict[int, Constraints] = {}
    for record in await connection.fetch(CONSTRAINTS_QUERY, list(relations)):
        _add(found.setdefault(record["relation"], Constraints()), record)
    return found


async def read_indexes(connection: asyncpg.Connection[Any], relations: Sequence[int]) -> dict[int, list[Index]]:
    """Valid indexes that no constraint owns, by relation, sorted by name."""
    indexes: dict[int, list[Index]] = {}
    for record in await connection.fetch(INDEXES_QUERY, list(relations)):
        columns = record["columns"]
        indexes.setdefault(record["relation"], []).append(
            Index(
                name=record["name"],
                columns=columns,
                unique=record["unique"],
                definition=record["definition"],
                partial=record["partial"],
                expression=record["expression"],
                descending=[
                    name
                    for name, option in zip(columns, record["options"], strict=False)
                    if name and option & DESCENDING
                ],
                included=columns[record["key_columns"] :],
                method=record["method"],
            )
        )
    return indexes


def _add(constraints: Constraints, record: Any) -> None:
    match record["contype"]:
        case "p":
            constraints.primary_key = _key(record)
        case "u":
            constraints.unique_keys.append(_key(record))
        case "f":
            constraints.foreign_keys.append(_foreign_key(record))
        case kind:
            constraints.checks.append(
                Check(
                    name=record["name"],
                    definition=record["definition"],
                    columns=[name for name in record["columns"] if name],
                    exclusion=kind == "x",
                )
            )


def _key(record: Any) -> Key:
    return Key(
        name=record["name"],
        columns=record["columns"],
        definition=record["definition"],
        comment=record["comment"],
    )


def _foreign_key(record: Any) -> ForeignKey:
    return ForeignKey(
        name=record["name"],
        columns=record["columns"],
        referenced=TableName(schema_name=record["referenced_schema"], name=record["referenced_name"]),
        referenced_columns=record["referenced_columns"],
        options=record["options"].strip(),
        on_delete=ACTIONS[record["confdeltype"]],
        on_update=ACTIONS[record["confupdtype"]],
        deferrable=record["condeferrable"],
        period=record["period"],
    )
