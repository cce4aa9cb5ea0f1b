"""What tables need before they can be created: types, collations, extensions; and the routines that stay behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from connectors.postgres.sql import identifier, literal, qualified
from core.schema import NotCarried, TableName, TypeDefinition

# Built-in objects are pinned and have no pg_depend rows; those of information_schema lie below 16384.
# Functions and operators are not followed further: they are not carried, so what they need is not needed.
DEPENDENCIES_QUERY = """
WITH RECURSIVE edge(root, from_class, from_object, class, object) AS (
    SELECT root, 0::oid, 0::oid, class, object
    FROM (
        SELECT relation, 'pg_class'::regclass::oid, relation FROM unnest($1::oid[]) AS relation
        UNION ALL
        SELECT adrelid, 'pg_attrdef'::regclass::oid, oid FROM pg_attrdef WHERE adrelid = ANY($1::oid[])
        UNION ALL
        SELECT conrelid, 'pg_constraint'::regclass::oid, oid FROM pg_constraint WHERE conrelid = ANY($1::oid[])
        UNION ALL
        SELECT indrelid, 'pg_class'::regclass::oid, indexrelid FROM pg_index WHERE indrelid = ANY($1::oid[])
    ) AS beginning(root, class, object)
  UNION
    SELECT edge.root, edge.class, edge.object, needed.class, needed.object
    FROM edge CROSS JOIN LATERAL (
        SELECT d.refclassid, d.refobjid FROM pg_depend AS d
        WHERE d.classid = edge.class AND d.objid = edge.object AND (
            d.refclassid IN ('pg_type'::regclass, 'pg_collation'::regclass, 'pg_opclass'::regclass,
                             'pg_operator'::regclass, 'pg_proc'::regclass, 'pg_am'::regclass)
            OR d.refclassid = 'pg_class'::regclass
               AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = d.refobjid AND c.relkind = 'c'))
        UNION ALL
        SELECT 'pg_constraint'::regclass::oid, c.oid FROM pg_constraint AS c
        WHERE edge.class = 'pg_type'::regclass AND c.contypid = edge.object
    ) AS needed(class, object)
    WHERE needed.object >= 16384 AND edge.class NOT IN ('pg_proc'::regclass, 'pg_operator'::regclass)
)
SELECT edge.*, x.extname, xn.nspname AS extension_schema, edge.class::regclass::text AS catalog,
       CASE WHEN edge.class IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass)
            THEN pg_describe_object(edge.class, edge.object, 0) END AS description
