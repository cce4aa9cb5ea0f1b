"""What becomes of values beyond a limit where that is accepted, as the docstring of core.value_type.Limit says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from connectors.array_text import without_bounds
from core.value_type import Limit, ValueType

Text: TypeAlias = "pa.Array"
Change = Callable[[Text, Limit, ValueType, str], "pa.Array"]

NUL_ESCAPE = r"((?:^|[^\\])(?:\\\\)*)\\u0000"
SPECIAL_SPELLINGS = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
MOST_DIGITS = 100_000


def changed(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    """The values as they are beyond the limit; called with those only. `native` is the source's type. Kinds that are
    not here cannot be changed."""
    return pc.cast(CHANGES[limit.kind](text, limit, value, native), text.type)


def _null(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pa.nulls(len(text), text.type)


def _cut_characters(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pc.utf8_slice_codeunits(text, 0, limit.high)


def _cut_bytes(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    """At the last place at which no character is torn: one at whose byte no character goes on."""
    high = limit.high or 0
    if value.kind == "binary":
        return pc.utf8_slice_codeunits(text, 0, 2 + 2 * high)
    raw = pc.cast(text, pa.large_binary())
    cut = pc.binary_slice(raw, 0, max(high - 3, 0))
    for place in range(max(high - 2, 0), high + 1):
        following = pc.binary_slice(raw, place, place + 1)
        torn = pc.and_(pc.greater_equal(following, b"\x80"), pc.less(following, b"\xc0"))
        cut = pc.if_else(torn, cut, pc.binary_slice(raw, 0, place))
    return pc.cast(cut, pa.large_string())


def _drop_nul(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    if value.kind not in ("json", "array"):
        return pc.replace_substring(text, "\0", "")
    while pc.any(pc.match_substring_regex(text, NUL_ESCAPE)).as_py():
        text = pc.replace_substring_regex(text, NUL_ESCAPE, r"\1")
    return text


def _cut_blanks(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pc.ascii_rtrim(text, " ")


def _round_digits(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pa.array([_rounded(number, limit.precision, limit.scale) for number in text.to_pylist()], text.type)


def _round_significant(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    context = Context(prec=max(limit.precision, 1), rounding=ROUND_HALF_UP, Emax=10**9, Emin=-(10**9))
    return pa.array([_written(context.create_decimal(number)) for number in text.to_pylist()], text.type)


def _nearest_float32(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    narrow = pc.cast(pc.cast(text, pa.float64()), pa.float32(), safe=False)
    return pa.array([SPECIAL_SPELLINGS.get(spelled, spelled) for spelled in pc.cast(narrow, text.type).to_pylist()])


def _zero(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pa.repeat(pa.scalar("0", text.type), len(text))


def _one(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pa.repeat(pa.scalar("1", text.type), len(text))


def _cut_fraction(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    cut = pc.replace_substring_regex(text, rf"(\.[0-9]{{{limit.scale}}})[0-9]+", r"\1")
    return pc.replace_substring_regex(cut, r"(?:\.0*|(\.[0-9]*[1-9])0+)($|[^0-9])", r"\1\2")


def _drop_bounds(text: Text, limit: Limit, value: ValueType, native: str) -> pa.Array:
    return pa.array([without_bounds(array, native) for array in text.to_pylist()], text.type)


def _rounded(number: str, precision: int, scale: int) -> str | None:
    """Half away from zero; None where too many digits stand before the point even so."""
    exact = Decimal(number)
    if exact.adjusted() > MOST_DIGITS:
        return None
    rounded = exact.quantize(Decimal(1).scaleb(-scale), context=Context(prec=2 * MOST_DIGITS, rounding=ROUND_HALF_UP))
    if rounded and rounded.adjusted() >= precision - scale:
        return None
    return _written(rounded)


def _written(number: Decimal) -> str:
    """Without an exponent; zero has no sign."""
    return f"{number:f}" if number else "0"


CHANGES: dict[str, Change] = {
    "characters": _cut_characters,
    "bytes": _cut_bytes,
    "no_nul": _drop_nul,
    "empty_is_null": _null,
    "no_blank_end": _cut_blanks,
    "finite": _null,
    "range": _null,
    "digits": _round_digits,
    "significant": _round_significant,
    "float32": _nearest_float32,
    "no_minus_zero": _zero,
    "years": _null,
    "no_gap": _null,
    "fraction": _cut_fraction,
    "within_a_day": _null,
    "hours": _null,
    "months_only": _null,
    "no_months": _null,
    "zero_or_one": _one,
    "labels": _null,
    "plain_array": _drop_bounds,
}
"""By kind; what is missing here (core.limit_words.NEVER_CHANGED) is refused in any case."""
