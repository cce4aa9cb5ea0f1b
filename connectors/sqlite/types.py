"""SQLite's declared types in the words of core/value_type.py, and which columns hold which values. Pure.

A declared type is a wish: SQLite knows storage classes (integer, real, text, blob), and a column's *affinity*, which
converts some values as they are stored ("Datatypes In SQLite", section 3.1). What matters here:

- REAL affinity stores -0.0 as 0.0, no column stores NaN; both are limits.
- INTEGER, REAL and NUMERIC affinity make numbers of texts that look like one, and lose digits.
- Lengths and precisions are not enforced.
"""

from __future__ import annotations

import re
from typing import Literal

from connectors.sql.holding import held, integer_range
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType, Verdict

Affinity = Literal["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]
Binding = Literal["text", "integer", "boolean", "float", "number", "binary", "any"]
"""As what Python value a column's interchange text is stored."""

OWN = "sqlite:"
"""Begins `Column.base_type` of columns that an SQLite catalog describes; the declared type follows."""
TEXT, INTEGER, REAL, BLOB = "TEXT", "INTEGER", "REAL", "BLOB"
INT64 = ValueType(kind="integer")
DECLARED: dict[str, ValueType] = {
    name: value
    for names, value in (
        (("BOOLEAN", "BOOL"), ValueType(kind="boolean")),
        (("DATE",), ValueType(kind="date")),
        (("TIME",), ValueType(kind="time")),
        (("DATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"), ValueType(kind="timestamp")),
        (("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), ValueType(kind="timestamp_tz")),
        (("UUID", "GUID", "UNIQUEIDENTIFIER"), ValueType(kind="uuid")),
        (("JSON", "JSONB"), ValueType(kind="json")),
        (("DECIMAL", "NUMERIC", "DEC", "NUMBER", "MONEY"), ValueType(kind="decimal")),
        (("ANY", "INTERVAL", "POINT"), ValueType(kind="other")),
    )
    for name in names
}
BY_AFFINITY: dict[Affinity, ValueType] = {
    "INTEGER": INT64,
    "TEXT": ValueType(kind="text"),
    "BLOB": ValueType(kind="binary"),
    "REAL": ValueType(kind="float64"),
    "NUMERIC": ValueType(kind="other"),
}
MODIFIERS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
MOMENTS = ("date", "time", "time_tz", "timestamp", "timestamp_tz", "interval")
FLOAT_LIMITS = [Limit(kind="finite", infinite=True), Limit(kind="no_minus_zero")]


def affinity(declared: str) -> Affinity:
    """The rules of the manual, in their order."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(part in upper for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def value_type(declared: str) -> ValueType:
    """What the values of a column of that declared type are meant to be."""
    found = MODIFIERS.search(declared)
    name = " ".join(MODIFIERS.sub(" ", declared).upper().split())
    value = DECLARED.get(name) or (BY_AFFINITY[affinity(declared)] if declared else ValueType(kind="other"))
    if found is None:
        return value
    if value.kind == "decimal":
        return ValueType(kind="decimal", precision=int(found[1]), scale=int(found[2] or 0))
    return ValueType(kind="text", length=int(found[1])) if value.kind == "text" else value


def is_own(column: Column) -> bool:
    """The column is one of an SQLite table that no transformation changed."""
    return column.base_type == OWN + column.type and value_type(column.type) == column.value


def binding(value: ValueType, native: str) -> Binding:
    """How `value` is stored in a column declared as `native`: what `arrival` promises, writing and reading do."""
    own = affinity(native)
    if own == "TEXT":
        return "text"
    match value.kind:
        case "integer" | "boolean" | "binary":
            return value.kind
        case "float32" | "float64":
            return "float"
        case "other":
            return "any"
        case "decimal" if own != "BLOB":
            return "integer" if own == "INTEGER" else "number"
    return "text"


def new_column(column: Column) -> Arrival:
    """How values arrive in a column that is made for them."""
    value = column.value
    if is_own(column):
        return _own(column)
    match value.kind:
        case "integer" if integer_range(value)[1] > integer_range(INT64)[1]:
            return _arrival(TEXT, value, "CONVERT", "as text: SQLite's integers end at 2^63 - 1")
        case "integer":
            return _arrival(INTEGER, value)
        case "boolean":
            return _arrival(INTEGER, value, "CONVERT", "as 0 and 1")
        case "decimal" if value.precision is not None and value.precision <= 18 and value.scale == 0:
            limits = [Limit(kind="finite")] if value.specials else []
            return _arrival(INTEGER, value, "CONVERT" if limits else "EXACT", limits=limits)
        case "decimal":
            return _arrival(TEXT, value, "CONVERT", "as text: SQLite's own decimals are binary fractions")
        case "float32" | "float64":
            reason = "in 64 bits; SQLite stores NaN as NULL and -0 as 0"
            return _arrival(REAL, value, "CONVERT", reason, FLOAT_LIMITS)
        case "binary":
            return _arrival(BLOB, value)
        case "text":
            return _arrival(TEXT, value)
    return _arrival(TEXT, value, "CONVERT", "as text")


def existing_column(column: Column, existing: Column) -> Arrival:
    """How values arrive in a column that is there already."""
    value, native = column.value, existing.type
    if is_own(column) and column.type == native:
        return _own(column)
    match affinity(native):
        case "TEXT":
            return _arrival(native, value, "EXACT" if value.kind == "text" else "CONVERT")
        case "BLOB":
            return _in_untyped(value, native)
        case "INTEGER":
            return _in_number(value, native, INT64)
        case "REAL":
            return _in_number(value, native, ValueType(kind="float64"))
    meant = value_type(native)
    if value.kind == meant.kind and (value.kind in MOMENTS or value.kind in ("boolean", "uuid")):
        return _arrival(native, value, "CONVERT")
    if value.kind == "integer":
        return _in_number(value, native, INT64)
    if value.kind == "decimal" and meant.kind in ("decimal", "other"):
        return _in_number(value, native, ValueType(kind="float64"))
    return _unsupported(value, native)


def _own(column: Column) -> Arrival:
    if column.value.kind in MOMENTS and affinity(column.type) != "TEXT":
        reason = "SQLite's spellings of the same moment become one: 2024-02-29 23:59:59.25"
        return _arrival(column.type, column.value, "CONVERT", reason)
    return _arrival(column.type, column.value)


def _in_untyped(value: ValueType, native: str) -> Arrival:
    if value.kind != "binary" and (native or value.kind == "other"):
        return _unsupported(value, native)
    limits = FLOAT_LIMITS[:1] if value.kind in ("float32", "float64") else []
    limits = [*limits, *_in_number(value, native, INT64).limits] if value.kind == "integer" else limits
    return _arrival(native, value, "EXACT" if value.kind == "binary" else "CONVERT", limits=limits)


def _in_number(value: ValueType, native: str, holder: ValueType) -> Arrival:
    if value.kind == "boolean" and holder.kind == "integer":
        return _arrival(native, value, "CONVERT", "as 0 and 1")
    if value.kind == holder.kind == "float64":
        return _arrival(native, value, "CONVERT", "SQLite stores NaN as NULL and -0 as 0", FLOAT_LIMITS)
    holding = held(value, holder)
    if holding.verdict == "UNSUPPORTED":
        return _unsupported(value, native)
    limits = holding.limits
    if holder.kind == "float64":
        finite = Limit(kind="finite", infinite=value.kind == "float32")
        limits = [*limits, *([finite] if value.kind == "float32" or value.specials else [])]
        limits += [Limit(kind="no_minus_zero")] if value.kind == "float32" else []
    return _arrival(native, value, holding.verdict, holding.reason, limits)


def _arrival(
    native: str, value: ValueType, verdict: Verdict = "EXACT", reason: str = "", limits: list[Limit] | None = None
) -> Arrival:
    return Arrival(type=native, value=value, verdict=verdict, reason=reason, limits=limits or [])


def _unsupported(value: ValueType, native: str) -> Arrival:
    reason = f"a column declared {native} does not keep such values; declare it TEXT, or let Sterna create the table"
    return _arrival(native, value, "UNSUPPORTED", reason)
