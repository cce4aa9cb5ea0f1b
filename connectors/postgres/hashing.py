"""Row hashes in SQL, exact where PostgreSQL's own hashes are lenient.

A type's hash promises only that what `=` calls equal hashes alike: 1.10 and 1.1, -0.0 and 0, '1 mon' and '30 days',
arrays of other bounds. It may promise less: `hash_numeric_extended` leaves out the sign and gives NaN the 0 that
`hash_record_extended` gives NULL; `hashint8extended`, which timestamps, time and pg_lsn use too, folds to 32 bits, so
that -1 and 4294967295 hash alike; enums are hashed by object id. Such columns are hashed by their bytes or their text.

Only functions that every supported server has (PostgreSQL 14 and newer): both ends must speak of the same sum.
"""

from __future__ import annotations

from connectors.contract import CANONICAL_DIGEST, DigestColumn, DigestMethod
from connectors.postgres import interchange
from connectors.postgres.sql import identifier
from core.schema import Column

RECORD_HASH = "postgres-record-hash-64/4"

# Equality of these types is identity of the stored value; their hash takes in all of it, is the same on every server
# and is not the 0 of NULL for 0, false or the empty string.
NUMBER_TYPES = ("bool", "int2", "int4", "oid", "date")
TEXT_TYPES = ("text", "varchar", "name", "bytea", "uuid", "macaddr", "macaddr8")
IDENTITY_TYPES = frozenset((*NUMBER_TYPES, *TEXT_TYPES))
# Function by type that gives the whole stored value as bytes (of numeric sign and scale too, of an interval its three
# parts): a fraction of the cost of the text, and hash_any takes in all of them.
SEND_FUNCTIONS = {
    "int8": "int8send",
    "numeric": "numeric_send",
    "bpchar": "bpcharsend",
    "interval": "interval_send",
    "time": "time_send",
    "timetz": "timetz_send",
    "timestamp": "timestamp_send",
    "timestamptz": "timestamptz_send",
    "pg_lsn": "pg_lsn_send",
}
# Their cast to text is not their output function (pg_cast has an entry), and COPY writes the output function's text.
CAST_DIFFERS_TYPES = frozenset(["bool", "bpchar", "char", "inet", "cidr", "xml", "name"])


def digest_form(column: Column, algorithm: str) -> str:
    """The form of a column (see `expression`) that tells any two different values apart."""
    base = column.base_type
    if base == "float4":
        return "float32"
    if base == "float8":
        return "float64"
    if algorithm == RECORD_HASH and column.kind in ("base", "domain"):
        if base in SEND_FUNCTIONS:
            return SEND_FUNCTIONS[base]
        if base in IDENTITY_TYPES and column.deterministic:
            return "native"
    return "output" if base in CAST_DIFFERS_TYPES else "text"


def expression(column: DigestColumn) -> str:
    """SQL of the value that is hashed."""
    if column.value is not None:
        return interchange.hashed(column)
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
        case "float32" | "float64":
            return interchange.float_bits(name, column.form)
        case send if send in SEND_FUNCTIONS.values():
            return f"{send}({name})"
    raise ValueError(f"unknown digest form {column.form}")


def readable(column: DigestColumn) -> str:
    """SQL of the value as people read it."""
    if column.value is not None:
        return interchange.printed(column)
    is_text = column.form in ("text", "output", "decimal")
    return expression(column) if is_text else f"{identifier(column.name)}::text"


def in_server(proof: DigestMethod) -> bool:
    """SQL can compute it: no column's text must be brought into a form that only connectors/canonical.py makes."""
    return all(column.form != "json" for column in proof.columns)


def row_hash(proof: DigestMethod) -> str:
    """SQL of one row's hash, a bigint."""
    values = [expression(column) for column in proof.columns]
    if proof.algorithm == RECORD_HASH:
        # The record hash is linear in its columns' hashes (31 * before + next, as in hash_array_extended), so sums of
        # it do not change when two rows swap values. As the seed of one more hash, which takes in all 64 bits of it
        # (hash_bytes_uint32_extended), it is not linear.
        return f"hashint4extended(0, hash_record_extended(ROW({', '.join(values)}), 0))"
    if proof.algorithm == CANONICAL_DIGEST:
        pieces = " || ".join(f"coalesce(octet_length({value}) || ':' || {value}, '~')" for value in values)
        return f"('x' || substr(md5({pieces}), 18, 15))::bit(60)::bigint"
    raise ValueError(f"unknown digest algorithm {proof.algorithm}")


def aggregate(proof: DigestMethod) -> str:
    """SQL of the digest of many rows: their number and the sum of their hashes (numeric, may be negative)."""
    return f"count(*), coalesce(sum({row_hash(proof)}), 0)"
