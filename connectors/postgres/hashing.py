"""Row hashes in SQL, exact where PostgreSQL's own equality is lenient.

`hash_record_extended` calls equal what `=` calls equal: 1.10 and 1.1, -0.0 and 0, '1 mon' and '30 days', arrays of
other bounds; enum values it hashes by object id. Columns of such types are hashed by their text or their bytes instead.
"""

from __future__ import annotations

from connectors.base import CANONICAL_DIGEST, DigestColumn, DigestMethod
from connectors.postgres.sql import identifier
from core.schema import Column

RECORD_HASH = "postgres-record-hash-64/2"

# Equality of these types is identity of the stored value, and their hash is the same on every server.
NUMBER_TYPES = ("bool", "int2", "int4", "int8", "oid")
TEXT_TYPES = ("text", "varchar", "name", "bytea", "uuid", "macaddr", "macaddr8", "pg_lsn")
TIME_TYPES = ("date", "time", "timestamp", "timestamptz")
IDENTITY_TYPES = frozenset((*NUMBER_TYPES, *TEXT_TYPES, *TIME_TYPES))
# Their cast to text is not their output function (pg_cast has an entry), and COPY writes the output function's text.
CAST_DIFFERS_TYPES = frozenset(["bool", "bpchar", "char", "inet", "cidr", "xml", "name"])


def digest_form(column: Column, algorithm: str) -> str:
    """The form of a column (see `expression`) that tells any two different values apart."""
    base = column.base_type
    if base == "float4":
        return "float32"
    if base == "float8":
        return "float64"
    if algorithm == RECORD_HASH and column.kind in ("base", "domain") and _hash_is_exact(column):
        return "native"
    return "output" if base in CAST_DIFFERS_TYPES else "text"


def expression(column: DigestColumn) -> str:
    """SQL of the value that is hashed."""
    name = identifier(column.name)
    match column.form:
        case "native":
            return name
        case "text":
            return f'({name}::text COLLATE "C")'
        case "output":
            return f"CASE WHEN {name} IS NOT NULL THEN format('%s', {name}) COLLATE \"C\" END"
        case "decimal":
            return f'(trim_scale({name}::numeric)::text COLLATE "C")'
        case "float32":
            return _float_bits(name, "float4send", "7fc00000")
        case "float64":
            return _float_bits(name, "float8send", "7ff8000000000000")
    raise ValueError(f"unknown digest form {column.form}")


def row_hash(proof: DigestMethod) -> str:
    """SQL of one row's hash, a bigint."""
    values = [expression(column) for column in proof.columns]
    if proof.algorithm == RECORD_HASH:
        # The record hash is linear in its columns' hashes (31 * before + next, as in hash_array_extended), so sums of
        # it do not change when two rows swap values. Hashed once more it is not linear.
        return f'hashtextextended(hash_record_extended(ROW({", ".join(values)}), 0)::text COLLATE "C", 0)'
    if proof.algorithm == CANONICAL_DIGEST:
        pieces = " || ".join(f"coalesce(octet_length({value}) || ':' || {value}, '~')" for value in values)
        return f"('x' || substr(md5({pieces}), 18, 15))::bit(60)::bigint"
    raise ValueError(f"unknown digest algorithm {proof.algorithm}")


def aggregate(proof: DigestMethod) -> str:
    """SQL of the digest of many rows: their number and the sum of their hashes (numeric, may be negative)."""
    return f"count(*), coalesce(sum({row_hash(proof)}), 0)"


def _float_bits(name: str, send: str, not_a_number: str) -> str:
    """The IEEE bits, which tell -0.0 from 0; a computed NaN may have other bits than one that was typed in."""
    return f"CASE WHEN {name} = 'NaN' THEN '{not_a_number}' ELSE encode({send}({name}), 'hex') END"


def _hash_is_exact(column: Column) -> bool:
    if column.base_type == "numeric":
        return column.kind == "base" and column.modifier >= 0
    return column.base_type in IDENTITY_TYPES and column.deterministic
