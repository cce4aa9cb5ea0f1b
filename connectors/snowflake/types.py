"""Snowflake's types in the words of core/value_type.py, and which of them hold which values. Pure.

Source: Snowflake's documentation, "Data types". NUMBER has at most 38 digits, of which at most 37 after the point, and
a bare NUMBER is (38,0); FLOAT has 64 bits under any name; VARCHAR and BINARY are limited in bytes; dates and
timestamps are kept from the year 1 to 9999, in the Gregorian calendar also before 1582; CHAR is VARCHAR.
"""

from __future__ import annotations

import re

from connectors.sql.holding import held, integer_range
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType

OWN = "snowflake:"
"""Begins `Column.base_type` of columns that this catalog describes: type names alone are other databases' too."""
NATIVE = re.compile(r"(?P<name>[A-Z_]+)(?:\((?P<numbers>[\d, ]+)\))?")
TEXT_BYTES = 16_777_216
"""What VARCHAR holds unless a length above it is asked for (up to 134,217,728, where the account has it)."""
WIDEST_TEXT = 134_217_728
BINARY_BYTES = 8_388_608
DIGITS = 38
FRACTION_DIGITS = 37
INTEGERS = ((2, 8), (4, 16), (9, 32), (18, 64))
"""Digits that fit into so many bits."""
VARIANT_DIGITS = 38
SEMI_STRUCTURED = frozenset(["VARIANT", "OBJECT", "ARRAY", "MAP"])
MOMENTS = {
    "TIME": "time",
    "TIMESTAMP_NTZ": "timestamp",
    "TIMESTAMP_LTZ": "timestamp_tz",
    "TIMESTAMP_TZ": "timestamp_tz",
}
ZONED = frozenset(["TIMESTAMP_TZ"])
"""Types whose values have an offset of their own."""
YEARS = Limit(kind="years", low=1, high=9999)
ROUNDED = Limit(kind="json_numbers", precision=VARIANT_DIGITS)
UNIQUE_KEYS = Limit(kind="json_objects")


def type_name(native: str) -> str:
    """The type without its lengths: `NUMBER`, `VARCHAR`."""
    return native.split("(", 1)[0].strip().upper()


def _numbers(native: str) -> list[int]:
    found = NATIVE.fullmatch(native.strip().upper())
    return [int(part) for part in found["numbers"].split(",")] if found and found["numbers"] else []


def _digits(native: str) -> tuple[int, int]:
    """Precision and scale of a NUMBER."""
    numbers = _numbers(native) or [DIGITS]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


def value_type(native: str) -> ValueType:
    """What the values of a column are, from its type as Snowflake spells it."""
    name, numbers = type_name(native), _numbers(native)
    if name == "NUMBER":
        return _number(*_digits(native))
    if name == "VARCHAR":
        unlimited = not numbers or numbers[0] >= TEXT_BYTES
        return ValueType(kind="text", length=None if unlimited else numbers[0])
    if name == "BINARY":
        return ValueType(kind="binary", length=None if not numbers or numbers[0] >= BINARY_BYTES else numbers[0])
    if name in MOMENTS:
        return ValueType.model_validate({"kind": MOMENTS[name], "fraction": numbers[0] if numbers else 9})
    if name in SEMI_STRUCTURED:
        return ValueType(kind="json", normalised=True)
    return SIMPLE.get(name, ValueType(kind="other"))


SIMPLE = {
    "FLOAT": ValueType(kind="float64"),
    "BOOLEAN": ValueType(kind="boolean"),
    "DATE": ValueType(kind="date"),
}


def _number(precision: int, scale: int) -> ValueType:
    if scale == 0:
        for digits, bits in INTEGERS:
            if precision <= digits:
                return ValueType(kind="integer", bits=bits)
    return ValueType(kind="decimal", precision=precision, scale=scale)


def is_own(column: Column) -> bool:
    """The column is one of a Snowflake table (its `base_type` says so, see catalog.py) that no transformation
    changed."""
    return column.base_type == OWN + type_name(column.type) and value_type(column.type) == column.value


def new_column(column: Column) -> Arrival:
    """How values arrive in a column that is made for them."""
    value = column.value
    if is_own(column):
        native = "VARIANT" if column.base_type == OWN + "MAP" else column.type
        return Arrival(type=native, value=value, verdict="EXACT", limits=guards(value, native))
    match value.kind:
        case "integer":
            return _arrive(f"NUMBER({len(str(integer_range(value)[1]))},0)", value)
        case "decimal":
            return _decimal(value)
        case "float32" | "float64":
            return _arrive("FLOAT", value, "" if value.kind == "float64" else "Snowflake's FLOAT has 64 bits")
        case "text" | "char":
            return _arrive(_varchar(value.length), value)
        case "binary":
            return _arrive("BINARY" if value.length is None else f"BINARY({min(value.length, BINARY_BYTES)})", value)
        case "time" | "timestamp" | "timestamp_tz":
            native = {"time": "TIME", "timestamp": "TIMESTAMP_NTZ", "timestamp_tz": "TIMESTAMP_LTZ"}[value.kind]
            return _arrive(f"{native}({value.fraction})", value)
        case "json" if value.normalised:
            return _arrive("VARIANT", value)
        case "boolean" | "date":
            return _arrive(value.kind.upper(), value)
    return _as_text(value)


