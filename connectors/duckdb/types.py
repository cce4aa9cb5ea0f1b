"""DuckDB's types in the words of core/value_type.py, and which of them hold which values. Pure.

Facts checked on DuckDB 2.0: VARCHAR keeps no length; DECIMAL has at most 38 digits; dates reach from 5877642 BC to
5881580 and timestamps from 290309 BC to 294247, both with infinity; TIMESTAMP_NS from 1677 to 2262; an empty BIT
becomes `0`; enums are written inline.
"""

from __future__ import annotations

import re

from connectors.sql.holding import held
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType, Verdict

OWN = "duckdb:"
"""Begins `Column.base_type` of columns that this catalog describes: type names alone are other databases' too."""
SIMPLE: dict[str, ValueType] = {
    "BOOLEAN": ValueType(kind="boolean"),
    "TINYINT": ValueType(kind="integer", bits=8),
    "SMALLINT": ValueType(kind="integer", bits=16),
    "INTEGER": ValueType(kind="integer", bits=32),
    "BIGINT": ValueType(kind="integer", bits=64),
    "UTINYINT": ValueType(kind="integer", bits=8, signed=False),
    "USMALLINT": ValueType(kind="integer", bits=16, signed=False),
    "UINTEGER": ValueType(kind="integer", bits=32, signed=False),
    "UBIGINT": ValueType(kind="integer", bits=64, signed=False),
    "HUGEINT": ValueType(kind="decimal", precision=39),
    "UHUGEINT": ValueType(kind="decimal", precision=39),
    "BIGNUM": ValueType(kind="decimal"),
    "FLOAT": ValueType(kind="float32"),
    "DOUBLE": ValueType(kind="float64"),
    "VARCHAR": ValueType(kind="text"),
    "BLOB": ValueType(kind="binary"),
    "DATE": ValueType(kind="date"),
    "TIME": ValueType(kind="time"),
    "TIME_NS": ValueType(kind="time", fraction=9),
    "TIME WITH TIME ZONE": ValueType(kind="time_tz"),
    "TIMESTAMP_S": ValueType(kind="timestamp", fraction=0),
    "TIMESTAMP_MS": ValueType(kind="timestamp", fraction=3),
    "TIMESTAMP": ValueType(kind="timestamp"),
    "TIMESTAMP_NS": ValueType(kind="timestamp", fraction=9),
    "TIMESTAMP WITH TIME ZONE": ValueType(kind="timestamp_tz"),
    "TIMESTAMPTZ_NS": ValueType(kind="timestamp_tz", fraction=9),
    "INTERVAL": ValueType(kind="interval"),
    "UUID": ValueType(kind="uuid"),
    "JSON": ValueType(kind="json"),
    "BIT": ValueType(kind="bits"),
}
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
LABEL = re.compile(r"'((?:[^']|'')*)'")
NESTED = frozenset(["LIST", "STRUCT", "MAP", "UNION"])
"""Types whose values travel as JSON."""
WIDEST = 38
NANOSECOND_YEARS = (1678, 2261)
"""Whole years within the range of 64 bits of nanoseconds."""
TEXT = "VARCHAR"
MICROSECONDS = 6
MICROSECOND_YEARS = Limit(kind="years", low=-290307, high=294246, labels=("infinity", "-infinity"))
"""Whole years within the range of 64 bits of microseconds; infinity has a bit pattern of its own."""


def type_id(native: str) -> str:
    """The type without its parts: `DECIMAL`, `LIST` (arrays too), `STRUCT`, `ENUM`."""
    return "LIST" if native.endswith("]") else native.split("(", 1)[0]


def value_type(native: str) -> ValueType:
    """What the values of a column are, from its type as DuckDB's catalog prints it."""
    if native in SIMPLE:
        return SIMPLE[native]
    decimal = DECIMAL.fullmatch(native)
    if decimal:
        return ValueType(kind="decimal", precision=int(decimal[1]), scale=int(decimal[2]))
    identity = type_id(native)
    if identity == "ENUM":
        labels = tuple(label.replace("''", "'") for label in LABEL.findall(native))
        return ValueType(kind="enum", labels=labels)
    if identity in NESTED:
        return ValueType(kind="array" if identity == "LIST" else "json")
    return ValueType(kind="other")


def enum_of(labels: tuple[str, ...]) -> str:
    """An enum, as DuckDB's catalog prints it."""
    return "ENUM({})".format(", ".join("'{}'".format(label.replace("'", "''")) for label in labels))


def is_own(column: Column) -> bool:
    """The column is one of a DuckDB table (its `base_type` says so, see catalog.py) that no transformation changed."""
    identity = type_id(column.type)
    known = identity in SIMPLE or identity in NESTED or identity in ("DECIMAL", "ENUM")
    return known and column.base_type == OWN + identity and value_type(column.type) == column.value


