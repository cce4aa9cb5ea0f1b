"""Which columns take every value of which others, and what a type's name says about a column."""

from __future__ import annotations

from core.schema import Column

# A value of the left type is the same text in any type to its right, so it arrives unchanged.
WIDENINGS = (
    ("int2", "int4", "int8", "numeric"),
    ("bpchar", "varchar", "text"),
    ("name", "varchar", "text"),
)
# Names in SQL and in the catalog (manual, chapter "Data Types", table of aliases).
INTERNAL_NAMES = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "boolean": "bool",
    "character varying": "varchar",
    "character": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
}


def keeps_values(column: Column, arrival: Column) -> bool:
    """Every value of the source's column is the same value in the destination's."""
    if column.type == arrival.type:
        return True
    if arrival.modifier >= 0:
        return column.base_type == arrival.base_type and _is_wider(column, arrival)
    return column.base_type == arrival.base_type or any(
        column.base_type in chain and arrival.base_type in chain[chain.index(column.base_type) :] for chain in WIDENINGS
    )


def column_of(name: str, type_text: str, nullable: bool) -> Column:
    """A column that a transformation makes, of a built-in type."""
    plain = type_text.split("(", 1)[0].strip()
    return Column(name=name, type=type_text, base_type=INTERNAL_NAMES.get(plain, plain), nullable=nullable)


def _is_wider(column: Column, arrival: Column) -> bool:
    """A longer limit keeps every value; so does a higher precision of the same scale (typmod: precision << 16)."""
    if column.base_type == "numeric":
        return 0 <= column.modifier <= arrival.modifier and column.modifier & 0xFFFF == arrival.modifier & 0xFFFF
    return column.base_type in ("varchar", "varbit") and 0 <= column.modifier <= arrival.modifier
