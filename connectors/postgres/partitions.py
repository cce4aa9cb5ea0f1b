"""Partition trees and sizes, from the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from core.schema import Partition, TableName

# A table that was never analysed has reltuples -1: its rows are guessed from the width of its types, as the planner
# does (32 bytes for a type of variable width, 28 for the tuple's header and line pointer).
TREES_QUERY = """
WITH RECURSIVE tree(root, oid, parent, depth) AS (
    SELECT relation, relation, 0::oid, 0 FROM unnest($1::oid[]) AS relation
  UNION ALL
    SELECT tree.root, i.inhrelid, tree.oid, tree.depth + 1
    FROM tree JOIN pg_inherits AS i ON i.inhparent = tree.oid
    JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relispartition
), sized AS (
    SELECT tree.*, c.relname, c.relnamespace, c.relpartbound, c.relkind::text AS kind, c.reltuples, c.relpages,
           CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) ELSE 0 END AS heap,
           CASE WHEN c.reltoastrelid <> 0 THEN coalesce(pg_relation_size(c.reltoastrelid), 0) ELSE 0 END AS toast
    FROM tree JOIN pg_class AS c ON c.oid = tree.oid
)
SELECT sized.root, sized.depth, sized.kind, n.nspname AS schema, sized.relname AS name,
       pn.nspname AS parent_schema, p.relname AS parent_name,
       pg_get_expr(sized.relpartbound, sized.oid) AS bound, pg_get_partkeydef(sized.oid) AS key,
       coalesce(sized.heap, 0) AS heap, sized.toast,
       CASE WHEN sized.reltuples >= 0 AND sized.relpages > 0
            THEN sized.reltuples * coalesce(sized.heap, 0) / (sized.relpages * b.size)
            WHEN sized.reltuples >= 0 AND coalesce(sized.heap, 0) = 0 THEN sized.reltuples
            ELSE coalesce(sized.heap, 0) / (28 + (
                SELECT coalesce(sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE 32 END), 0)
                FROM pg_attribute AS a WHERE a.attrelid = sized.oid AND a.attnum > 0 AND NOT a.attisdropped))
       END::bigint AS rows
FROM sized
CROSS JOIN (SELECT current_setting('block_size')::bigint AS size) AS b
JOIN pg_namespace AS n ON n.oid = sized.relnamespace
LEFT JOIN pg_class AS p ON p.oid = sized.parent
LEFT JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
ORDER BY sized.root, sized.depth, n.nspname COLLATE "C", sized.relname COLLATE "C"
"""


@dataclass(frozen=True)
class Leaf:
    """A relation that holds rows itself. Sizes in bytes, now; `rows` is an estimate."""

    name: TableName
    kind: str
    heap: int
    toast: int
    rows: int


@dataclass
class PartitionTree:
    """One table's partitions, parents before children, and what its leaves (or itself) hold."""

    partitions: list[Partition] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Estimated rows of all leaves."""
        return sum(leaf.rows for leaf in self.leaves)

    @property
    def bytes(self) -> int:
        """Bytes of all leaves, out-of-line values included."""
        return sum(leaf.heap + leaf.toast for leaf in self.leaves)


async def read_partition_trees(
    connection: asyncpg.Connection[Any], relations: Sequence[int]
) -> dict[int, PartitionTree]:
    """Trees by root. A table without partitions is its own only leaf."""
    trees: dict[int, PartitionTree] = {}
    for record in await connection.fetch(TREES_QUERY, list(relations)):
        tree = trees.setdefault(record["root"], PartitionTree())
        name = TableName(schema_name=record["schema"], name=record["name"])
        if record["depth"] > 0:
            parent = TableName(schema_name=record["parent_schema"], name=record["parent_name"])
            tree.partitions.append(Partition(name=name, parent=parent, bound=record["bound"], key=record["key"]))
        if record["kind"] != "p":
            tree.leaves.append(Leaf(name, record["kind"], record["heap"], record["toast"], record["rows"]))
    return trees
