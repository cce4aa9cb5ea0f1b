"""SQL of interchange text (core/value_type.py): as COPY prints it, and as the canonical digest hashes it.

Under the settings of every session (session.py) the output functions print interchange text, but for two types:
char(n), whose blanks at the end are no part of the value, and arrays, which travel as JSON. A destination's column may
also be of another type than the values that it took; then they are printed as what they were.
"""

from __future__ import annotations

import re

from connectors.contract import DigestColumn
from connectors.postgres.sql import identifier
from core.schema import Column
from core.value_type import ValueType

NUMBERS = frozenset(["real", "double precision"])
OWN_TEXTS = frozenset(["text", "character varying", "citext", "json", "jsonb"])
"""Types, without modifiers, that keep an array as the JSON that travelled."""
CAST_TYPES = frozenset(
    [
        *(
            "text",
            "character varying",
            "character",
            "bpchar",
            "json",
            "jsonb",
            "bytea",
            "uuid",
            "interval",
            "bit",
            "bit varying",
        ),
        *("smallint", "integer", "bigint", "date", "time without time zone", "time with time zone"),
        *("timestamp without time zone", "timestamp with time zone"),
    ]
)
"""Their cast to text is their output function (or leaves out the blanks of char(n)), and cheaper than format()."""
PLAIN_BOUNDS = r"'^(\[1:[0-9]+\])+$'"
LOCAL_TIMESTAMP = "timestamp without time zone"
ZONED_TIMESTAMP = "timestamp with time zone"
NOT_A_NUMBER = {"float32": ("float4", "7fc00000"), "float64": ("float8", "7ff8000000000000")}


def copied(column: Column) -> str:
    """What COPY is to print of a source's column."""
    name = identifier(column.name)
    return _printed(name, column.value, unmodified(column.type)) or name


def printed(column: DigestColumn) -> str:
    """The interchange text of a column, as text."""
    assert column.value is not None
    name, native = identifier(column.name), unmodified(column.native)
    special = _printed(name, column.value, native)
    if special is not None:
        return special
    if native in CAST_TYPES:
        return f"{name}::text"
    return f"CASE WHEN {name} IS DISTINCT FROM NULL THEN format('%s', {name}) END"  # a row of NULLs IS NULL


def hashed(column: DigestColumn) -> str:
    """The canonical text, which is hashed. Raises ValueError for `json`, which no SQL brings into one form."""
    name, native = identifier(column.name), unmodified(column.native)
    match column.form:
        case "text":
            return f'(({printed(column)}) COLLATE "C")'
        case "decimal":
            number = f"{name}::text" if native in NUMBERS else name
            return f'(trim_scale(({number})::numeric)::text COLLATE "C")'
        case "float32" | "float64":
            return float_bits(name, column.form)
    raise ValueError(f"unknown digest form {column.form}")


def float_bits(name: str, form: str) -> str:
    """The IEEE bits, which tell -0.0 from 0; a computed NaN may have other bits than one that was typed in."""
    number, not_a_number = NOT_A_NUMBER[form]
    value = f"{name}::{number}"
    return f"CASE WHEN {value} = 'NaN' THEN '{not_a_number}' ELSE encode({number}send({value}), 'hex') END"


def unmodified(native: str) -> str:
    """The type's name without its modifiers: `character varying` of `character varying(10)`."""
    return re.sub(r"\s*\([^)]*\)", "", native).strip()


def _printed(name: str, value: ValueType, native: str) -> str | None:
    """SQL where the column's own output is not the text of the value, None where it is."""
    match value.kind:
        case "char":
            return f"{name}::text"
        case "array" if native not in OWN_TEXTS:
            return (
                f"CASE WHEN array_dims({name}) !~ {PLAIN_BOUNDS} THEN {name}::text ELSE array_to_json({name})::text END"
            )
        case "integer":
            return _integer(name, native)
        case "date" if native == LOCAL_TIMESTAMP:
            return f"regexp_replace({name}::text, ' 00:00:00( BC)?$', '\\1')"
        case "timestamp" if native == ZONED_TIMESTAMP:
            return f"({name} AT TIME ZONE 'UTC')::text"
        case "timestamp_tz" if native == LOCAL_TIMESTAMP:
            return f"({name} AT TIME ZONE 'UTC')::text"
    return None


def _integer(name: str, native: str) -> str | None:
    if native == "boolean":
        return f"{name}::int::text"
    if native in NUMBERS:
        return f"{name}::text::numeric::text"
    return f"trim_scale({name})::text" if native == "numeric" else None
