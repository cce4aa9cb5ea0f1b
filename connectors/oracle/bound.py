"""What is bound for interchange text: the part of reading it that Oracle's SQL does not do (expressions.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import WrittenColumn
from connectors.limit_checks import beyond
from connectors.oracle.arrivals import silent_limits
from connectors.oracle.types import DAY_INTERVAL, MOMENTS, PADDED, YEAR_INTERVAL, parse
from core.errors import DataRejected
from core.value_type import ValueType

FLOATS = {"BINARY_FLOAT": pa.float32(), "BINARY_DOUBLE": pa.float64()}
MOMENT = r"^([0-9]{4})(-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9])(\.[0-9]+)?(?:\+00)?"
DAYS = re.compile(r"(?:(?P<days>-?\d+) days?)?(?:(?:^| )(?P<sign>[+-]?)(?P<clock>\d+:\d\d:\d\d(?:\.\d+)?))?")
MONTHS = re.compile(r"(?:(?P<years>-?\d+) years?)?(?:(?:^| )\+?(?P<months>-?\d+) mons?)?")


def bound_values(text: pa.Array, column: WrittenColumn) -> pa.Array:
    """The parameters for a column of interchange text. CPU-bound.

    Raises DataRejected for a value that Oracle would change in silence, and for text that is none of its type.
    """
    name = parse(column.native).name
    _judge(text, column)
    try:
        if name in FLOATS:
            return pc.cast(text, FLOATS[name])
        if name in ("RAW", "BLOB"):
            return _bytes(text, column.value)
        if name in MOMENTS:
            return _moments(text, column.value)
        if name == DAY_INTERVAL:
            return _each(text, day_interval)
        if name == YEAR_INTERVAL:
            return _each(text, year_interval)
    except (pa.ArrowInvalid, ValueError):
        raise _misfit(column) from None
    if name in PADDED:  # '' is NULL, a blank is filled up to the same value
        return pc.if_else(pc.equal(text, ""), " ", text)
    return text


def _judge(text: pa.Array, column: WrittenColumn) -> None:
    for limit in silent_limits(column.value, column.native):
        try:
            wrong = beyond(text, limit, column.value)
        except pa.ArrowInvalid:
            raise _misfit(column) from None
        if pc.any(wrong).as_py():
            raise DataRejected(
                f"column {column.name} of type {column.native} cannot hold a value that came for it",
                evidence={"column": column.name, "limit": limit.kind, "example": pc.filter(text, wrong)[0].as_py()},
            )


def _misfit(column: WrittenColumn) -> DataRejected:
    return DataRejected(f"column {column.name} of type {column.native} was given text that is no {column.value.kind}")


def _bytes(text: pa.Array, value: ValueType) -> pa.Array:
    """Raises ValueError where there are others than hexadecimal digits."""
    digits = pc.replace_substring(text, "-", "") if value.kind == "uuid" else pc.utf8_slice_codeunits(text, 2)
    digits = pc.cast(digits, pa.large_string())
    if len(digits) == 0:
        return pa.array([], pa.large_binary())
    offsets: np.ndarray[Any, Any] = np.frombuffer(digits.buffers()[1], dtype=np.int64)
    offsets = offsets[digits.offset : digits.offset + len(digits) + 1]
    data = digits.buffers()[2]
    held = bytes.fromhex(data[offsets[0] : offsets[-1]].to_pybytes().decode()) if data is not None else b""
    ends = offsets - offsets[0]
    if (ends % 2).any() or ends[-1] != 2 * len(held):
        raise ValueError
    starts = pa.py_buffer(np.ascontiguousarray(ends // 2))
    values = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(digits), [None, starts, pa.py_buffer(held)])
    return pc.if_else(pc.is_valid(digits), values, None)


def _moments(text: pa.Array, value: ValueType) -> pa.Array:
    """Years before Christ get a sign, and a fraction that is left out is written, in UTC without its mark."""
    if value.kind == "date":
        return pc.replace_substring_regex(text, "^(.*) BC$", r"-\1")
    text = pc.replace_substring_regex(text, MOMENT + "( BC)$", r"-\1\2\3")
    text = pc.replace_substring_regex(text, MOMENT + "$", r"\1\2\3")
    return pc.if_else(pc.match_substring(text, "."), text, pc.binary_join_element_wise(text, "0", "."))


def _each(text: pa.Array, convert: Callable[[str], str]) -> pa.Array:
    return pa.array([None if value is None else convert(value) for value in text.to_pylist()], pa.string())


def day_interval(text: str) -> str:
    """What TO_DSINTERVAL reads for days and time, or for a time alone. Raises ValueError where signs differ."""
    found = DAYS.fullmatch(text)
    if found is None or not text:
        raise ValueError
    days = int(found["days"] or 0)
    hours, minutes, seconds = (found["clock"] or "0:00:00").split(":")
    negative = found["sign"] == "-"
    has_time = bool(int(hours) or minutes.strip("0") or seconds.strip("0."))
    if days and has_time and (days < 0) != negative:
        raise ValueError
    more, hours_of_day = divmod(int(hours), 24)
    sign = "-" if days < 0 or (negative and has_time) else ""
    return f"{sign}{abs(days) + more} {hours_of_day:02}:{minutes}:{seconds}"


def year_interval(text: str) -> str:
    """What TO_YMINTERVAL reads. Raises ValueError for anything but years and months."""
    if text == "00:00:00":
        return "0-0"
    found = MONTHS.fullmatch(text)
    if found is None or not text:
        raise ValueError
    total = 12 * int(found["years"] or 0) + int(found["months"] or 0)
    years, months = divmod(abs(total), 12)
    return f"{'-' if total < 0 else ''}{years}-{months}"
