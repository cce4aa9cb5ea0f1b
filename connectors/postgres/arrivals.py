"""Which column a value type arrives in, where Sterna makes the column. Existing columns: existing_columns.py."""

from __future__ import annotations

from connectors.postgres.existing_columns import existing_arrival
from connectors.postgres.limits import DATE_YEARS, NO_NUL, PLAIN_ARRAY, TIMESTAMP_YEARS, fraction_limit
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType, Verdict

MOST_CHARACTERS = 10_485_760
"""Longest varchar(n) and char(n) (htup_details.h, MaxAttrSize)."""
MOST_BITS = 83_886_080
MOST_DIGITS = 1000
"""Of numeric with a precision."""
MICROSECONDS = 6

SIMPLE = {
    "boolean": "boolean",
    "float32": "real",
    "float64": "double precision",
    "binary": "bytea",
    "uuid": "uuid",
}


def arrival(column: Column, existing: Column | None, *, key: bool) -> Arrival:
    """See `WritesRows.arrival`."""
    return _made(column.value, key) if existing is None else existing_arrival(column.value, existing)


def _made(value: ValueType, key: bool) -> Arrival:
    match value.kind:
        case "integer":
            return _integer(value)
        case "decimal":
            return _decimal(value)
        case "text" | "char":
            return _characters(value)
        case "date":
            return Arrival(type="date", value=value, verdict="EXACT", limits=[DATE_YEARS])
        case "time" | "time_tz" | "timestamp" | "timestamp_tz" | "interval":
            return _moment(value)
        case "json":
            return _json(value, key)
        case "bits":
            return _bits(value)
        case "enum" | "array" | "other":
            return _as_text(value, key)
    return Arrival(type=SIMPLE[value.kind], value=value, verdict="EXACT")


def _integer(value: ValueType) -> Arrival:
    """The narrowest type that holds all of them."""
    width = value.bits if value.signed else value.bits + 1
    for native, holds in (("smallint", 16), ("integer", 32), ("bigint", 64)):
        if width <= holds:
            exact = value.signed and width == holds
            reason = "" if exact else f"PostgreSQL has no such integer; {native} holds them all"
            return Arrival(type=native, value=value, verdict="EXACT" if exact else "CONVERT", reason=reason)
    reason = "bigint ends at 2^63 - 1; numeric(20,0) holds them all"
    return Arrival(type="numeric(20,0)", value=value, verdict="CONVERT", reason=reason)


def _decimal(value: ValueType) -> Arrival:
    """Scales below zero and above the precision are spelled as servers before PostgreSQL 15 know them, too."""
    if value.precision is None:
        return Arrival(type="numeric", value=value, verdict="EXACT")
    digits = max(value.precision - min(value.scale, 0), value.scale)
    scale = max(value.scale, 0)
    if digits > MOST_DIGITS:
        return Arrival(type="numeric", value=value, verdict="CONVERT", reason=f"numeric(p) ends at {MOST_DIGITS}")
    verdict: Verdict = "EXACT" if (digits, scale) == (value.precision, value.scale) else "CONVERT"
    return Arrival(type=f"numeric({digits},{scale})", value=value, verdict=verdict)


def _characters(value: ValueType) -> Arrival:
    limited = value.length is not None and 0 < value.length <= MOST_CHARACTERS
    if value.kind == "char":
        native = f"character({value.length})" if limited else "bpchar"
    else:
        native = f"character varying({value.length})" if limited else "text"
    return Arrival(type=native, value=value, verdict="EXACT", limits=[NO_NUL])


def _moment(value: ValueType) -> Arrival:
    digits = "" if value.fraction >= MICROSECONDS else f"({value.fraction})"
    zone = {"time": " without time zone", "timestamp": " without time zone", "interval": ""}.get(
        value.kind, " with time zone"
    )
    native = f"{value.kind.removesuffix('_tz')}{digits}{zone}"
    limits = [TIMESTAMP_YEARS] if value.kind.startswith("timestamp") else []
    if value.fraction > MICROSECONDS:
        reason = f"{value.fraction} digits of a second; PostgreSQL keeps {MICROSECONDS}"
        return Arrival(
            type=native, value=value, verdict="LOSSY", reason=reason, limits=[*limits, fraction_limit(MICROSECONDS)]
        )
    return Arrival(type=native, value=value, verdict="EXACT", limits=limits)


def _json(value: ValueType, key: bool) -> Arrival:
    """`json` keeps the text, `jsonb` the document; `json` has no equality, so it cannot be in a key."""
    if value.normalised:
        return Arrival(type="jsonb", value=value, verdict="EXACT", limits=[NO_NUL])
    if key:
        reason = "json cannot be in a key of PostgreSQL"
        return Arrival(type="text", value=value, verdict="CONVERT", reason=reason)
    return Arrival(type="json", value=value, verdict="EXACT")


def _bits(value: ValueType) -> Arrival:
    limited = value.length is not None and 0 < value.length <= MOST_BITS
    if value.fixed and limited:
        return Arrival(type=f"bit({value.length})", value=value, verdict="EXACT")
    native = f"bit varying({value.length})" if limited else "bit varying"
    return Arrival(type=native, value=value, verdict="EXACT" if not value.fixed else "CONVERT")


def _as_text(value: ValueType, key: bool) -> Arrival:
    """An enum becomes text with a check: a type of its own would need a name that nobody chose, would stay when the
    table goes, and could not be told apart from one of that name that exists."""
    if value.kind == "enum":
        limits = [NO_NUL, *([Limit(kind="labels", labels=value.labels)] if value.labels else [])]
        return Arrival(type="text", value=value, verdict="CONVERT", reason="a check keeps the labels", limits=limits)
    if value.kind == "array":
        native = "text" if key else "json"
        reason = "arrives as a JSON array"
        return Arrival(type=native, value=value, verdict="CONVERT", reason=reason, limits=[PLAIN_ARRAY])
    reason = "arrives as the text that the source has for it"
    return Arrival(type="text", value=value, verdict="CONVERT", reason=reason, limits=[NO_NUL])