def new_column(column: Column) -> Arrival:
    """How values arrive in a column that is made for them."""
    value = column.value
    if is_own(column):
        return Arrival(type=column.type, value=value, verdict="EXACT")
    match value.kind:
        case "integer":
            return _exact(_integer(value), value)
        case "decimal":
            return _decimal(value)
        case "bits":
            limits = [] if value.fixed else [Limit(kind="not_empty")]
            return Arrival(type="BIT", value=value, verdict="CONVERT" if limits else "EXACT", limits=limits)
        case "enum" if value.labels:
            return _exact(enum_of(value.labels), value)
        case "time" | "time_tz" | "timestamp" | "timestamp_tz" | "interval":
            return _moment(value)
        case "text" | "char":
            return _exact(TEXT, value) if value.length is None else _as_text(value, "DuckDB keeps no length of texts")
        case "array" | "other" | "enum":
            return _as_text(value, "as JSON" if value.kind == "array" else "as the source's database prints it")
    return _exact(BY_KIND[value.kind], value)


def existing_column(column: Column, existing: Column) -> Arrival:
    """How values arrive in a column that is there already."""
    made = new_column(column)
    if made.type == existing.type:
        return made
    value = column.value
    holding = held(value, value_type(existing.type))
    verdict, limits, reason = holding.verdict, holding.limits, holding.reason
    if type_id(existing.type) in NESTED or value_type(existing.type).kind in ("json", "other"):
        verdict = "UNSUPPORTED"
    if value.kind.startswith("timestamp") and type_id(existing.type).endswith("_NS"):
        low, high = NANOSECOND_YEARS
        limits = [*limits, Limit(kind="years", low=low, high=high)]
    elif value.kind.startswith("timestamp") and existing.type != TEXT:
        limits = [*limits, MICROSECOND_YEARS]
    if verdict == "UNSUPPORTED":
        reason = f"{existing.type} does not hold such values; let Sterna create the table, or change the column"
    return Arrival(type=existing.type, value=value, verdict=verdict, reason=reason, limits=limits)


BY_KIND = {
    "boolean": "BOOLEAN",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "binary": "BLOB",
    "date": "DATE",
    "uuid": "UUID",
    "json": "JSON",
}


def _exact(native: str, value: ValueType) -> Arrival:
    return Arrival(type=native, value=value, verdict="EXACT")


def _as_text(value: ValueType, reason: str, verdict: Verdict = "CONVERT") -> Arrival:
    return Arrival(type=TEXT, value=value, verdict=verdict, reason=reason)


def _integer(value: ValueType) -> str:
    for bits, name in ((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER")):
        if value.bits <= bits:
            return name if value.signed else f"U{name}"
    return "BIGINT" if value.signed else "UBIGINT"


def decimal_digits(value: ValueType) -> tuple[int, int] | None:
    """Precision and scale of the DECIMAL that holds all finite values, None where there is none."""
    if value.precision is None:
        return None
    precision = max(value.precision + max(-value.scale, 0), value.scale)
    return (precision, max(value.scale, 0)) if precision <= WIDEST else None


def _decimal(value: ValueType) -> Arrival:
    digits = decimal_digits(value)
    if digits is None:
        return _as_text(value, "as text: DuckDB's DECIMAL has at most 38 digits and a fixed scale")
    limits = [Limit(kind="finite")] if value.specials else []
    return Arrival(
        type=f"DECIMAL({digits[0]},{digits[1]})",
        value=value,
        verdict="CONVERT" if limits else "EXACT",
        reason="NaN and infinity do not fit" if limits else "",
        limits=limits,
    )


def _moment(value: ValueType) -> Arrival:
    coarse = {
        "time": "TIME",
        "time_tz": "TIME WITH TIME ZONE",
        "timestamp": "TIMESTAMP",
        "timestamp_tz": "TIMESTAMP WITH TIME ZONE",
        "interval": "INTERVAL",
    }
    if value.fraction <= MICROSECONDS:
        limits = [MICROSECOND_YEARS] if value.kind.startswith("timestamp") else []
        verdict: Verdict = "CONVERT" if limits else "EXACT"
        reason = "years beyond 294246 do not fit" if limits else ""
        return Arrival(type=coarse[value.kind], value=value, verdict=verdict, reason=reason, limits=limits)
    if value.kind == "time":
        return _exact("TIME_NS", value)
    if value.kind in ("timestamp", "timestamp_tz"):
        low, high = NANOSECOND_YEARS
        return Arrival(
            type="TIMESTAMP_NS" if value.kind == "timestamp" else "TIMESTAMPTZ_NS",
            value=value,
            verdict="CONVERT",
            reason=f"nanoseconds reach from the year {low} to {high}",
            limits=[Limit(kind="years", low=low, high=high)],
        )
    return _as_text(value, "as text: DuckDB has no nanoseconds here")
