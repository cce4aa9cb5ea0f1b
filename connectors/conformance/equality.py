"""When two interchange texts are the same value. Shares nothing with the canonical digest, so that each checks the
other."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

from core.value_type import ValueType


def same_value(text: str | None, value: ValueType) -> Hashable:
    """A key that two texts of the value type share only if they stand for the same value. Raises ValueError for a
    number's text that is no number."""
    if text is None:
        return None
    match value.kind:
        case "decimal":
            return _decimal(text)
        case "float32":
            return _bits(text, "f")
        case "float64":
            return _bits(text, "d")
        case "json" if value.normalised:
            return _frozen(json.loads(text, parse_float=_number, parse_int=_number))
        case "array" if "]=" not in text:
            return _frozen(json.loads(text, parse_float=_number, parse_int=_number))
    return text


def _decimal(text: str) -> Hashable:
    number = Decimal(text)
    if not number.is_finite():
        return str(number)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    written = "".join(map(str, digits)).lstrip("0")
    stripped = written.rstrip("0")
    return (sign, stripped, exponent + len(written) - len(stripped)) if stripped else 0


def _bits(text: str, form: str) -> Hashable:
    number = float(text)
    if math.isnan(number):
        return "NaN"
    if form == "f" and math.isfinite(number) and abs(number) >= 2.0**128 - 2.0**103:
        return "beyond"
    return struct.pack(f">{form}", number)


def _number(text: str) -> Decimal:
    return Decimal(text)


def _frozen(document: Any) -> Hashable:
    match document:
        case dict():
            return ("object", tuple(sorted((name, _frozen(part)) for name, part in document.items())))
        case list():
            return ("list", tuple(map(_frozen, document)))
        case Decimal():
            return ("number", _decimal(str(document)))
    return (type(document).__name__, document)
