"""What the values of a PostgreSQL column are, in the words of core/value_type.py."""

from __future__ import annotations

from dataclasses import dataclass

from core.value_type import ValueType

NUMERIC_HEADER = 4
"""Bytes that are added to every modifier of numeric, char and varchar (VARHDRSZ)."""
FULL_FRACTION = 0xFFFF
"""Of an interval's modifier: no number of digits was given."""

PLAIN: dict[str, ValueType] = {
    "bool": ValueType(kind="boolean"),
    "int2": ValueType(kind="integer", bits=16),
    "int4": ValueType(kind="integer", bits=32),
    "int8": ValueType(kind="integer", bits=64),
    **dict.fromkeys(("oid", "xid", "cid"), ValueType(kind="integer", bits=32, signed=False)),
    "xid8": ValueType(kind="integer", bits=64, signed=False),
    "float4": ValueType(kind="float32"),
    "float8": ValueType(kind="float64"),
    "text": ValueType(kind="text"),
    "citext": ValueType(kind="text"),
    "name": ValueType(kind="text", length=63),
    "char": ValueType(kind="text", length=4),
    "bytea": ValueType(kind="binary"),
    "date": ValueType(kind="date"),
    "uuid": ValueType(kind="uuid"),
    "json": ValueType(kind="json"),
    "jsonb": ValueType(kind="json", normalised=True),
}
"""By the catalog's name. `"char"` prints a byte above 127 as a backslash and three digits."""
OTHER = ValueType(kind="other")

JSON_ELEMENTS = frozenset(["json", "jsonb"])
"""Arrays of these travel in their own text: in JSON, an element that is JSON's null would look like a missing one."""


@dataclass(frozen=True)
class CatalogType:
    """A column's type under its domains, as `pg_type` has it."""

    name: str
    modifier: int
    kind: str
    """`typtype`, or `a` for a true array."""
    labels: tuple[str, ...] = ()
    element: str = ""
    """Name of an array's elements' type where that is a built-in one or an enum, else ''."""


def value_of(native: CatalogType) -> ValueType:
    """What the values are."""
    if native.kind == "a":
        spelled = native.element not in ("", *JSON_ELEMENTS) and native.name not in ("int2vector", "oidvector")
        return ValueType(kind="array") if spelled else OTHER
    if native.kind == "e":
        return ValueType(kind="enum", labels=native.labels)
    if native.kind != "b":
        return OTHER
    return PLAIN.get(native.name) or _modified(native.name, native.modifier)


def _modified(name: str, modifier: int) -> ValueType:
    limit = modifier - NUMERIC_HEADER if modifier >= NUMERIC_HEADER else None
    digits = 6 if modifier < 0 else modifier
    match name:
        case "numeric":
            return ValueType(kind="decimal", specials=True) if limit is None else _numeric(limit)
        case "varchar":
            return ValueType(kind="text", length=limit)
        case "bpchar":
            return ValueType(kind="char", length=limit)
        case "bit" | "varbit":
            return ValueType(kind="bits", length=None if modifier < 0 else modifier, fixed=name == "bit")
        case "time":
            return ValueType(kind="time", fraction=digits)
        case "timetz":
            return ValueType(kind="time_tz", fraction=digits)
        case "timestamp":
            return ValueType(kind="timestamp", fraction=digits)
        case "timestamptz":
            return ValueType(kind="timestamp_tz", fraction=digits)
        case "interval":
            digits = modifier & FULL_FRACTION
            return ValueType(kind="interval", fraction=6 if modifier < 0 or digits == FULL_FRACTION else digits)
    return OTHER


def _numeric(limit: int) -> ValueType:
    """The scale is eleven bits with a sign (numeric.c, numeric_typmod_scale)."""
    return ValueType(
        kind="decimal", precision=(limit >> 16) & 0xFFFF, scale=((limit & 0x7FF) ^ 1024) - 1024, specials=True
    )
