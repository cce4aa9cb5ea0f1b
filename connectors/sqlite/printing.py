"""Interchange text from the values that Python's sqlite3 gives, a column at a time where Arrow can do it.

A value of another storage class than the column's type calls for is printed as an SQL literal (`'abc'`, `X'00'`) or as
a number: that is no text of the value type, so that it is refused and never taken for something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sql.query import ReadColumn
from connectors.sqlite.types import Binding, affinity, binding
from core.errors import DataRejected

Values = Sequence[Any]
AMBIGUOUS = re.compile(r"[-+.0-9'].*|X'.*|Infinity", re.DOTALL)
"""Texts of an untyped column that could be taken for a value of another class."""
MOMENT = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?=.)|$))?"
    r"(?:(?P<minutes>\d\d:\d\d)(?:(?P<seconds>:\d\d)(?:\.(?P<fraction>\d+))?)?)?"
)
MOMENTS = ("time", "timestamp", "timestamp_tz")
"""Kinds that SQLite spells in more than one way ("Date And Time Functions", section 2)."""


def printed(column: ReadColumn, values: Values) -> pa.Array:
    """The texts of one column's values. Raises DataRejected for a blob where text is declared, for every text is one
    of that type."""
    classes = set(map(type, values))
    classes.discard(type(None))
    stored = binding(column.value, column.native)
    if stored == "text":
        return _texts(column, values, classes)
    if classes == {BY_BINDING[stored]}:
        return PRINTERS[stored](values)
    one = ONE_BY_ONE[stored]
    return pa.array([None if value is None else one(value) for value in values], pa.string())


def _texts(column: ReadColumn, values: Values, classes: set[type]) -> pa.Array:
    if bytes in classes:
        raise DataRejected(
            f"column {column.name} is declared to hold text, and holds a blob",
            remedy="Repair it at the source, or leave the column out with the table's `columns`",
        )
    kind = column.value.kind
    if kind in MOMENTS and affinity(column.native) != "TEXT":
        values = [moment_text(value, kind) if isinstance(value, str) else value for value in values]
    if classes - {str}:
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, pa.string())


def _integers(values: Values) -> pa.Array:
    return pc.cast(pa.array(values, pa.int64()), pa.string())


def _floats(values: Values) -> pa.Array:
    """The shortest digits that give the same number."""
    numbers = pa.array(values, pa.float64())
    texts = pc.cast(numbers, pa.string())
    endless = pc.is_inf(numbers)
    return pc.if_else(endless, pc.replace_substring(texts, "inf", "Infinity"), texts) if _any(endless) else texts


def _booleans(values: Values) -> pa.Array:
    numbers = pa.array(values, pa.int64())
    if _any(pc.invert(pc.is_in(numbers, value_set=pa.array([0, 1, None], pa.int64())))):
        return pa.array([None if value is None else _boolean_text(value) for value in values], pa.string())
    return pc.if_else(pc.equal(numbers, 1), "t", "f")


def _binaries(values: Values) -> pa.Array:
    return pa.array([None if value is None else "\\x" + value.hex() for value in values], pa.string())


def _any(found: pa.Array) -> bool:
    return bool(pc.any(found).as_py())


def _number_text(value: Any) -> str:
    """A real number has a point, an exponent or no digits: nobody takes it for an integer."""
    return repr(value).replace("inf", "Infinity") if isinstance(value, float) else str(value)


def _literal(value: Any) -> str:
    """Numbers as they are, texts and blobs as SQL has them."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else _number_text(value)


def _integer_text(value: Any) -> str:
    """A column with REAL affinity keeps integers as real numbers; elsewhere SQLite keeps no such numbers apart."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= 2**53
    return str(int(value)) if whole else _literal(value)


def _boolean_text(value: Any) -> str:
    return "ft"[value] if value in (0, 1) and isinstance(value, int) else _literal(value)


def _binary_text(value: Any) -> str:
    return "\\x" + value.hex() if isinstance(value, bytes) else _literal(value)


def _decimal_text(value: Any) -> str:
    """A real number's shortest digits without an exponent; `Inf` is no decimal, so that it is refused."""
    if not isinstance(value, float):
        return _literal(value)
    return "Inf" if math.isinf(value) else format(Decimal(repr(value)), "f")


def _own_text(value: Any) -> str:
    """A text of its own for every value of every storage class; plain text where nobody takes it for another one."""
    return value if isinstance(value, str) and not AMBIGUOUS.fullmatch(value) else _literal(value)


def moment_text(value: str, kind: str) -> str:
    """A time or timestamp as interchange text, from SQLite's other spellings of it: `T` for the blank, no seconds,
    zeros at the end of the fraction, no time of day, `Z`. What is none of them stays as it is."""
    if len(value) == 19 and value[10] == " " and kind == "timestamp":
        return value
    zone = ""
    core = value
    if kind == "timestamp_tz" and value.endswith(("Z", "+00", "+00:00")):
        core, zone = value.removesuffix("Z").removesuffix("+00:00").removesuffix("+00"), "+00"
    found = MOMENT.fullmatch(core)
    if found is None or (found["date"] is None) != (kind == "time"):
        return value
    digits = (found["fraction"] or "").rstrip("0")
    time = (found["minutes"] or "00:00") + (found["seconds"] or ":00") + (f".{digits}" if digits else "")
    return (f"{found['date']} {time}" if found["date"] else time) + zone


BY_BINDING: dict[Binding, type] = {
    "integer": int,
    "boolean": int,
    "float": float,
    "number": int,
    "binary": bytes,
    "any": int,
}
"""The class that a whole column of is printed at once."""
PRINTERS: dict[Binding, Callable[[Values], pa.Array]] = {
    "integer": _integers,
    "boolean": _booleans,
    "float": _floats,
    "number": _integers,
    "binary": _binaries,
    "any": _integers,
}
ONE_BY_ONE: dict[Binding, Callable[[Any], str]] = {
    "integer": _integer_text,
    "boolean": _boolean_text,
    "float": _literal,
    "number": _decimal_text,
    "binary": _binary_text,
    "any": _own_text,
}
