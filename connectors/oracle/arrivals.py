"""How values of any database arrive in Oracle's columns. Pure."""

from __future__ import annotations

from dataclasses import replace

from connectors.oracle.types import (
    CHAR_BYTES,
    CHARACTER_BYTES,
    DAY_INTERVAL,
    MOMENTS,
    NATIONAL,
    NUMBER_DIGITS,
    NUMBER_SCALES,
    NUMBERS,
    OWN,
    PADDED,
    RAW_BYTES,
    TEXTS,
    UUID_BYTES,
    VARCHAR_BYTES,
    YEAR_INTERVAL,
    ZONED,
    Native,
    is_known,
    parse,
    value_type,
)
from connectors.sql.holding import Held, held
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType, Verdict

YEARS = Limit(kind="years", low=-4711, high=9999)
"""-4712 to 9999 as Oracle counts, without a year 0."""
NO_GAP = Limit(kind="no_gap")
"""The days that the change to the Gregorian calendar left out."""
NO_MINUS_ZERO = Limit(kind="no_minus_zero", refuse=False)
"""-0 is stored as 0 (SQL Language Reference, "Floating-Point Numbers")."""
LARGEST = (Limit(kind="significant", precision=NUMBER_DIGITS), Limit(kind="digits", precision=255, scale=130))
"""Of a NUMBER without precision: 38 digits for sure, up to 125 before and 130 after the point."""
KEY_BYTES = 3000
"""Two such columns fit into one key of a database with blocks of 8 KB."""
SMALL_RAW = Limit(kind="bytes", high=RAW_BYTES, loud=True)
INTERVAL_LENGTH = 80
TIME_ZONE_LENGTH = 32
EMPTY_REASON = "the empty text becomes NULL"
GONE = frozenset(["LONG", "LONG RAW", "JSON", "XMLTYPE", "ROWID", "UROWID"])
"""Types that are read and not written; what they hold arrives in LOBs and texts."""


def arrival(column: Column, existing: Column | None, *, key: bool) -> Arrival:
    """See WritesRows.arrival."""
    if existing is None:
        return _new(column, key)
    made = _new(column, key)
    if made.type == existing.type and existing.nullable == column.nullable:
        return made
    return _existing(column, existing, key)


def silent_limits(value: ValueType, spelled: str) -> list[Limit]:
    """What the column cannot hold and Oracle changes without an error. Arrivals name these limits, so a writer that
    meets such a value got what nobody judged."""
    native = parse(spelled)
    if native.name == "NUMBER" and value.kind in ("integer", "decimal"):
        holder = value_type(spelled)
        if holder.precision is not None or holder.kind == "integer":
            return [_digits(native)]
        return list(LARGEST)
    if native.name in MOMENTS:
        return [Limit(kind="fraction", scale=native.fraction()), NO_GAP] if value.kind != "date" else [NO_GAP]
    if native.name in (DAY_INTERVAL,):
        return [Limit(kind="fraction", scale=native.fraction())]
    if native.name in ("BINARY_FLOAT", "BINARY_DOUBLE"):
        return [NO_MINUS_ZERO]
    if native.name in ("VARCHAR2", "NVARCHAR2", "RAW"):
        return [Limit(kind="not_empty")]
    return []


def _digits(native: Native) -> Limit:
    precision = native.numbers[0] or NUMBER_DIGITS
    scale = (native.numbers[1] or 0) if len(native.numbers) > 1 else 0
    return Limit(kind="digits", precision=max(precision, scale), scale=scale)


def _is_own(column: Column) -> bool:
    """A column of an Oracle table that no transformation changed."""
    native = parse(column.type)
    return column.base_type == OWN + native.name and is_known(column.type) and value_type(column.type) == column.value


# ---------------------------------------------------------------- columns that are made


def _new(column: Column, key: bool) -> Arrival:
    if _is_own(column) and parse(column.type).name not in GONE:
        return _finished(Held("EXACT"), column, column.type, key, nullable=column.nullable)
    native, reason = _new_type(column.value, key)
    holding = Held("CONVERT" if reason else "EXACT", reason=reason)
    if column.value.kind == "text" and native.startswith("VARCHAR2"):
        holding = _text_in(column.value, native)
    if column.value.kind == "decimal" and column.value.specials and native.startswith("NUMBER"):
        holding = Held("CONVERT", [Limit(kind="finite")], "NaN and infinity do not fit")
    if native == "NUMBER":
        holding = Held("CONVERT", [*holding.limits, *LARGEST], "NUMBER keeps 38 digits for sure")
    return _finished(holding, column, native, key, nullable=column.nullable)


