"""SQLAlchemy's types in the words of core/value_type.py, and back.

`as_generic()` is not asked: it drops signs, lengths, digits of a second and character sets, and makes String(1) of
MySQL's SET.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from connectors.sql.holding import held, integer_range, text_length
from connectors.sqlalchemy.backends import Backend
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType

AnyType = TypeEngine[Any]
INTEGER_BITS = {
    "TINYINT": 16,
    "SMALLINT": 16,
    "SMALL_INTEGER": 16,
    "MEDIUMINT": 32,
    "BIGINT": 64,
    "BIG_INTEGER": 64,
}
"""By the type's visit name, SQLAlchemy's generic types too; others hold what an INTEGER holds. A TINYINT
may have a sign (MySQL) or not (SQL Server); 16 bits hold both."""
SINGLE = ("REAL", "FLOAT")
"""Spellings of 32 bits; where FLOAT is one of 64, its values are numbers of 32 bits only if they were before."""
PYTHON_YEARS = Limit(kind="years", low=1, high=9999)
"""What Python's dates hold."""


class PlainBytes(sa.types.UserDefinedType[bytes]):
    """Bytes that the driver takes as they are."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """Never part of DDL."""
        return "BLOB"


def value_type(type_: AnyType, backend: Backend) -> ValueType:
    """What the values of a reflected column are."""
    for classes, describe in DESCRIBED:
        if isinstance(type_, classes):
            return describe(type_, backend)
    return ValueType(kind="other")


def _visit_name(type_: AnyType) -> str:
    return str(type_.__visit_name__).upper()


def _text(type_: Any, backend: Backend) -> ValueType:
    if _visit_name(type_) in ("BINARY", "VARBINARY"):  # Firebird's are strings of octets
        return ValueType(kind="binary", length=type_.length)
    kind = "char" if _visit_name(type_) in ("CHAR", "NCHAR") else "text"
    large = isinstance(type_, sa.Text) or _visit_name(type_) in ("CLOB", "NCLOB", "LONG", "SET")
    return ValueType.model_validate({"kind": kind, "length": None if large else type_.length})


def _integer(type_: Any, backend: Backend) -> ValueType:
    name = _visit_name(type_)
    if name == "INT128":
        return ValueType(kind="decimal", precision=39)
    bits = INTEGER_BITS.get(name, backend.integer_bits)
    unsigned = bool(getattr(type_, "unsigned", False))
    return ValueType(kind="integer", bits=bits, signed=not unsigned)


def _decimal(type_: Any, backend: Backend) -> ValueType:
    if type_.precision is None or _visit_name(type_) == "DECFLOAT":
        return ValueType(kind="decimal", specials=True)
    return ValueType(kind="decimal", precision=type_.precision, scale=type_.scale or 0)


def _float(type_: Any, backend: Backend) -> ValueType:
    single = _visit_name(type_) in SINGLE and (type_.precision is None or type_.precision <= 24)
    return ValueType(kind="float32" if single else "float64")


def _enum(type_: Any, backend: Backend) -> ValueType:
    return ValueType(kind="enum", labels=tuple(type_.enums))


def _binary(type_: Any, backend: Backend) -> ValueType:
    return ValueType(kind="binary", length=getattr(type_, "length", None))


def _fraction(type_: Any, backend: Backend) -> int:
    for attribute in ("fsp", "precision"):
        declared = getattr(type_, attribute, None)
        if declared is not None:
            return int(declared)
    return backend.fraction or 6


def _timestamp(type_: Any, backend: Backend) -> ValueType:
    kind = "timestamp_tz" if type_.timezone else "timestamp"
    return ValueType.model_validate({"kind": kind, "fraction": _fraction(type_, backend)})


def _time(type_: Any, backend: Backend) -> ValueType:
    kind = "time_tz" if getattr(type_, "timezone", False) else "time"
    return ValueType.model_validate({"kind": kind, "fraction": _fraction(type_, backend)})


Describe = Callable[[Any, Backend], ValueType]
DESCRIBED: tuple[tuple[tuple[type[Any], ...], Describe], ...] = (
    ((sa.Enum,), _enum),
    ((sa.Boolean,), lambda *_: ValueType(kind="boolean")),
    ((sa.Integer,), _integer),
    ((sa.Float,), _float),
    ((sa.Numeric,), _decimal),
    ((sa.Uuid,), lambda *_: ValueType(kind="uuid")),
    ((sa.JSON,), lambda type_, _: ValueType(kind="json", normalised=_visit_name(type_) == "JSONB")),
    ((sa.LargeBinary, sa.BINARY, sa.VARBINARY), _binary),
    ((sa.String,), _text),
    ((sa.DateTime,), _timestamp),
    ((sa.Date,), lambda *_: ValueType(kind="date")),
    ((sa.Time,), _time),
)


def spelled(type_: AnyType, dialect: Dialect) -> str:
    """The type as DDL of the dialect spells it: a generic one as the dialect's own."""
    generic = type(type_).__module__.startswith("sqlalchemy.sql.")
    return str((type_.dialect_impl(dialect) if generic else type_).compile(dialect=dialect))


def passes_floats(dialect: Dialect) -> bool:
    """The dialect gives decimals to its driver as floats, which is what a dialect does that says nothing of them."""
    pass_on = sa.Numeric(18, 4).dialect_impl(dialect).bind_processor(dialect)
    return pass_on is not None and isinstance(pass_on(Decimal("1.5")), float)


