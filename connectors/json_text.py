"""Looks into the text of JSON documents without changing a number: canonical form, numbers, repeated keys."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
MOST_EXPONENT_DIGITS = 12
MOST_WHOLE_DIGITS = 1000
"""Whole numbers up to here are written out, longer ones by their power of ten. Python converts 4,300 digits at once."""

MARK = "\0"
"""The only key of the object that stands for a number in a canonical text. A document that holds it is escaped."""


@dataclass(frozen=True)
class _Number:
    """A number that Python's own would not keep as it is."""

    canonical: str


class _RepeatedKey(Exception):
    """Found what was looked for."""


def is_json(text: str) -> bool:
    """The text is one JSON document (RFC 8259)."""
    try:
        _parse(text, parse_float=str, parse_int=str)
    except ValueError:
        return False
    return True


def canonical_json(text: str) -> str:
    """Equal for equal documents: keys sorted, no blanks, numbers by their exact value, strings in ASCII; of a key
    that comes twice the last value counts, as with jsonb. Raises ValueError."""
    whole = int if len(text) <= MOST_WHOLE_DIGITS else _number
    document = _parse(text, parse_float=_number, parse_int=whole)
    if "\\u0000" in text:
        document = _escaped(document)
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":"), default=_marked)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def repeats_a_key(text: str) -> bool:
    """Some object of the document has a key twice. False for what is no JSON."""
    try:
        _parse(text, parse_float=str, parse_int=str, object_pairs_hook=_refuse_repeated)
    except _RepeatedKey:
        return True
    except ValueError:
        pass
    return False


def rounds_a_number(text: str, *, low: int | None, high: int | None, precision: int) -> bool:
    """Some number of the document has no double that is written just so; whole numbers of [low, high] and numbers of
    at most `precision` digits count as held. False for what is no JSON."""
    numbers: list[str] = []
    try:
        _parse(text, parse_float=numbers.append, parse_int=numbers.append)
        return any(not _held(number, low, high, precision) for number in numbers)
    except ValueError:
        return False


def canonical_number(text: str) -> str:
    """Digits without zeros at either end, then the power of ten: `1.50` and `15e-1` are `15E-1`."""
    found = NUMBER.fullmatch(text)
    if found is None:
        raise ValueError("no number")
    sign, whole, fraction, exponent = found[1], found[2], found[3] or "", found[4] or "0"
    if len(exponent) > MOST_EXPONENT_DIGITS:
        raise ValueError("an exponent out of reason")
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    power = int(exponent) - len(fraction) + len(digits) - len(stripped)
    return f"{sign}{stripped}E{power}" if stripped else "0"


def _held(number: str, low: int | None, high: int | None, precision: int) -> bool:
    canonical = canonical_number(number)
    digits, _, power = canonical.lstrip("-").partition("E")
    if max(len(digits), len(digits) + int(power or 0), -int(power or 0)) <= precision:
        return True
    if "." not in number and "e" not in number.lower() and low is not None and high is not None:
        within = len(number) <= 1 + max(len(str(low)), len(str(high))) and low <= int(number) <= high
        if within:
            return True
    nearest = float(number)
    return nearest not in (float("inf"), float("-inf")) and canonical_number(repr(nearest)) == canonical


def _parse(text: str, **hooks: Any) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, **hooks)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _refuse_repeated(members: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in members}) < len(members):
        raise _RepeatedKey


def _number(text: str) -> int | _Number:
    """The same for every spelling of a number: an int where it is whole and not too long."""
    canonical = canonical_number(text)
    digits, _, power = canonical.partition("E")
    zeros = int(power or 0)
    if zeros < 0 or len(digits) + zeros > MOST_WHOLE_DIGITS:
        return _Number(canonical)
    return int(digits + "0" * zeros)


def _marked(number: _Number) -> dict[str, str]:
    return {MARK: number.canonical}


def _escaped(value: Any) -> Any:
    """Doubles a mark at the beginning of keys, so that no object of the document is taken for a number."""
    if isinstance(value, dict):
        return {MARK + key if key.startswith(MARK) else key: _escaped(below) for key, below in value.items()}
    return [_escaped(below) for below in value] if isinstance(value, list) else value
