"""Values for Python's sqlite3 from interchange text, a column at a time where Arrow can do it."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sqlite.types import Binding
from core.errors import DataRejected

LOOKS_NUMERIC = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
"""What numeric affinities make a number of."""
INTEGER = re.compile(r"-?[0-9]+")
INT64 = range(-(2**63), 2**63)


def parameters(name: str, texts: pa.Array, stored: Binding, *, numeric: bool) -> list[Any]:
    """One column's values as they are to be stored. `numeric`: the column makes numbers of texts that look like one.

    Raises DataRejected for a text that `stored` does not know.
    """
    try:
        return _parameters(texts, stored, numeric)
    except (ValueError, InvalidOperation):  # pyarrow.ArrowInvalid is a ValueError
        raise DataRejected(
            f"column {name}: a value is no {stored} and cannot be stored as one",
            remedy="Repair it at the source, or leave the column out with the table's `columns`",
        ) from None


def _parameters(texts: pa.Array, stored: Binding, numeric: bool) -> list[Any]:
    if stored == "boolean":
        known = pc.is_in(texts, value_set=pa.array(["t", "f", None], texts.type))
        if not pc.all(known).as_py():
            raise ValueError
        return list(pc.cast(pc.equal(texts, "t"), pa.int64()).to_pylist())
    if stored == "float":
        return list(pc.cast(texts, pa.float64()).to_pylist())
    values: list[str | None] = texts.to_pylist()
    if stored == "integer":
        return _integers(texts, values)
    if stored == "text":
        if numeric and any(value is not None and _becomes_another(value) for value in values):
            raise ValueError
        return list(values)
    convert = {"number": _number, "binary": _binary, "any": _any}[stored]
    return [None if value is None else convert(value) for value in values]


def _becomes_another(text: str) -> bool:
    """A column that makes numbers of such texts would give back another text."""
    if not LOOKS_NUMERIC.fullmatch(text):
        return False
    number = float(text)
    return text not in (repr(number), str(int(number)) if abs(number) < 2**53 else "")


def _integers(texts: pa.Array, values: list[str | None]) -> list[Any]:
    try:
        return list(pc.cast(texts, pa.int64()).to_pylist())
    except pa.ArrowInvalid:  # `5.00`, a decimal
        return [None if value is None else _whole(Decimal(value)) for value in values]


def _whole(number: Decimal) -> int:
    if number.as_tuple().exponent == "F" or not number.is_finite() or number != number.to_integral_value():
        raise ValueError
    if int(number) not in INT64:
        raise ValueError
    return int(number)


def _number(text: str) -> int | float:
    """An integer where it is one, else the nearest binary fraction, which must print as the same decimal."""
    number = Decimal(text)
    if number.is_finite() and number == number.to_integral_value() and int(number) in INT64:
        return int(number)
    nearest = float(text)
    if Decimal(repr(nearest)) != number:
        raise ValueError
    return nearest


def _binary(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise ValueError
    return bytes.fromhex(text[2:])


def _any(text: str) -> Any:
    """See `printing._own_text`."""
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text.startswith("X'"):
        return bytes.fromhex(text[2:-1])
    if text in ("Infinity", "-Infinity"):
        return float(text.replace("Infinity", "inf"))
    if INTEGER.fullmatch(text) and int(text) in INT64:
        return int(text)
    return float(text) if LOOKS_NUMERIC.fullmatch(text) else text
