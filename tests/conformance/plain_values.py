"""Values of any database as plain Python, so that two ends of a migration are compared without a line of the product.

A driver gives what it gives: numbers, text, bytes, datetimes. What a value *is* depends on its kind only, so the same
value in two databases becomes the same object here, and two values never do.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import struct
import uuid
from collections.abc import Callable, Hashable
from decimal import Context, Decimal
from typing import Any

EXACT = Context(prec=200_000)
MOMENT = re.compile(
    r"(?P<year>[-+]?\d+)-(?P<month>\d\d)-(?P<day>\d\d)( ?\(BC\))?"
    r"([ T](?P<clock>[\d:.]+)(?P<zone>Z|[-+][\d:]+)?)?(?P<bc> ?\(?(BC|AD)\)?)?"
)
CLOCK = re.compile(r"(?P<sign>-?)(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)(\.(?P<fraction>\d{1,9}))?")
SPAN = re.compile(r"([-+]?\d+) (year|month|mon|day)s?")
NANOSECONDS = 10**9
DAY = 86400 * NANOSECONDS


def plain(value: Any, kind: str, length: int | None = None) -> Hashable:
    """The value of that kind; `length` is the number of digits of bits. Raises ValueError where it is none."""
    if value is None:
        return None
    return READERS[kind](value, length)


def _boolean(value: Any, length: int | None) -> Hashable:
    text = value.decode() if isinstance(value, bytes) and value not in (b"\0", b"\1") else value
    if text in (True, 1, "1", "t", "true", "True", "TRUE", b"\1"):
        return True
    if text in (False, 0, "0", "f", "false", "False", "FALSE", b"\0"):
        return False
    raise ValueError(f"{value!r} is no boolean")


def _integer(value: Any, length: int | None) -> Hashable:
    number = Decimal(_text(value))
    if number != number.to_integral_value(context=EXACT):
        raise ValueError(f"{value!r} is no integer")
    return int(number)


def _decimal(value: Any, length: int | None) -> Hashable:
    number = Decimal(_text(value) if not isinstance(value, float) else repr(value))
    if not number.is_finite():
        return str(number).lower()
    return str(number.normalize(EXACT)) if number else "0"


def _float(form: str) -> Callable[[Any, int | None], Hashable]:
    def read(value: Any, length: int | None) -> Hashable:
        number = float(value if isinstance(value, float | int) else _text(value))
        return "nan" if math.isnan(number) else struct.pack(form, number)

    return read


def _text(value: Any, length: int | None = None) -> str:
    return bytes(value).decode() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _char(value: Any, length: int | None) -> Hashable:
    return _text(value).rstrip(" ")


def _binary(value: Any, length: int | None) -> Hashable:
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("\\x"))
    return bytes(value)


def _moment(value: Any, length: int | None) -> Hashable:
    """Year (BC below 1), month, day, nanoseconds of the day in UTC where there is a zone."""
    if isinstance(value, dt.datetime):
        value = (value.astimezone(dt.UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat(" ")
    text = _text(value).strip()
    if text in ("infinity", "-infinity"):
        return text
    found = MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no moment")
    year = int(found["year"])
    year = 1 - year if "BC" in text else year
    clock = _clock(found["clock"]) if found["clock"] else 0
    offset = found["zone"] or "+00"
    if offset != "Z" and any(digit not in "+-:0" for digit in offset):
        shifted = dt.datetime.fromisoformat(f"{year:04}-{found['month']}-{found['day']} 00:00:00{offset}")
        shifted = shifted.astimezone(dt.UTC) + dt.timedelta(microseconds=clock // 1000)
        return _moment(shifted, None)
    return (year, int(found["month"]), int(found["day"]), clock)


def _date(value: Any, length: int | None) -> Hashable:
    found = _moment(value, length)
    if isinstance(found, tuple) and found[3]:
        raise ValueError(f"{value!r} has a time")
    return found


def _clock(text: str) -> int:
    found = CLOCK.fullmatch(text if text.count(":") == 2 else f"{text}:00")
    if found is None:
        raise ValueError(f"{text!r} is no time")
    seconds = int(found["hours"]) * 3600 + int(found["minutes"]) * 60 + int(found["seconds"])
    total = seconds * NANOSECONDS + int((found["fraction"] or "0").ljust(9, "0"))
    return -total if found["sign"] else total


def _time(value: Any, length: int | None) -> Hashable:
    if isinstance(value, dt.timedelta):
        return _nanoseconds(value)
    text = _text(value)
    return _clock(text.rsplit(" ", 1)[-1] if text.startswith(("0 ", "+00 ", "+0 ")) else text)


def _time_tz(value: Any, length: int | None) -> Hashable:
    text = _text(value)
    position = max(text.rfind("+"), text.rfind("-"))
    hours, *rest = text[position + 1 :].split(":")
    seconds = int(hours) * 3600 + sum(int(part) * 60 ** (1 - place) for place, part in enumerate(rest))
    return (_clock(text[:position]), -seconds if text[position] == "-" else seconds)


def _interval(value: Any, length: int | None) -> Hashable:
    """Months, days, nanoseconds."""
    if isinstance(value, dt.timedelta):  # of a type whose days and time have one sign
        total = _nanoseconds(value)
        days = abs(total) // DAY * (-1 if total < 0 else 1)
        return (0, days, total - days * DAY)
    text = _text(value)
    units = {"year": 12, "mon": 1, "month": 1}
    spans = SPAN.findall(text)
    rest = SPAN.sub("", text).strip().removeprefix("+")
    months = sum(int(number) * units[unit] for number, unit in spans if unit != "day")
    return (months, sum(int(number) for number, unit in spans if unit == "day"), _clock(rest) if rest else 0)


def _uuid(value: Any, length: int | None) -> Hashable:
    if isinstance(value, bytes | bytearray) and len(value) == 16:
        return uuid.UUID(bytes=bytes(value)).int
    return uuid.UUID(_text(value)).int


def _json(value: Any, length: int | None) -> Hashable:
    """The document: order of keys and blanks apart, keys that come twice kept."""
    return _frozen(value) if isinstance(value, dict | list) else _frozen(_parsed(_text(value)))


def _array(value: Any, length: int | None) -> Hashable:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if "]=" in text else _frozen(_parsed(text))


def _bits(value: Any, length: int | None) -> Hashable:
    if isinstance(value, bytes | bytearray):
        value = int.from_bytes(value, "big")
    if isinstance(value, int):
        return format(value, f"0{length or 1}b")
    return _text(value)


def _parsed(text: str) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> Any:
        return ("object", tuple(sorted(((name, _frozen(part)) for name, part in found), key=repr)))

    return json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=pairs)


def _frozen(document: Any) -> Hashable:
    match document:
        case tuple():
            return document
        case dict():
            return ("object", tuple(sorted(((name, _frozen(part)) for name, part in document.items()), key=repr)))
        case list():
            return ("list", tuple(map(_frozen, document)))
        case bool() | None | str():
            return (type(document).__name__, document)
    return ("number", _decimal(document, None))


def _nanoseconds(span: dt.timedelta) -> int:
    return (span.days * 86400 + span.seconds) * NANOSECONDS + span.microseconds * 1000


READERS: dict[str, Callable[[Any, int | None], Hashable]] = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "float32": _float(">f"),
    "float64": _float(">d"),
    "text": _text,
    "char": _char,
    "enum": _text,
    "other": _text,
    "binary": _binary,
    "date": _date,
    "timestamp": _moment,
    "timestamp_tz": _moment,
    "time": _time,
    "time_tz": _time_tz,
    "interval": _interval,
    "uuid": _uuid,
    "json": _json,
    "array": _array,
    "bits": _bits,
}
