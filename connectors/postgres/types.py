"""Which PostgreSQL types can travel as binary COPY bytes, and what a column's type is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

# Their binary form is an object id, which names another object (or none) in another cluster; their text form is the
# object's name. Source: src/backend/utils/adt/regproc.c, the *send functions.
OBJECT_REFERENCE_TYPES = (
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
)
# They send bytes that their own receive functions refuse ("cannot accept a value of type …").
SEND_ONLY_TYPES = ("pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_brin_bloom_summary")

# Their receive functions refuse the empty value that their send functions give: int2vectorrecv() and oidvectorrecv()
# ("invalid int2vector data"), tsqueryrecv() ("malformed tsquery: operand not found").
NEVER_EMPTY_TYPES = ("int2vector", "oidvector", "tsquery")

INTEGER_TYPES = frozenset(["int2", "int4", "int8"])

# Arrays and records name their element types by object id, but since PostgreSQL 14 the receiver ignores ids outside
# the fixed range (commit 670c0a1d4), so user-defined elements are no obstacle.
UNPORTABLE_TYPES_QUERY = """
WITH RECURSIVE used(root, oid) AS (
    SELECT DISTINCT atttypid, atttypid FROM pg_attribute
    WHERE attrelid = ANY($1::oid[]) AND attnum > 0 AND NOT attisdropped
  UNION
    SELECT used.root, part.oid
    FROM used JOIN pg_type AS t ON t.oid = used.oid
    CROSS JOIN LATERAL (
        SELECT t.typelem
        UNION ALL SELECT t.typbasetype
        UNION ALL SELECT a.atttypid FROM pg_attribute AS a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid FROM pg_range AS r WHERE r.rngmultitypid = t.oid
    ) AS part(oid)
    WHERE part.oid <> 0
)
SELECT DISTINCT used.root
FROM used JOIN pg_type AS t ON t.oid = used.oid
WHERE t.typsend = 0 OR t.typreceive = 0 OR (t.oid < 16384 AND t.typname = ANY($2::text[]))
"""


async def find_unportable_types(connection: asyncpg.Connection[Any], relations: Sequence[int]) -> set[int]:
    """Object ids of the relations' column types whose binary COPY bytes another cluster would misread or refuse."""
    unportable = [*OBJECT_REFERENCE_TYPES, *SEND_ONLY_TYPES, *NEVER_EMPTY_TYPES]
    found = await connection.fetch(UNPORTABLE_TYPES_QUERY, list(relations), unportable)
    return {record["root"] for record in found}


def kind_of(typtype: str, is_array: bool) -> Any:
    """`Column.kind` of a `pg_type` row."""
    if is_array:
        return "array"
    return {"b": "base", "d": "domain", "e": "enum", "c": "composite", "r": "range", "m": "range"}.get(
        typtype, "pseudo"
    )
