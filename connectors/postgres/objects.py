"""What a migration of tables leaves behind: of one table, and of a whole schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from connectors.postgres.errors import translated
from core.schema import NotCarried

# One row for each thing: relation, kind, name. Partitions' own things count as their root's.
TABLE_OBJECTS_QUERY = """
WITH RECURSIVE tree(root, oid, partition) AS (
    SELECT relation, relation, false FROM unnest($1::oid[]) AS relation
  UNION ALL
    SELECT tree.root, i.inhrelid, true
    FROM tree JOIN pg_inherits AS i ON i.inhparent = tree.oid
    JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relispartition
), relation AS (
    SELECT tree.root, tree.partition, c.*, to_jsonb(c) -> 'relacl' <> 'null'::jsonb AS granted
    FROM tree JOIN pg_class AS c ON c.oid = tree.oid
)
SELECT r.root, 'trigger' AS kind, t.tgname::text AS name
FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT r.root, 'rule', w.rulename FROM relation AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid
WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT r.root, 'policy', p.polname FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT r.root, 'row security', r.relname FROM relation AS r WHERE r.relrowsecurity
UNION ALL
SELECT r.root, 'statistics', s.stxname FROM relation AS r JOIN pg_statistic_ext AS s ON s.stxrelid = r.oid
UNION ALL
SELECT r.root, 'publication', p.pubname FROM relation AS r
JOIN pg_publication_rel AS m ON m.prrelid = r.oid JOIN pg_publication AS p ON p.oid = m.prpubid
UNION ALL
SELECT r.root, 'privileges', r.relname FROM relation AS r WHERE r.granted
UNION ALL
SELECT r.root, 'storage parameters', format('%s (%s)', r.relname, array_to_string(r.reloptions, ', '))
FROM relation AS r WHERE r.reloptions IS NOT NULL AND r.relkind IN ('r', 'p')
UNION ALL
SELECT r.root, 'unlogged', r.relname FROM relation AS r WHERE r.relpersistence = 'u'
UNION ALL
SELECT r.root, 'tablespace', s.spcname FROM relation AS r JOIN pg_tablespace AS s ON s.oid = r.reltablespace
UNION ALL
SELECT r.root, 'replica identity', r.relname FROM relation AS r WHERE r.relreplident NOT IN ('d', 'n')
UNION ALL
SELECT r.root, 'inheritance', format('%s.%s', pn.nspname, p.relname) FROM relation AS r
JOIN pg_inherits AS i ON i.inhrelid = r.oid JOIN pg_class AS p ON p.oid = i.inhparent AND p.relkind <> 'p'
JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
UNION ALL
SELECT r.root, 'partition of', format('%s.%s', pn.nspname, p.relname) FROM relation AS r
JOIN pg_inherits AS i ON i.inhrelid = r.oid JOIN pg_class AS p ON p.oid = i.inhparent AND p.relkind = 'p'
JOIN pg_namespace AS pn ON pn.oid = p.relnamespace WHERE NOT r.partition
UNION ALL
SELECT r.root, 'foreign table', r.relname FROM relation AS r WHERE r.relkind = 'f'
UNION ALL
SELECT r.root, 'view', r.relname FROM relation AS r WHERE r.relkind IN ('v', 'm')
UNION ALL
SELECT r.root, 'invalid index', x.relname FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.oid
JOIN pg_class AS x ON x.oid = i.indexrelid WHERE NOT i.indisvalid
UNION ALL
SELECT r.root, 'index of a partition', x.relname FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.oid
JOIN pg_class AS x ON x.oid = i.indexrelid WHERE r.partition AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
UNION ALL
SELECT r.root, 'constraint of a partition', c.conname FROM relation AS r JOIN pg_constraint AS c ON c.conrelid = r.oid
WHERE r.partition AND c.contype IN ('c', 'f') AND c.conparentid = 0 AND c.coninhcount = 0
ORDER BY 1, 2, 3
"""

TABLE_REASONS = {
    "trigger": "triggers are not carried; create it at the destination after the migration",
    "rule": "rules are not carried; create it at the destination after the migration",
    "policy": "row security policies are not carried; create it at the destination after the migration",
    "row security": "row security is not switched on at the destination",
    "statistics": "extended statistics are not carried; create it at the destination, then ANALYZE",
    "publication": "membership in publications is not carried",
    "privileges": "privileges are not carried; objects belong to the user of the job",
    "storage parameters": "storage parameters are not carried; the destination's defaults apply",
    "unlogged": "the table is unlogged at the source; it is logged at the destination",
    "tablespace": "tablespaces are not carried; the destination's default tablespace is used",
    "replica identity": "replica identity is not carried; the destination has the default one",
    "inheritance": "inheritance is not carried; the table stands alone at the destination, with its own rows only",
    "partition of": "the table is a partition at the source; it stands alone at the destination",
    "foreign table": "its rows are read through the server; the destination gets an ordinary table",
    "view": "its rows are read as they are now; the destination gets an ordinary table",
    "invalid index": "the index is invalid at the source",
    "index of a partition": "indexes of single partitions are not carried; create it at the destination",
    "constraint of a partition": "constraints of single partitions are not carried; add it at the destination",
}

# Objects of extensions, and those that other objects own (a serial's sequence, a table's row type), are left out.
SCHEMA_OBJECTS_QUERY = """
SELECT found.kind, found.name
FROM (
    SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
           ELSE 'sequence' END AS kind, n.nspname AS schema, format('%s.%s', n.nspname, c.relname) AS name,
           'pg_class'::regclass AS class, c.oid
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm', 'f', 'S') AND NOT (c.relkind = 'S' AND EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname,
           format('%s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
           'pg_proc'::regclass, p.oid
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND d.deptype = 'i')
    UNION ALL
    SELECT 'trigger', n.nspname, format('%s on %s.%s', t.tgname, n.nspname, c.relname), 'pg_trigger'::regclass, t.oid
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL
    SELECT 'rule', n.nspname, format('%s on %s.%s', w.rulename, n.nspname, c.relname), 'pg_rewrite'::regclass, w.oid
    FROM pg_rewrite AS w JOIN pg_class AS c ON c.oid = w.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', n.nspname, format('%s on %s.%s', p.polname, n.nspname, c.relname), 'pg_policy'::regclass, p.oid
    FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    UNION ALL
    SELECT 'statistics', n.nspname, format('%s.%s', n.nspname, s.stxname), 'pg_statistic_ext'::regclass, s.oid
    FROM pg_statistic_ext AS s JOIN pg_namespace AS n ON n.oid = s.stxnamespace
    UNION ALL
    SELECT 'operator', n.nspname, pg_describe_object('pg_operator'::regclass, o.oid, 0), 'pg_operator'::regclass, o.oid
    FROM pg_operator AS o JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    UNION ALL
    SELECT 'text search configuration', n.nspname, format('%s.%s', n.nspname, f.cfgname), 'pg_ts_config'::regclass,
           f.oid
    FROM pg_ts_config AS f JOIN pg_namespace AS n ON n.oid = f.cfgnamespace
    UNION ALL
    SELECT 'event trigger', NULL, e.evtname, 'pg_event_trigger'::regclass, e.oid FROM pg_event_trigger AS e
    UNION ALL
    SELECT 'publication', NULL, p.pubname, 'pg_publication'::regclass, p.oid FROM pg_publication AS p
) AS found
WHERE (found.schema = ANY($1::text[]) OR found.schema IS NULL)
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = found.class AND d.objid = found.oid AND d.deptype = 'e')
ORDER BY found.kind, found.name COLLATE "C"
"""

SCHEMA_REASONS = {
    "view": "only tables are carried; a view named in the job becomes an ordinary table",
    "materialized view": "only tables are carried; one named in the job becomes an ordinary table",
    "foreign table": "only tables are carried; one named in the job becomes an ordinary table",
    "sequence": "no column owns it; it is carried only where a default of a table in the job uses it",
    "event trigger": "event triggers belong to the database and are not carried",
    "publication": "publications belong to the database and are not carried",
}


async def read_table_objects(
    connection: asyncpg.Connection[Any], relations: Sequence[int]
) -> dict[int, list[NotCarried]]:
    """What each table has that its copy will not have."""
    found: dict[int, list[NotCarried]] = {}
    for record in await connection.fetch(TABLE_OBJECTS_QUERY, list(relations)):
        kind = record["kind"]
        found.setdefault(record["root"], []).append(
            NotCarried(object=record["name"], kind=kind, reason=TABLE_REASONS[kind])
        )
    return found


async def list_not_carried(connection: asyncpg.Connection[Any], schemas: Sequence[str]) -> list[NotCarried]:
    """Views, routines, triggers and the like in these schemas, and the database's own event triggers and publications;
    sorted by kind and name."""
    with translated("listing what is not carried"):
        records = await connection.fetch(SCHEMA_OBJECTS_QUERY, list(schemas))
    return [
        NotCarried(
            object=record["name"],
            kind=record["kind"],
            reason=SCHEMA_REASONS.get(record["kind"], "only tables and what belongs to them are carried"),
        )
        for record in records
    ]
