"""Columns and the sequences that fill them, from the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from connectors.postgres.sql import qualified
from connectors.postgres.types import find_unportable_types, kind_of
from connectors.postgres.value_types import CatalogType, value_of
from core.schema import Column, TableName
from core.schema import Sequence as TableSequence

SEQUENCES_PER_QUERY = 500

# PostgreSQL 18 keeps NOT NULL as named constraints, and attnotnull is set even where such a constraint is NOT VALID.
COLUMNS_QUERY = """
SELECT a.attrelid AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AND coalesce(nn.convalidated, true) AS not_null,
       CASE WHEN nn.convalidated AND nn.conislocal AND nn.conname <> format('%s_%s_not_null', c.relname, a.attname)
            THEN nn.conname END AS not_null_name,
       pg_get_expr(d.adbin, d.adrelid) AS expression, a.attgenerated::text AS generated,
       a.attidentity::text AS identity, col_description(a.attrelid, a.attnum) AS comment,
       CASE WHEN a.attcollation <> t.typcollation THEN format('%I.%I', con.nspname, co.collname) END AS collation,
       coalesce(co.collisdeterministic, true) AS deterministic,
       a.atttypid AS type_id, a.atttypmod AS modifier, t.typtype::text AS typtype,
       t.typsubscript = 'array_subscript_handler'::regproc AS is_array,
       base.name AS base_type, base.modifier AS base_modifier, base.kind AS base_kind, base.element,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = base.oid ORDER BY e.enumsortorder) AS labels
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_type AS t ON t.oid = a.atttypid
CROSS JOIN LATERAL (
    WITH RECURSIVE chain(oid, base, modifier, base_modifier) AS (
        SELECT t.oid, t.typbasetype, a.atttypmod, t.typtypmod
        UNION ALL
        SELECT b.oid, b.typbasetype, chain.base_modifier, b.typtypmod
        FROM chain JOIN pg_type AS b ON b.oid = chain.base)
    SELECT b.oid, b.typname AS name, chain.modifier,
           CASE WHEN b.typsubscript = 'array_subscript_handler'::regproc THEN 'a' ELSE b.typtype::text END AS kind,
           coalesce((SELECT e.typname::text FROM pg_type AS e WHERE e.oid = b.typelem
                     AND (e.typtype = 'e' OR e.typtype = 'b' AND e.oid < 16384)), '') AS element
    FROM chain JOIN pg_type AS b ON b.oid = chain.oid WHERE chain.base = 0) AS base
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS co ON co.oid = a.attcollation
LEFT JOIN pg_namespace AS con ON con.oid = co.collnamespace
LEFT JOIN pg_constraint AS nn ON nn.conrelid = a.attrelid AND nn.contype = 'n' AND nn.conkey = ARRAY[a.attnum]
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

# Ownership: an automatic (serial) or internal (identity) dependency of the sequence on the column. Mere use: a normal
# dependency of the column's default on the sequence.
SEQUENCES_QUERY = """
SELECT DISTINCT ON (link.relation, a.attnum, s.seqrelid)
       link.relation, a.attname AS column, n.nspname AS schema, c.relname AS name, link.owned,
       a.attidentity <> '' AND link.owned AS identity, s.seqstart,
       has_sequence_privilege(s.seqrelid, 'SELECT') AS readable,
       format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s',
              format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
              CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS options
FROM (
    SELECT d.refobjid AS relation, d.refobjsubid AS attnum, d.objid AS sequence, true AS owned
    FROM pg_depend AS d
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY($1::oid[]) AND d.refobjsubid > 0
      AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    UNION ALL
    SELECT f.adrelid, f.adnum, d.refobjid, false
    FROM pg_attrdef AS f JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    WHERE f.adrelid = ANY($1::oid[]) AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
) AS link
JOIN pg_sequence AS s ON s.seqrelid = link.sequence
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = link.relation AND a.attnum = link.attnum
ORDER BY link.relation, a.attnum, s.seqrelid, link.owned DESC
"""


async def read_columns(connection: asyncpg.Connection[Any], relations: Sequence[int]) -> dict[int, list[Column]]:
    """Columns by relation, in the table's order."""
    records = await connection.fetch(COLUMNS_QUERY, list(relations))
    unportable = await find_unportable_types(connection, relations)
    columns: dict[int, list[Column]] = {}
    for record in records:
        columns.setdefault(record["relation"], []).append(_column(record, unportable))
    return columns


async def read_sequences(
    connection: asyncpg.Connection[Any], relations: Sequence[int]
) -> dict[int, list[TableSequence]]:
    """Sequences by relation. Values of those that the user may not read are given as never used."""
    records = await connection.fetch(SEQUENCES_QUERY, list(relations))
    names = {_name(record) for record in records if record["readable"]}
    values = await _read_values(connection, sorted(names, key=str))
    sequences: dict[int, list[TableSequence]] = {}
    for record in records:
        last_value, is_called = values.get(_name(record), (record["seqstart"], False))
        sequences.setdefault(record["relation"], []).append(
            TableSequence(
                name=_name(record),
                column=record["column"],
                identity=record["identity"],
                options=record["options"],
                last_value=last_value,
                is_called=is_called,
                owned=record["owned"],
            )
        )
    return sequences


async def _read_values(
    connection: asyncpg.Connection[Any], names: Sequence[TableName]
) -> dict[TableName, tuple[int, bool]]:
    """From the sequences themselves: before PostgreSQL 18 no function tells what an unused sequence yields next."""
    values: dict[TableName, tuple[int, bool]] = {}
    for first in range(0, len(names), SEQUENCES_PER_QUERY):
        part = names[first : first + SEQUENCES_PER_QUERY]
        query = " UNION ALL ".join(
            f"SELECT {number} AS number, last_value, is_called FROM {qualified(name)}"
            for number, name in enumerate(part)
        )
        for number, last_value, is_called in await connection.fetch(query):
            values[part[number]] = (last_value, is_called)
    return values


def _column(record: Any, unportable: set[int]) -> Column:
    generated = record["generated"]
    return Column(
        name=record["name"],
        type=record["type"],
        nullable=not record["not_null"],
        default=None if generated else record["expression"],
        generated=record["expression"] if generated else None,
        virtual=generated == "v",
        identity={"a": "ALWAYS", "d": "BY DEFAULT"}.get(record["identity"]),
        collation=record["collation"],
        comment=record["comment"],
        base_type=record["base_type"],
        kind=kind_of(record["typtype"], record["is_array"]),
        modifier=record["modifier"],
        deterministic=record["deterministic"],
        portable=record["type_id"] not in unportable,
        not_null_name=record["not_null_name"],
        value=value_of(
            CatalogType(
                name=record["base_type"],
                modifier=record["base_modifier"],
                kind=record["base_kind"],
                labels=tuple(record["labels"]),
                element=record["element"],
            )
        ),
    )


def _name(record: Any) -> TableName:
    return TableName(schema_name=record["schema"], name=record["name"])