FROM edge
LEFT JOIN pg_depend AS e ON e.classid = edge.class AND e.objid = edge.object AND e.deptype = 'e'
LEFT JOIN pg_extension AS x ON x.oid = e.refobjid
LEFT JOIN pg_namespace AS xn ON xn.oid = x.extnamespace
ORDER BY edge.root, edge.class, edge.object
"""

TYPES_QUERY = """
SELECT t.oid, n.nspname AS schema, t.typname AS name, t.typtype::text AS typtype, t.typnotnull,
       format_type(t.typbasetype, t.typtypmod) AS base,
       pg_get_expr(t.typdefaultbin, 'pg_type'::regclass) AS default_value,
       (SELECT format('%I.%I', cn.nspname, co.collname)
        FROM pg_type AS b, pg_collation AS co JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
        WHERE b.oid = t.typbasetype AND co.oid = t.typcollation AND b.typcollation <> t.typcollation) AS collation,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       ARRAY(SELECT format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) || coalesce(
                 (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname)
                  FROM pg_type AS b, pg_collation AS co JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
                  WHERE b.oid = a.atttypid AND co.oid = a.attcollation AND b.typcollation <> a.attcollation), '')
             FROM pg_attribute AS a
             WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS attributes,
       ARRAY(SELECT format('CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid))
             FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c' AND c.convalidated
             ORDER BY c.conname) AS checks,
       ARRAY(SELECT format('CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid))
             FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c' AND NOT c.convalidated
             ORDER BY c.conname) AS unchecked,
       (SELECT format('SUBTYPE = %s, SUBTYPE_OPCLASS = %I.%I', format_type(r.rngsubtype, NULL), opn.nspname, op.opcname)
            || coalesce((SELECT format(', COLLATION = %I.%I', cn.nspname, co.collname)
                         FROM pg_collation AS co JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
                         WHERE co.oid = r.rngcollation), '')
            || CASE WHEN r.rngcanonical <> 0 THEN format(', CANONICAL = %s', r.rngcanonical) ELSE '' END
            || CASE WHEN r.rngsubdiff <> 0 THEN format(', SUBTYPE_DIFF = %s', r.rngsubdiff) ELSE '' END
            || format(', MULTIRANGE_TYPE_NAME = %s', format_type(r.rngmultitypid, NULL))
        FROM pg_range AS r JOIN pg_opclass AS op ON op.oid = r.rngsubopc
        JOIN pg_namespace AS opn ON opn.oid = op.opcnamespace WHERE r.rngtypid = t.oid) AS range_options
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE (t.oid = ANY($1::oid[]) OR format('%s.%s', n.nspname, t.typname) = ANY($2::text[]))
  AND t.typtype IN ('d', 'e', 'c', 'r') AND (t.typrelid = 0 OR c.relkind = 'c')
"""

# The column that holds an ICU locale was renamed twice (collcollate, 15: colliculocale, 17: colllocale).
COLLATIONS_QUERY = """
SELECT oid, schema, name, provider, deterministic, sorting, ctype, rules,
       coalesce(attributes ->> 'colllocale', attributes ->> 'colliculocale', sorting) AS locale
FROM (
    SELECT c.oid, n.nspname AS schema, c.collname AS name, c.collprovider::text AS provider,
           c.collisdeterministic AS deterministic, c.collcollate::text AS sorting, c.collctype::text AS ctype,
           to_jsonb(c) ->> 'collicurules' AS rules, to_jsonb(c) AS attributes
    FROM pg_collation AS c JOIN pg_namespace AS n ON n.oid = c.collnamespace
    WHERE c.oid = ANY($1::oid[]) OR format('%s.%s', n.nspname, c.collname) = ANY($2::text[])
) AS known
"""


@dataclass
class Requirements:
    """What one table needs. `types` in the order in which they must be created."""

    types: list[TypeDefinition] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    """Native text after `CREATE EXTENSION IF NOT EXISTS`."""
    not_carried: list[NotCarried] = field(default_factory=list)


@dataclass(frozen=True)
class _Object:
    catalog: str
    oid: int
    extension: str | None
    description: str | None


async def read_requirements(connection: asyncpg.Connection[Any], relations: Sequence[int]) -> dict[int, Requirements]:
    """Requirements by relation, found through pg_depend for all relations at once."""
    edges = await connection.fetch(DEPENDENCIES_QUERY, list(relations))
    objects = {(edge["catalog"], edge["object"]): _object(edge) for edge in edges}
    definitions = await _read_definitions(connection, objects.values())
    by_root: dict[int, list[Any]] = {}
    for edge in edges:
        by_root.setdefault(edge["root"], []).append(edge)
    catalogs = {edge["class"]: edge["catalog"] for edge in edges}
    return {root: _requirements(_creation_order(own, catalogs), objects, definitions) for root, own in by_root.items()}


async def find_fingerprints(connection: asyncpg.Connection[Any], names: Iterable[TableName]) -> dict[TableName, str]:
    """Fingerprints of the types and collations of these names that exist."""
    wanted = [f"{name.schema_name}.{name.name}" for name in names]
    types = [_type_definition(record) for record in await connection.fetch(TYPES_QUERY, [], wanted)]
    collations = [_collation_definition(record) for record in await connection.fetch(COLLATIONS_QUERY, [], wanted)]
    return {known.name: known.fingerprint for known in (*collations, *types)}


async def _read_definitions(
    connection: asyncpg.Connection[Any], objects: Iterable[_Object]
) -> dict[tuple[str, int], TypeDefinition]:
    own = [known for known in objects if known.extension is None]
    types = [known.oid for known in own if known.catalog == "pg_type"]
    collations = [known.oid for known in own if known.catalog == "pg_collation"]
    definitions: dict[tuple[str, int], TypeDefinition] = {}
    for record in await connection.fetch(TYPES_QUERY, types, []):
        definitions["pg_type", record["oid"]] = _type_definition(record)
    for record in await connection.fetch(COLLATIONS_QUERY, collations, []):
        definitions["pg_collation", record["oid"]] = _collation_definition(record)
    return definitions


def _object(edge: Any) -> _Object:
    extension = None
    if edge["extname"] is not None:
        extension = f"{identifier(edge['extname'])} SCHEMA {identifier(edge['extension_schema'])}"
    return _Object(edge["catalog"], edge["object"], extension, edge["description"])


def _creation_order(edges: Sequence[Any], catalogs: dict[int, str]) -> list[tuple[str, int]]:
    """Objects of one table, each after those it needs (depth first)."""
    needs: dict[tuple[str, int], list[tuple[str, int]]] = {}
    beginnings = []
    for edge in edges:
        target = (edge["catalog"], edge["object"])
        if edge["from_object"] == 0:
            beginnings.append(target)
        else:
            needs.setdefault((catalogs[edge["from_class"]], edge["from_object"]), []).append(target)
    order: list[tuple[str, int]] = []
    seen: set[tuple[str, int]] = set()

    def visit(node: tuple[str, int]) -> None:
        if node not in seen:
            seen.add(node)
            for needed in needs.get(node, []):
                visit(needed)
            order.append(node)

    for beginning in beginnings:
        visit(beginning)
    return order


def _requirements(
    order: Sequence[tuple[str, int]],
    objects: dict[tuple[str, int], _Object],
    definitions: dict[tuple[str, int], TypeDefinition],
) -> Requirements:
    required = Requirements()
    for node in order:
        known = objects[node]
        if known.extension is not None:
            if known.extension not in required.extensions:
                required.extensions.append(known.extension)
        elif node in definitions:
            required.types.append(definitions[node])
        elif known.description is not None:
            required.not_carried.append(
                NotCarried(
                    object=known.description,
                    kind="routine",
                    reason="used by an expression or index of the table; it must exist at the destination",
                )
            )
    return required


def _type_definition(record: Any) -> TypeDefinition:
    name = TableName(schema_name=record["schema"], name=record["name"])
    target = qualified(name)
    match record["typtype"]:
        case "e":
            labels = ", ".join(literal(label) for label in record["labels"])
            return _definition(name, "enum", [f"CREATE TYPE {target} AS ENUM ({labels})"])
        case "c":
            return _definition(name, "composite", [f"CREATE TYPE {target} AS ({', '.join(record['attributes'])})"])
        case "r":
            return _definition(name, "range", [f"CREATE TYPE {target} AS RANGE ({record['range_options']})"])
    clauses = [f"CREATE DOMAIN {target} AS {record['base']}"]
    if record["collation"]:
        clauses.append(f"COLLATE {record['collation']}")
    if record["default_value"] is not None:
        clauses.append(f"DEFAULT {record['default_value']}")
    if record["typnotnull"]:
        clauses.append("NOT NULL")
    clauses.extend(record["checks"])
    added = [f"ALTER DOMAIN {target} ADD {check}" for check in record["unchecked"]]
    return _definition(name, "domain", [" ".join(clauses), *added])


def _collation_definition(record: Any) -> TypeDefinition:
    name = TableName(schema_name=record["schema"], name=record["name"])
    if record["provider"] == "c":
        options = [f"LC_COLLATE = {literal(record['sorting'])}", f"LC_CTYPE = {literal(record['ctype'])}"]
    else:
        provider = "icu" if record["provider"] == "i" else "builtin"
        options = [f"PROVIDER = {provider}", f"LOCALE = {literal(record['locale'])}"]
    if not record["deterministic"]:
        options.append("DETERMINISTIC = false")
    if record["rules"]:
        options.append(f"RULES = {literal(record['rules'])}")
    return _definition(name, "collation", [f"CREATE COLLATION {qualified(name)} ({', '.join(options)})"])


def _definition(name: TableName, kind: Any, statements: list[str]) -> TypeDefinition:
    """The statements are deparsed under one fixed search_path, so their text is the canonical form."""
    return TypeDefinition(name=name, kind=kind, statements=statements, fingerprint=";\n".join(statements))
