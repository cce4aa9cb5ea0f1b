"""How values of a native type enter the SQL engine and leave it, in the text that PostgreSQL prints.

A type is `readable` in typed form where DuckDB has the same values; other types stay text. A value outside of DuckDB's
type (numeric NaN, timestamps after the year 294246) makes its conversion fail, which is an error and never a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from activities.transformations.native_type import NativeType

Sql = Callable[[str], str]

SIGNED = frozenset(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"])
INTEGERS = SIGNED | {f"U{name}" for name in SIGNED}
NUMBERS = INTEGERS | {"DECIMAL", "FLOAT", "DOUBLE"}
EXACT_NUMBERS = INTEGERS | {"DECIMAL"}
KEPT_TEXT = frozenset(["json", "xml", "enum"])
"""Types beside the textual ones that print text as it was given."""

MICROSECONDS = 6
"""Fractional digits of a second that PostgreSQL and DuckDB keep."""


@dataclass(frozen=True)
class EngineType:
    """A native type as DuckDB computes with it."""

    sql: str
    """DuckDB's type."""
    accepts: frozenset[str]
    """DuckDB types of results that may become this type, without modifiers."""
    read: Sql
    """From the name of a text column to SQL of the typed value."""
    write: Sql
    """From SQL of a result of an accepted type to SQL of the text."""


def _cast(sql: str) -> Sql:
    return lambda value: f"CAST({value} AS {sql})"


def _text_of(sql: str) -> Sql:
    return lambda value: f"CAST(CAST({value} AS {sql}) AS VARCHAR)"


def _plain(sql: str, accepts: frozenset[str]) -> EngineType:
    return EngineType(sql, accepts, _cast(sql), _text_of(sql))


def _boolean() -> EngineType:
    return EngineType(
        "BOOLEAN",
        frozenset(["BOOLEAN"]),
        _cast("BOOLEAN"),
        lambda value: f"CASE {value} WHEN true THEN 't' WHEN false THEN 'f' END",
    )


def _float(sql: str) -> EngineType:
    def write(value: str) -> str:
        number = f"CAST({value} AS {sql})"
        return (
            f"CASE WHEN isnan({number}) THEN 'NaN' WHEN {number} = 'inf' THEN 'Infinity' "
            f"WHEN {number} = '-inf' THEN '-Infinity' ELSE regexp_replace(CAST({number} AS VARCHAR), '\\.0$', '') END"
        )

    return EngineType(sql, NUMBERS, _cast(sql), write)


def _numeric(native: NativeType) -> EngineType:
    precision, scale = native.modifiers
    return _plain(f"DECIMAL({precision},{scale})", NUMBERS)


def _dated(sql: str, accepts: frozenset[str], digits: int) -> EngineType:
    """Years before Christ: PostgreSQL ends with ` BC`, DuckDB has ` (BC)` after the date."""

    def read(text: str) -> str:
        before_christ = f"regexp_replace({text}, '^(\\S+)(.*) BC$', '\\1 (BC)\\2')"
        return f"CAST(CASE WHEN ends_with({text}, ' BC') THEN {before_christ} ELSE {text} END AS {sql})"

    def write(value: str) -> str:
        typed = f"CAST({value} AS {sql})"
        text = f"CAST({typed} AS VARCHAR)"
        written = f"CASE WHEN contains({text}, ' (BC)') THEN replace({text}, ' (BC)', '') || ' BC' ELSE {text} END"
        return _refuse_finer(typed, digits, written) if digits < MICROSECONDS else written

    return EngineType(sql, accepts, read, write)


def _refuse_finer(typed: str, digits: int, written: str) -> str:
    """The destination would round silently."""
    return (
        f"CASE WHEN epoch_us({typed}) % {10 ** (MICROSECONDS - digits)} <> 0 "
        f"THEN error('more than {digits} fractional digits') ELSE {written} END"
    )


def _time(digits: int) -> EngineType:
    return EngineType(
        "TIME",
        frozenset(["TIME"]),
        _cast("TIME"),
        lambda value: _refuse_finer(f"CAST({value} AS TIME)", digits, _text_of("TIME")(value)),
    )


def _bytes() -> EngineType:
    return EngineType(
        "BLOB",
        frozenset(["BLOB"]),
        lambda text: f"unhex(substr({text}, 3))",
        lambda value: f"('\\x' || lower(hex({value})))",
    )


def _padded(length: int) -> EngineType:
    def write(value: str) -> str:
        text = f"rtrim({value}, ' ')"
        return f"rpad({text}, greatest({length}, length({text}))::INTEGER, ' ')"

    return EngineType("VARCHAR", frozenset(["VARCHAR"]), lambda text: f"rtrim({text}, ' ')", write)


def _as_it_is(value: str) -> str:
    return value


TEXT = EngineType("VARCHAR", frozenset(["VARCHAR"]), _as_it_is, _as_it_is)
KEPT = EngineType("VARCHAR", frozenset(["VARCHAR", "JSON"]), _as_it_is, _cast("VARCHAR"))
OPAQUE = EngineType("VARCHAR", frozenset(), _as_it_is, _as_it_is)
UNBOUNDED_NUMERIC = EngineType("VARCHAR", EXACT_NUMBERS, _as_it_is, _cast("VARCHAR"))

PLAIN = {
    "int2": _plain("SMALLINT", INTEGERS),
    "int4": _plain("INTEGER", INTEGERS),
    "int8": _plain("BIGINT", INTEGERS),
    "bool": _boolean(),
    "float4": _float("FLOAT"),
    "float8": _float("DOUBLE"),
    "uuid": _plain("UUID", frozenset(["UUID"])),
    "bytea": _bytes(),
    "date": _dated("DATE", frozenset(["DATE"]), MICROSECONDS),
}
TIMED = {
    "timestamp": lambda digits: _dated("TIMESTAMP", frozenset(["TIMESTAMP", "DATE"]), digits),
    "timestamptz": lambda digits: _dated("TIMESTAMPTZ", frozenset(["TIMESTAMP WITH TIME ZONE"]), digits),
    "time": _time,
}


def engine_type(native: NativeType) -> EngineType:
    """How the engine sees the type."""
    if native.base in PLAIN:
        return PLAIN[native.base]
    if native.base in TIMED:
        return TIMED[native.base](native.modifiers[0] if native.modifiers else MICROSECONDS)
    if native.base == "numeric":
        fits = native.modifiers and 0 <= native.modifiers[1] <= native.modifiers[0] <= 38
        return _numeric(native) if fits else UNBOUNDED_NUMERIC
    if native.padded:
        return _padded(native.modifiers[0]) if native.modifiers else OPAQUE
    if native.textual:
        return TEXT
    return KEPT if native.base in KEPT_TEXT else OPAQUE
