"""Python values as drivers give and take them, to interchange text and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import DataRejected, InvalidConfiguration
from core.value_type import ValueType

MOMENT = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)?[ T]?(?P<time>\d{2,3}:\d\d:\d\d)(\.(?P<fraction>\d+))?")
FLOATING = ("REAL", "FLOAT", "DOUBLE")
SINGLE = ("REAL", "FLOAT")
BYTES = (bytes, bytearray, memoryview)
SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

ToText = Callable[[Any], str]
FromText = Callable[[str], Any]


def texts(values: Sequence[Any], value: ValueType, native: str, name: str) -> pa.Array:
    """A column of what a driver gave for the `native` type, as interchange text. Raises DataRejected for what is no
    such value."""
    to_text = TO_TEXT.get(value.kind, _plain)
    if value.kind == "decimal" and native.upper().startswith(FLOATING):
        to_text = _shortest_single if native.upper() in SINGLE else _shortest
    try:
        return pa.array([None if item is None else to_text(item) for item in values], pa.string())
    except (ValueError, TypeError, ArithmeticError, UnicodeError) as error:
        raise DataRejected(
            f"column {name} holds a value that is no {value.kind}", evidence={"column": name, "reason": str(error)}
        ) from None


def _plain(item: Any) -> str:
    if isinstance(item, BYTES):
        return bytes(item).decode()
    return str(item)


def _boolean(item: Any) -> str:
    if item in (True, 1, "t", "1", "true", b"\x01"):
        return "t"
    if item in (False, 0, "f", "0", "false", b"\x00"):
        return "f"
    raise ValueError("neither true nor false")


def _integer(item: Any) -> str:
    number = int(item)
    if not isinstance(item, str) and number != item:
        raise ValueError("has a fraction")
    return str(number)


def _decimal(item: Any) -> str:
    if isinstance(item, float):
        raise InvalidConfiguration(
            "the driver gives decimals as floats, whose digits are not those of the database",
            remedy="Use another driver in the url, or leave the column out with the table's `columns`",
        )
    number = Decimal(item)
    return format(number, "f") if number.is_finite() else SPECIAL[str(float(number))]


def _shortest(item: Any) -> str:
    """The decimal that a float stands for: the shortest that gives it."""
    return _decimal(repr(float(item)))


def _shortest_single(item: Any) -> str:
    return _decimal(str(np.float32(item)))


def _float(item: Any) -> str:
    text = repr(float(item))
    return SPECIAL.get(text, text)


def _char(item: Any) -> str:
    return _plain(item).rstrip(" ")


def _binary(item: Any) -> str:
    if isinstance(item, str) and item.startswith("\\x"):  # in a column of text
        return item
    if not isinstance(item, BYTES):  # `bytes` would make so many zeros of a number
        raise ValueError("is not binary")
    return "\\x" + bytes(item).hex()


def _date(item: Any) -> str:
    if isinstance(item, datetime):
        if item.time() != time():
            raise ValueError("has a time of day")
        item = item.date()
    return item.isoformat() if isinstance(item, date) else str(item)


def _time(item: Any) -> str:
    if isinstance(item, timedelta):
        whole, fraction = divmod(abs(item) // timedelta(microseconds=1), 1_000_000)
        minutes, seconds = divmod(whole, 60)
        sign = "-" if item < timedelta() else ""
        return sign + _trimmed(f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{fraction:06d}")
    return _trimmed(item.replace(tzinfo=None).isoformat() if isinstance(item, time) else str(item))


def _time_tz(item: Any) -> str:
    if not isinstance(item, time):
        return str(item)
    offset = item.utcoffset()
    if offset is None:
        raise ValueError("has no offset")
    minutes, seconds = divmod(abs(int(offset.total_seconds())), 60)
    text = f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}"
    text += f":{minutes % 60:02d}" if minutes % 60 or seconds else ""
    return _time(item) + text + (f":{seconds:02d}" if seconds else "")


def _timestamp(item: Any) -> str:
    if not isinstance(item, datetime):
        return _trimmed(str(item))
    if item.tzinfo is not None:
        raise ValueError("has a time zone")
    return _trimmed(item.isoformat(" "))


def _timestamp_tz(item: Any) -> str:
    """A value without a zone is in UTC, as this connector writes it where the database keeps no zones."""
    if isinstance(item, datetime) and item.tzinfo is not None:
        item = item.astimezone(UTC).replace(tzinfo=None)
    if isinstance(item, str) and MOMENT.fullmatch(item) is None:  # in a column of text, with its zone
        return item
    return _timestamp(item) + "+00"


def _trimmed(text: str) -> str:
    """No zeros at the end of the fraction, a blank before the time. What is no moment stays what it is."""
    found = MOMENT.fullmatch(text)
    if found is None:
        return text
    fraction = (found["fraction"] or "").rstrip("0")
    day = f"{found['day']} " if found["day"] else ""
    return f"{day}{found['time']}" + (f".{fraction}" if fraction else "")


def _uuid(item: Any) -> str:
    return str(item if isinstance(item, UUID) else UUID(_plain(item)))


TO_TEXT: dict[str, ToText] = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "float32": _float,
    "float64": _float,
    "char": _char,
    "binary": _binary,
    "date": _date,
    "time": _time,
    "time_tz": _time_tz,
    "timestamp": _timestamp,
    "timestamp_tz": _timestamp_tz,
    "uuid": _uuid,
}


def python_values(text: pa.Array, value: ValueType, holder: ValueType, name: str, *, specials: bool) -> list[Any]:
    """What the driver is given for interchange text that goes into a column of `holder`. Raises DataRejected where a
    value would not come back as it is. `specials`: floats may be NaN, infinite and -0."""
    try:
        if holder.kind in ("float32", "float64"):
            return _floats(text, holder.kind, specials)
        return [None if item is None else _python(item, value, holder) for item in text.to_pylist()]
    except (ValueError, InvalidOperation, pa.ArrowInvalid) as error:
        raise DataRejected(
            f"column {name}: a value does not fit its type", evidence={"column": name, "reason": str(error)}
        ) from None


def _floats(text: pa.Array, kind: str, specials: bool) -> list[Any]:
    """Arrow rounds text of 32 bits once, where Python would round twice."""
    numbers = pc.cast(text, pa.float32() if kind == "float32" else pa.float64())
    finite = pc.or_kleene(pc.is_finite(numbers), pc.match_substring_regex(text, "[nN]"))
    if not pc.all(pc.fill_null(finite, True)).as_py():
        raise ValueError("a number is out of range")
    values: list[Any] = numbers.to_pylist()
    if not specials and any(item is not None and (not isfinite(item) or str(item) == "-0.0") for item in values):
        raise ValueError("is NaN, infinite or -0")
    return values


def _python(text: str, value: ValueType, holder: ValueType) -> Any:
    if value.kind == "boolean" and holder.kind in ("boolean", "integer", "decimal"):
        flag = {"t": True, "f": False}[text] if text in ("t", "f") else None
        if flag is None:
            raise ValueError("neither t nor f")
        return flag if holder.kind == "boolean" else int(flag)
    from_text = FROM_TEXT.get(holder.kind)
    if from_text is None:
        return text
    made = from_text(text)
    if holder.kind == "decimal":
        _check_digits(made, holder)
    elif holder.kind != "boolean" and TO_TEXT[value.kind](made) != text:
        raise ValueError("does not read back as it was")
    return made


def _check_digits(number: Decimal, holder: ValueType) -> None:
    if number.is_finite() and holder.precision is not None and number != round(number, holder.scale):
        raise ValueError(f"has more than {holder.scale} digits after the point")


def _moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


FROM_TEXT: dict[str, FromText] = {
    "boolean": lambda text: {"0": False, "1": True}[text],
    "integer": int,
    "decimal": Decimal,
    "binary": lambda text: bytes.fromhex(text.removeprefix("\\x")),
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": _moment_of,
    "timestamp_tz": _instant,
    "uuid": UUID,
}
