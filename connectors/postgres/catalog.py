"""What tables are, from the catalog alone: a fixed number of set-based queries for any number of tables."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.postgres.columns import read_columns, read_sequences
from connectors.postgres.constraints import Constraints, read_constraints, read_indexes
from connectors.postgres.errors import translated
from connectors.postgres.objects import read_table_objects
from connectors.postgres.partitions import PartitionTree, read_partition_trees
from connectors.postgres.type_definitions import Requirements, read_requirements
from core.schema import (
    Column,
    Index,
    NotCarried,
    TableName,
    TableSchema,
)
from core.schema import Sequence as TableSequence

DIALECT = "postgres"
LEDGER_NAME = "sterna_ledger"

LIST_QUERY = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND c.relname <> $1
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""

RELATIONS_QUERY = """
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       pg_get_partkeydef(c.oid) AS partition_key, obj_description(c.oid, 'pg_class') AS comment
FROM unnest($1::text[], $2::text[]) AS wanted(schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

KINDS = {"r": "table", "p": "partitioned", "v": "view", "m": "view", "f": "foreign"}


@dataclass(frozen=True)
class _Parts:
    """Everything that was read, by relation."""

    columns: dict[int, list[Column]]
    constraints: dict[int, Constraints]
    indexes: dict[int, list[Index]]
    sequences: dict[int, list[TableSequence]]
    partitions: dict[int, PartitionTree]
    requirements: dict[int, Requirements]
    objects: dict[int, list[NotCarried]]


async def list_tables(
    connection: asyncpg.Connection[Any], include: Sequence[str], exclude: Sequence[str], default_schema: str
) -> list[TableName]:
    """Ordinary tables and partition roots whose `schema.table` matches a pattern of `include` and none of `exclude`,
    sorted. A pattern without a dot means the default schema. The ledger, temporary tables and those that belong to
    an extension are never listed.
    """
    with translated("listing tables"):
        records = await connection.fetch(LIST_QUERY, LEDGER_NAME)
    wanted = [_pattern(pattern, default_schema) for pattern in include]
    unwanted = [_pattern(pattern, default_schema) for pattern in exclude]
    names = [TableName(schema_name=record["schema"], name=record["name"]) for record in records]
    return [
        name
        for name in names
        if any(pattern.fullmatch(str(name)) for pattern in wanted)
        and not any(pattern.fullmatch(str(name)) for pattern in unwanted)
    ]


async def describe_tables(
    connection: asyncpg.Connection[Any], names: Sequence[TableName]
) -> dict[TableName, TableSchema]:
    """Catalog descriptions; names that do not exist are missing from the answer. Never scans a table."""
    with translated("reading the catalog"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            relations = await connection.fetch(
                RELATIONS_QUERY, [name.schema_name for name in names], [name.name for name in names]
            )
            if not relations:
                return {}
            parts = await _read_parts(connection, [record["oid"] for record in relations])
    schemas = [_table_schema(record, parts) for record in relations]
    return {schema.name: schema for schema in schemas}


async def _read_parts(connection: asyncpg.Connection[Any], relations: list[int]) -> _Parts:
    columns = await read_columns(connection, relations)
    return _Parts(
        columns=columns,
        constraints=await read_constraints(connection, relations),
        indexes=await read_indexes(connection, relations),
        sequences=await read_sequences(connection, relations),
        partitions=await read_partition_trees(connection, relations),
        requirements=await read_requirements(connection, relations),
        objects=await read_table_objects(connection, relations),
    )


def _table_schema(record: Any, parts: _Parts) -> TableSchema:
    oid = record["oid"]
    constraints = parts.constraints.get(oid, Constraints())
    requirements = parts.requirements.get(oid, Requirements())
    tree = parts.partitions.get(oid, PartitionTree())
    return TableSchema.model_validate(
        {
            "dialect": DIALECT,
            "name": TableName(schema_name=record["schema"], name=record["name"]),
            "kind": KINDS[record["kind"]],
            "columns": parts.columns.get(oid, []),
            "primary_key": constraints.primary_key,
            "unique_keys": constraints.unique_keys,
            "indexes": parts.indexes.get(oid, []),
            "checks": constraints.checks,
            "foreign_keys": constraints.foreign_keys,
            "sequences": parts.sequences.get(oid, []),
            "partition_key": record["partition_key"],
            "partitions": tree.partitions,
            "types": requirements.types,
            "extensions": requirements.extensions,
            "comment": record["comment"],
            "not_carried": [*parts.objects.get(oid, []), *requirements.not_carried],
            "estimated_rows": tree.rows,
            "estimated_bytes": tree.bytes,
        }
    )


def _pattern(pattern: str, default_schema: str) -> re.Pattern[str]:
    """Only `*` and `?` are special."""
    full = pattern if "." in pattern else f"{default_schema}.{pattern}"
    return re.compile(fnmatch.translate(full.replace("[", "[[]")))