def _text_in(value: ValueType, native: str) -> Held:
    """In a VARCHAR2 that is made for it: bytes are what may be too many."""
    parsed = parse(native)
    most = KEY_BYTES if parsed.bytes_counted else VARCHAR_BYTES
    if value.length is not None and value.length * CHARACTER_BYTES <= most:
        return Held("EXACT")
    return Held("CONVERT", [Limit(kind="bytes", high=most)], f"at most {most} bytes")


PLAIN_TYPES: dict[str, tuple[str, str]] = {
    "boolean": ("NUMBER(1)", "true and false become 1 and 0"),
    "float32": ("BINARY_FLOAT", ""),
    "float64": ("BINARY_DOUBLE", ""),
    "date": ("DATE", ""),
    "time_tz": (f"VARCHAR2({TIME_ZONE_LENGTH} CHAR)", "as text"),
    "uuid": (f"RAW({UUID_BYTES})", "as 16 bytes"),
}
"""By kind: the type, and what is re-encoded."""


def _new_type(value: ValueType, key: bool) -> tuple[str, str]:
    """The type, and what is re-encoded."""
    match value.kind:
        case "integer":
            return f"NUMBER({_integer_digits(value)})", ""
        case "decimal":
            return _decimal_type(value)
        case "text" | "char" | "enum" | "bits":
            return _text_type(value, key)
        case "binary":
            return _binary_type(value, key), ""
        case "timestamp" | "timestamp_tz" | "time" | "interval":
            return _moment_type(value, key)
    return PLAIN_TYPES.get(value.kind, (_long_text(key), "as text"))


def _moment_type(value: ValueType, key: bool) -> tuple[str, str]:
    if value.kind == "timestamp":
        return f"TIMESTAMP({value.fraction})", ""
    if value.kind == "timestamp_tz" and key:
        return f"TIMESTAMP({value.fraction}) WITH LOCAL TIME ZONE", "keys take no TIMESTAMP WITH TIME ZONE"
    if value.kind == "timestamp_tz":
        return f"TIMESTAMP({value.fraction}) WITH TIME ZONE", ""
    if value.kind == "time":
        return f"INTERVAL DAY(1) TO SECOND({value.fraction})", "Oracle has no time of day"
    if value.span == "months":
        return "INTERVAL YEAR(9) TO MONTH", ""
    if value.span in ("days", "hours"):
        return f"INTERVAL DAY(9) TO SECOND({value.fraction})", ""
    return f"VARCHAR2({INTERVAL_LENGTH} CHAR)", "as text: Oracle keeps months and days apart"


def _long_text(key: bool) -> str:
    return f"VARCHAR2({KEY_BYTES})" if key else "CLOB"


def _integer_digits(value: ValueType) -> int:
    return len(str(2 ** (value.bits - 1 if value.signed else value.bits)))


def _decimal_type(value: ValueType) -> tuple[str, str]:
    if value.precision is None:
        return "NUMBER", ""
    if value.precision <= NUMBER_DIGITS and NUMBER_SCALES[0] <= value.scale <= NUMBER_SCALES[1]:
        return f"NUMBER({value.precision},{value.scale})" if value.scale else f"NUMBER({value.precision})", ""
    digits = max(value.precision + max(-value.scale, 0), value.scale) + 3  # sign, point and a zero before it
    if digits <= VARCHAR_BYTES:
        return f"VARCHAR2({digits} CHAR)", "as text: NUMBER keeps 38 digits"
    return "CLOB", "as text: NUMBER keeps 38 digits"


