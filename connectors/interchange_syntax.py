"""The grammar of interchange text, by value type: which text is a value at all. See core/value_type.py."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from connectors.array_text import has_bounds
from connectors.json_text import is_json
from core.value_type import ValueType

_NUMBER = r"(?:0|[1-9][0-9]*)"
_SPECIAL = r"NaN|-?Infinity"
_DAYS_OF_LONG_MONTHS = r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_DAYS_OF_SHORT_MONTHS = r"(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_DAYS_OF_FEBRUARY = r"02-(?:0[1-9]|1[0-9]|2[0-8])"
_DAY = f"(?:{_DAYS_OF_LONG_MONTHS}|{_DAYS_OF_SHORT_MONTHS}|{_DAYS_OF_FEBRUARY})"
_YEAR = r"(?:[0-9]{4}|[1-9][0-9]{4,})"
# Divisible by 4, and by 400 where it ends in 00.
_LEAP_YEAR = r"[0-9]*(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
# The year before Christ of which the one before it, counted with a year 0, is a leap year.
_LEAP_YEAR_BC = r"[0-9]*(?:[0-9]{2}(?:0[59]|[2468][159]|[13579][37])|(?:[02468][048]|[13579][26])01)"
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
_DATE_BC = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR_BC}-02-29)"
_FRACTION = r"(?:\.[0-9]*[1-9])?"
_TIME = rf"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{_FRACTION}"
_ZONE = r"[+-][0-9]{2}(?::[0-5][0-9]){0,2}"
_ENDLESS = "-?infinity"
_SIGNED = r"[+-]?[0-9]+"
_INTERVAL = (
    rf"(?:{_SIGNED} years?(?: |$))?(?:{_SIGNED} mons?(?: |$))?(?:{_SIGNED} days?(?: |$))?"
    rf"(?:[+-]?[0-9]{{2,}}:[0-5][0-9]:[0-5][0-9]{_FRACTION})?"
)
_YEAR_ZERO = "^0000-"

PATTERNS = {
    "boolean": "[tf]",
    "integer": "0|-?[1-9][0-9]*",
    "decimal": rf"-?{_NUMBER}(?:\.[0-9]+)?|{_SPECIAL}",
    "float32": rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|{_SPECIAL}",
    "float64": rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|{_SPECIAL}",
    "binary": r"\\x(?:[0-9a-f]{2})*",
    "date": f"{_DATE}|{_DATE_BC} BC|{_ENDLESS}",
    "time": f"{_TIME}|24:00:00",
    "time_tz": f"(?:{_TIME}|24:00:00){_ZONE}",
    "timestamp": f"{_DATE} {_TIME}|{_DATE_BC} {_TIME} BC|{_ENDLESS}",
    "timestamp_tz": rf"{_DATE} {_TIME}\+00|{_DATE_BC} {_TIME}\+00 BC|{_ENDLESS}",
    "interval": _INTERVAL,
    "uuid": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "bits": "[01]*",
}
"""Regular expressions (RE2) of the kinds that one can describe; JSON is parsed, and any text is text."""


def no_value(text: pa.Array, value: ValueType) -> pa.Array:
    """Which of the texts are no text of the value type. Missing values stay missing."""
    if value.kind in ("json", "array"):
        return _no_json(text, bounds=value.kind == "array")
    if value.kind == "enum" and value.labels:
        return _unless(text, pc.is_in(text, value_set=pa.array(value.labels, text.type)))
    pattern = PATTERNS.get(value.kind)
    if pattern is None:
        return _unless(text, pa.scalar(True))
    wrong = pc.invert(pc.match_substring_regex(text, f"^(?:{pattern})$"))
    if value.kind in ("date", "timestamp", "timestamp_tz"):
        wrong = pc.or_(wrong, pc.match_substring_regex(text, _YEAR_ZERO))
    if value.kind == "interval":
        wrong = pc.or_(wrong, pc.or_(pc.equal(text, ""), pc.ends_with(text, " ")))
    return wrong


def _unless(text: pa.Array, fits: pa.Array | pa.Scalar) -> pa.Array:
    return pc.and_(pc.is_valid(text), pc.invert(fits))


def _no_json(text: pa.Array, *, bounds: bool) -> pa.Array:
    """An array with lower bounds of its own is PostgreSQL's text, which only PostgreSQL writes."""
    wrong = [
        value is not None and not (bounds and has_bounds(value)) and not is_json(value) for value in text.to_pylist()
    ]
    return pa.array(wrong, pa.bool_())