def arrival(column: Column, existing: Column | None, backend: Backend, dialect: Dialect, *, key: bool) -> Arrival:
    """See `WritesRows.arrival`. Nothing is better than CONVERT but what no driver can get wrong."""
    type_, limits, reason = new_column(column.value, backend, dialect, key=key)
    if existing is None or value_type(type_, backend) == existing.value:
        lossy = any(limit.kind == "fraction" for limit in limits)
        exact = not limits and not reason
        verdict = "LOSSY" if lossy else "EXACT" if exact else "CONVERT"
        return Arrival.model_validate(
            {
                "type": spelled(type_, dialect) if existing is None else existing.type,
                "value": column.value,
                "verdict": verdict,
                "reason": reason,
                "limits": limits,
            }
        )
    holding = held(column.value, existing.value)
    verdict = (
        "UNSUPPORTED"
        if _rounds(column.value, existing.value, backend) or existing.value.kind == "other"
        else holding.verdict
    )
    reason = holding.reason
    if verdict == "UNSUPPORTED":
        reason = f"{existing.type} does not hold such values; let Sterna create the table, or change the column"
    limits = [*holding.limits, *_limits(column.value, existing.value.kind == "text", backend)]
    return Arrival(type=existing.type, value=column.value, verdict=verdict, reason=reason, limits=limits)


def _rounds(value: ValueType, holder: ValueType, backend: Backend) -> bool:
    """Digits would be lost on the way through a float."""
    many = value.kind == "decimal" or (value.kind == "integer" and value.bits > 32)
    return backend.float_for_decimal and holder.kind == "decimal" and many


def new_column(value: ValueType, backend: Backend, dialect: Dialect, *, key: bool) -> tuple[AnyType, list[Limit], str]:
    """Type, limits and what there is to say about a column that is made for the values."""
    type_, reason = _made(value, backend, dialect)
    as_text = type_ is None
    limits = _limits(value, as_text, backend)
    if type_ is None:
        type_, more = _text_column(value, backend, key=key)
        limits += more
        if value.kind not in ("text", "char"):
            reason = "as text"
        elif value.length is not None and isinstance(type_, sa.Text):
            reason = "the length is not kept"
        if key and backend.pads_keys and value.kind in ("text", "enum", "other"):
            limits.append(Limit(kind="no_blank_end"))
    elif value.kind == "binary" and key and backend.varbinary:
        type_ = sa.VARBINARY(min(value.length or backend.key_length, backend.key_length))  # refuses what is longer
    return type_, limits, reason


def _made(value: ValueType, backend: Backend, dialect: Dialect) -> tuple[AnyType | None, str]:
    """The type that is made for such values, None where they become text."""
    match value.kind:
        case "boolean":
            native = dialect.supports_native_boolean
            return (sa.Boolean(), "") if native else (sa.SmallInteger(), "false and true become 0 and 1")
        case "integer":
            return _integer_type(value, backend), ""
        case "decimal":
            return _decimal_type(value, backend), ""
        case "float32" if not backend.special_floats:
            return sa.Double(), ""
        case "float32" | "float64" | "binary" | "date" | "time" | "timestamp":
            return PLAIN[value.kind], ""
        case "timestamp_tz":
            return sa.DateTime(timezone=backend.zones), "" if backend.zones else "in UTC"
        case "uuid" if getattr(dialect, "supports_native_uuid", False):
            return sa.Uuid(), ""
    return None, ""


PLAIN: dict[str, AnyType] = {
    "float32": sa.REAL(),
    "float64": sa.Double(),
    "binary": sa.LargeBinary(),
    "date": sa.Date(),
    "time": sa.Time(),
    "timestamp": sa.DateTime(),
}


def _integer_type(value: ValueType, backend: Backend) -> AnyType | None:
    low, high = integer_range(value)
    for bits, type_ in ((16, sa.SmallInteger()), (32, sa.Integer()), (64, sa.BigInteger())):
        if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1):
            return type_
    return sa.Numeric(20, 0) if backend.decimal_digits >= 20 else None


def _decimal_type(value: ValueType, backend: Backend) -> AnyType | None:
    if value.precision is None or backend.float_for_decimal:
        return None
    precision = max(value.precision + max(-value.scale, 0), value.scale)
    return sa.Numeric(precision, max(value.scale, 0)) if precision <= backend.decimal_digits else None


def _text_column(value: ValueType, backend: Backend, *, key: bool) -> tuple[AnyType, list[Limit]]:
    length = text_length(value)
    longest = backend.key_length if key else backend.text_length
    if length is not None and length <= longest:
        return sa.String(max(length, 1)), []
    return (sa.String(longest), [Limit(kind="characters", high=longest)]) if key else (sa.Text(), [])


def _limits(value: ValueType, as_text: bool, backend: Backend) -> list[Limit]:
    """What the database cannot hold, whatever the column."""
    limits = []
    if value.kind in ("text", "char", "json", "enum", "other", "array") and not backend.nul:
        limits.append(Limit(kind="no_nul"))
    if value.kind in ("text", "char", "json", "enum", "other", "array", "bits") and backend.empty_is_null:
        limits.append(Limit(kind="not_empty"))
    if as_text:
        return limits
    if value.kind in ("float32", "float64") and not backend.special_floats:
        limits += [Limit(kind="finite"), Limit(kind="no_minus_zero")]
    if value.kind == "decimal" and value.specials:
        limits.append(Limit(kind="finite"))
    if value.kind in ("date", "timestamp", "timestamp_tz"):
        limits.append(PYTHON_YEARS)
    if value.kind == "time":
        limits.append(Limit(kind="within_a_day"))
    if value.kind in ("time", "timestamp", "timestamp_tz") and value.fraction > backend.fraction:
        limits.append(Limit(kind="fraction", scale=backend.fraction))
    return limits