def _text_type(value: ValueType, key: bool) -> tuple[str, str]:
    length = value.length
    if value.kind == "enum":
        length = max(map(len, value.labels), default=None)
    reason = {"enum": "as text", "bits": "as text"}.get(value.kind, "")
    if value.kind == "char" and length is not None and length * CHARACTER_BYTES <= CHAR_BYTES:
        return f"CHAR({length} CHAR)", ""
    if length is not None and length <= (KEY_BYTES // CHARACTER_BYTES if key else VARCHAR_BYTES):
        return f"VARCHAR2({max(length, 1)} CHAR)", reason
    return _long_text(key), reason


def _binary_type(value: ValueType, key: bool) -> str:
    if value.length is not None and value.length <= RAW_BYTES:
        return f"RAW({value.length})"
    return f"RAW({RAW_BYTES})" if key else "BLOB"


# ---------------------------------------------------------------- columns that are there already


def _existing(column: Column, existing: Column, key: bool) -> Arrival:
    value, native = column.value, parse(existing.type)
    holding, travels = _holding(value, native, existing.type), value
    if native.name == DAY_INTERVAL and value.kind == "interval" and value.span == "any":
        travels = value.model_copy(update={"span": "hours"})
    if native.name == YEAR_INTERVAL and value.kind == "interval":
        travels = value.model_copy(update={"span": "months"})
    if holding.verdict == "UNSUPPORTED":
        reason = f"{existing.type} does not hold such values; let Sterna create the table, or change the column"
        return Arrival(type=existing.type, value=value, verdict="UNSUPPORTED", reason=reason)
    return _finished(
        holding, column.model_copy(update={"value": travels}), existing.type, key, nullable=existing.nullable
    )


def _holding(value: ValueType, native: Native, spelled: str) -> Held:
    holder = value_type(spelled)
    if native.name in GONE or not is_known(spelled):
        return Held("UNSUPPORTED")
    if native.name in TEXTS:
        return _in_text(value, native)
    if native.name in NUMBERS:
        return _in_number(value, native, holder)
    if native.name in MOMENTS:
        return _in_moment(value, native)
    if native.name == DAY_INTERVAL:
        return _in_day_interval(value, native)
    if native.name == YEAR_INTERVAL:
        return _in_year_interval(value)
    if native.name == "RAW" and value.kind == "uuid":
        return Held("CONVERT" if native.length == UUID_BYTES else "UNSUPPORTED", reason="as 16 bytes")
    if native.name == "RAW" and value.kind == "binary" and value.length is None:
        return Held("LOSSY", [Limit(kind="bytes", high=native.length, loud=True)], f"at most {native.length} bytes")
    return held(value, holder)


def _in_text(value: ValueType, native: Native) -> Held:
    if value.kind == "binary":
        return Held("UNSUPPORTED")
    holding = held(value, ValueType(kind="text", length=native.length))
    limits = list(holding.limits)
    if native.bytes_counted and native.length is not None:
        limits = [*(limit for limit in limits if limit.kind != "characters"), Limit(kind="bytes", high=native.length)]
        fits = value.kind in ("text", "char") and (value.length or native.length + 1) <= native.length
        reason = f"holds {native.length} bytes, of which a character may take {CHARACTER_BYTES}"
        return Held("CONVERT" if fits else holding.verdict, limits, reason if fits else holding.reason)
    most = CHAR_BYTES if native.name in PADDED else VARCHAR_BYTES
    if native.length is not None and native.length * CHARACTER_BYTES > most and native.name not in NATIONAL:
        limits.append(Limit(kind="bytes", high=most))
    if native.name in PADDED and value.kind != "char":
        limits.append(Limit(kind="no_blank_end"))
    return replace(holding, limits=limits)


def _in_number(value: ValueType, native: Native, holder: ValueType) -> Held:
    """Integers are limited by digits and not by bits."""
    if value.kind == "boolean":
        holds_one = not native.numbers or (
            _digits(native).scale >= 0 and _digits(native).precision > _digits(native).scale
        )
        return Held("CONVERT", reason="true and false become 1 and 0") if holds_one else _UNSUPPORTED
    if native.name == "FLOAT":
        bits = native.numbers[0] or 126
        limits = [Limit(kind="finite")] if value.specials else []
        digits = int(bits * 0.30103)
        exact = value.kind == "integer" and _integer_digits(value) <= digits
        limits += [] if exact else [Limit(kind="significant", precision=digits)]
        verdict: Verdict = "CONVERT" if exact or digits >= NUMBER_DIGITS - 1 else "LOSSY"
        known = value.kind in ("integer", "decimal")
        return Held(verdict, limits, f"keeps {digits} digits") if known else Held("UNSUPPORTED")
    if not native.numbers:
        holding = held(value, holder)
        if value.kind != "decimal":
            return holding
        return Held("CONVERT", [*holding.limits, *LARGEST], "NUMBER keeps 38 digits for sure")
    limit = _digits(native)
    if limit.scale < 0 and value.kind == "integer":
        return Held("LOSSY", [limit], f"is rounded to {-limit.scale} digits before the point")
    return held(value, ValueType(kind="decimal", precision=limit.precision, scale=limit.scale))


def _in_moment(value: ValueType, native: Native) -> Held:
    fraction = native.fraction()
    if value.kind == "date":
        return Held("EXACT" if native.name == "DATE" else "CONVERT") if native.name not in ZONED else _UNSUPPORTED
    if value.kind not in ("timestamp", "timestamp_tz") or (value.kind == "timestamp" and native.name in ZONED):
        return _UNSUPPORTED
    if value.fraction > fraction:
        limits = [Limit(kind="fraction", scale=fraction)]
        return Held("LOSSY", limits, f"only {fraction} digits of a second are kept")
    utc = value.kind == "timestamp_tz" and native.name not in ZONED
    return Held("CONVERT", reason="in UTC") if utc else Held("EXACT")


def _in_day_interval(value: ValueType, native: Native) -> Held:
    if value.kind not in ("time", "interval") or value.span == "months":
        return _UNSUPPORTED
    days = native.numbers[0] if len(native.numbers) > 1 and native.numbers[0] is not None else 2
    limits = []
    if value.kind == "interval" and value.span in ("any", "hours"):
        limits.append(Limit(kind="hours", high=24 * 10**days - 1))
    elif value.kind == "time" and days == 0:
        limits.append(Limit(kind="within_a_day"))
    if value.fraction > native.fraction():
        limits.append(Limit(kind="fraction", scale=native.fraction()))
        return Held("LOSSY", limits, f"only {native.fraction()} digits of a second are kept")
    reason = "months and days do not fit" if value.kind == "interval" and value.span == "any" else ""
    return Held("CONVERT", limits, reason)


def _in_year_interval(value: ValueType) -> Held:
    if value.kind != "interval" or value.span in ("days", "hours"):
        return _UNSUPPORTED
    only = value.span == "months"
    return Held("EXACT") if only else Held("CONVERT", [Limit(kind="months_only")], "days and times do not fit")


_UNSUPPORTED = Held("UNSUPPORTED")


# ---------------------------------------------------------------- what is the same for both


def _finished(holding: Held, column: Column, spelled: str, key: bool, *, nullable: bool) -> Arrival:
    """With the limits that Oracle's types have by themselves."""
    native, value = parse(spelled), column.value
    limits = [*holding.limits, *_limits_of_type(value, native, key=key)]
    verdict, reason = holding.verdict, holding.reason
    if _may_be_empty(value) and native.name in ("VARCHAR2", "NVARCHAR2", "RAW"):
        empty_is_null = nullable and not key
        limits.append(Limit(kind="empty_is_null", refuse=False) if empty_is_null else Limit(kind="not_empty"))
        reason = "; ".join(filter(None, [reason, EMPTY_REASON if empty_is_null else "the empty text is NULL here"]))
    if limits and verdict == "EXACT":
        verdict = "CONVERT"
    return Arrival(type=spelled, value=value, verdict=verdict, reason=reason, limits=limits)


def _may_be_empty(value: ValueType) -> bool:
    if value.kind == "enum":
        return not value.labels or "" in value.labels
    if value.kind == "bits":
        return not value.fixed
    return value.kind in ("text", "char", "binary", "other")


def _limits_of_type(value: ValueType, native: Native, *, key: bool) -> list[Limit]:
    if native.name in MOMENTS:
        return [YEARS, NO_GAP]
    if native.name in ("BINARY_FLOAT", "BINARY_DOUBLE"):
        return [NO_MINUS_ZERO]
    if native.name == "RAW" and value.kind == "binary" and value.length is None and key:
        return [SMALL_RAW]
    if native.name == "VARCHAR2" and native.bytes_counted and value.kind not in ("text", "char"):
        return [Limit(kind="bytes", high=native.length)]
    return []