AS_TEXT = {
    "json": "as text: VARIANT would not keep the document's own text",
    "array": "as JSON text: an ARRAY would round numbers and has no bounds",
    "uuid": "as text",
    "enum": "as text: Snowflake has no enums, and no checks",
}


def _as_text(value: ValueType) -> Arrival:
    length = {"uuid": 36, "bits": value.length, "enum": max(map(len, value.labels), default=None)}.get(value.kind)
    return _arrive(_varchar(length), value, AS_TEXT.get(value.kind, "as the source's database prints it"))


def _varchar(length: int | None) -> str:
    return "VARCHAR" if length is None or length >= TEXT_BYTES else f"VARCHAR({max(length, 1)})"


def _arrive(native: str, value: ValueType, reason: str = "") -> Arrival:
    limits = guards(value, native)
    return Arrival(
        type=native, value=value, verdict="CONVERT" if limits or reason else "EXACT", reason=reason, limits=limits
    )


def _decimal(value: ValueType) -> Arrival:
    scale = max(value.scale, 0)
    if value.precision is not None:
        precision = max(value.precision + max(-value.scale, 0), scale)
        if precision <= DIGITS and scale <= FRACTION_DIGITS:
            return _arrive(f"NUMBER({precision},{scale})", value)
    return _arrive("VARCHAR", value, "as text: NUMBER has at most 38 digits, 37 of them after the point")


def guards(value: ValueType, native: str) -> list[Limit]:
    """What a column of the type `native` cannot hold of `value`: such values Snowflake would refuse, round or cut."""
    name, numbers = type_name(native), _numbers(native)
    if name == "NUMBER":
        return _number_guards(value, *_digits(native))
    if name == "VARCHAR":
        return _text_guards(value, numbers[0] if numbers else TEXT_BYTES)
    if name == "BINARY":
        length = numbers[0] if numbers else BINARY_BYTES
        fits = value.length is not None and value.length <= length
        return [] if fits else [Limit(kind="bytes", high=length)]
    if name == "TIME":
        return [Limit(kind="within_a_day")]
    if name in MOMENTS or name == "DATE":
        return [YEARS]
    if name in SEMI_STRUCTURED:
        return [ROUNDED, *([] if value.normalised else [UNIQUE_KEYS])]
    return []


def all_guards(value: ValueType, native: str) -> list[Limit]:
    """As `guards`, whatever the value's type promises: the writer's last look."""
    kind = "decimal" if value.kind == "integer" else value.kind
    return guards(ValueType.model_validate({"kind": kind, "normalised": value.normalised}), native)


def _number_guards(value: ValueType, precision: int, scale: int) -> list[Limit]:
    if value.kind == "integer":
        fits = len(str(integer_range(value)[1])) <= precision - scale
    else:
        before = (value.precision or DIGITS + 1) - value.scale
        fits = value.kind == "boolean" or (value.scale <= scale and before <= precision - scale)
    limits = [Limit(kind="finite")] if value.specials else []
    return limits if fits else [*limits, Limit(kind="digits", precision=precision, scale=scale)]


def _text_guards(value: ValueType, length: int) -> list[Limit]:
    """Characters, and bytes: a text of up to 4,194,304 characters has no more than the 16 MiB that always fit."""
    short = value.kind in ("text", "char", "bits", "uuid", "enum")
    longest = max(map(len, value.labels), default=0) if value.kind == "enum" else value.length
    longest = 36 if value.kind == "uuid" else longest
    known = short and longest is not None and longest <= length
    limits = [] if known or length >= TEXT_BYTES else [Limit(kind="characters", high=length)]
    most = longest if known and longest is not None else length
    if 4 * most > TEXT_BYTES and value.kind != "decimal":
        limits.append(Limit(kind="bytes", high=max(length, TEXT_BYTES)))
    return limits


def existing_column(column: Column, existing: Column) -> Arrival:
    """How values arrive in a column that is there already."""
    made = new_column(column)
    value, native = column.value, existing.type
    if made.type == native or _is_wider_text(made.type, native):
        return Arrival(type=native, value=value, verdict=made.verdict, reason=made.reason, limits=guards(value, native))
    holder = value_type(native)
    if type_name(native) == "NUMBER":
        precision, scale = _digits(native)
        holder = ValueType(kind="decimal", precision=precision, scale=scale)
    found = held(value, holder)
    if found.verdict == "UNSUPPORTED" or holder.kind == "other":
        reason = f"{native} does not hold such values; let Sterna create the table, or change the column"
        return Arrival(type=native, value=value, verdict="UNSUPPORTED", reason=reason)
    kinds = {limit.kind for limit in found.limits}
    limits = [*found.limits, *(limit for limit in guards(value, native) if limit.kind not in kinds)]
    return Arrival(type=native, value=value, verdict=found.verdict, reason=found.reason, limits=limits)


def _is_wider_text(made: str, existing: str) -> bool:
    if type_name(made) != "VARCHAR" or type_name(existing) != "VARCHAR":
        return False
    return (_numbers(existing) or [TEXT_BYTES])[0] >= (_numbers(made) or [TEXT_BYTES])[0]
