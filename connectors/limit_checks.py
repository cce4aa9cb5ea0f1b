"""Which values are beyond a limit (core.value_type.Limit): one vectorised look at a column of interchange text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from connectors.interchange_syntax import no_value
from connectors.json_text import repeats_a_key, rounds_a_number
from core.value_type import Limit, ValueType

Text: TypeAlias = "pa.Array"
Check = Callable[[Text, Limit, ValueType], "pa.Array"]

SPECIAL_NUMBERS = ("NaN", "Infinity", "-Infinity")
SPECIAL_DAYS = ("infinity", "-infinity")
NUL_ESCAPE = r"(?:^|[^\\])(?:\\\\)*\\u0000"
TIME_OF_DAY = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[+-].*)?$"
LONG_NUMBER = r"[0-9][0-9.]{15}|[0-9][eE]"
"""Numbers of at most 15 digits without an exponent are held by a double."""
INT64 = (-(2**63), 2**63 - 1)


def beyond(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    """For each value whether it is beyond the limit; a missing value is beyond `not_null` only. CPU-bound.

    Raises pyarrow.ArrowInvalid where text that should be a number is none.
    """
    return pc.fill_null(CHECKS[limit.kind](text, limit, value), False)


def _characters(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.greater(pc.utf8_length(text), limit.high)


def _bytes(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    """Of binary values, which travel as hexadecimal digits after a mark, the bytes they stand for."""
    most = 2 + 2 * (limit.high or 0) if value.kind == "binary" else limit.high
    return pc.greater(pc.binary_length(text), most)


def _no_nul(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    if value.kind in ("json", "array"):
        return pc.match_substring_regex(text, NUL_ESCAPE)
    return pc.match_substring(text, "\0")


def _missing(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.is_null(text)


def _empty(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.equal(pc.binary_length(text), 2 if value.kind == "binary" else 0)


def _blank_end(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.ends_with(text, " ")


def _not_finite(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    special = SPECIAL_NUMBERS[:1] if limit.infinite else SPECIAL_NUMBERS
    return pc.is_in(text, value_set=pa.array(special, text.type))


def _outside_range(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    low, high = limit.low, limit.high
    bounds = [bound for bound in (low, high) if bound is not None]
    if all(INT64[0] <= bound <= INT64[1] for bound in bounds):
        try:
            return _outside(pc.cast(text, pa.int64()), low, high)
        except pa.ArrowInvalid:
            pass  # a number beyond 64 bits, or with a fraction: compared by its digits
    return _outside_by_digits(text, low, high)


def _outside(numbers: pa.Array, low: int | None, high: int | None) -> pa.Array:
    below = pc.less(numbers, low) if low is not None else pa.scalar(False)
    above = pc.greater(numbers, high) if high is not None else pa.scalar(False)
    return _or(below, above, len(numbers))


def _outside_by_digits(text: Text, low: int | None, high: int | None) -> pa.Array:
    negative = pc.starts_with(text, "-")
    digits = pc.ascii_ltrim(pc.replace_substring_regex(text, r"^[-+]|\.0*$", ""), "0")
    strange = pc.invert(pc.match_substring_regex(digits, "^[0-9]*$"))

    def larger(bound: int) -> pa.Array:
        """Further from zero than the bound, which counts with zeros before it as well."""
        spelled = str(abs(bound)).lstrip("0")
        length = pc.binary_length(digits)
        same = pc.and_(pc.equal(length, len(spelled)), pc.greater(digits, spelled))
        return pc.or_(pc.greater(length, len(spelled)), same)

    def smaller(bound: int) -> pa.Array:
        return pc.invert(pc.or_(larger(bound), pc.equal(digits, str(abs(bound)).lstrip("0"))))

    positive = pc.invert(negative)
    wrong = strange
    if high is not None:
        over = pc.and_(positive, larger(high)) if high >= 0 else pc.or_(positive, smaller(high))
        wrong = pc.or_(wrong, over)
    if low is not None:
        under = pc.and_(negative, larger(low)) if low <= 0 else pc.or_(negative, smaller(low))
        wrong = pc.or_(wrong, under)
    return wrong


def _too_many_digits(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    wrong = pc.invert(pc.match_substring_regex(text, _fitting_number(limit.precision, limit.scale)))
    if pc.any(wrong).as_py():
        wrong = pc.and_(wrong, pc.invert(_not_finite(text, limit, value)))
    return wrong


def _fitting_number(precision: int, scale: int) -> str:
    """Of a decimal that is held as it is, zeros at the end of its fraction aside."""
    if scale < 0:
        return rf"^[-+]?0*(?:[0-9]{{0,{precision}}}0{{{-scale}}})?(?:\.0*)?$"
    if scale > precision:
        return rf"^[-+]?0*(?:\.(?:0*|0{{{scale - precision}}}[0-9]{{0,{precision}}}0*))?$"
    return rf"^[-+]?0*[0-9]{{0,{precision - scale}}}(?:\.[0-9]{{0,{scale}}}0*)?$"


def _too_many_significant(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    length = pc.max(pc.binary_length(text)).as_py()
    if length is None or length <= limit.precision:
        return pa.repeat(False, len(text))
    digits = pc.ascii_trim(pc.replace_substring_regex(text, "[-+.]|[eE].*", ""), "0")
    wrong = pc.greater(pc.binary_length(digits), limit.precision)
    return pc.and_(wrong, pc.invert(_not_finite(text, limit, value)))


def _beyond_float32(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    wide = pc.cast(text, pa.float64())
    narrow = pc.cast(pc.cast(wide, pa.float32(), safe=False), pa.float64())
    return pc.and_(pc.not_equal(wide, narrow), pc.invert(pc.is_nan(wide)))


def _minus_zero(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.match_substring_regex(text, r"^-0*\.?0*(?:[eE].*)?$")


def _outside_years(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    plain = pc.and_(pc.match_substring_regex(text, "^[0-9]{4}-"), pc.invert(pc.ends_with(text, " BC")))
    if pc.all(plain).as_py() is not False:
        return _outside(pc.cast(pc.utf8_slice_codeunits(text, 0, 4), pa.int32()), limit.low, limit.high)
    endless = pc.is_in(text, value_set=pa.array(SPECIAL_DAYS, text.type))
    dated = pc.if_else(endless, None, text)
    years = pc.cast(pc.replace_substring_regex(dated, "^([0-9]+).*", r"\1"), pa.int64())
    years = pc.if_else(pc.ends_with(dated, " BC"), pc.subtract(1, years), years)
    outside = _outside(years, limit.low, limit.high)
    return outside if limit.infinite else pc.or_kleene(endless, outside)


def _in_gap(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.and_(pc.match_substring_regex(text, "^1582-10-(?:0[5-9]|1[0-4])"), pc.invert(pc.ends_with(text, " BC")))


def _finer(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.match_substring_regex(text, rf"\.[0-9]{{{limit.scale + 1}}}")


def _no_time_of_day(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    if value.kind != "interval":
        return pc.starts_with(text, "24:")
    return pc.invert(pc.match_substring_regex(text, TIME_OF_DAY))


def _outside_hours(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    if limit.high is None:
        return pc.match_substring_regex(text, "[a-z]")
    spelled = pc.replace_substring_regex(text, "^[+-]?([0-9]+):.*", r"\1")
    units = pc.match_substring_regex(text, "[a-z]")
    hours = pc.cast(pc.if_else(units, None, spelled), pa.int64())
    return pc.or_kleene(units, pc.greater(hours, limit.high))


def _not_only_months(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    """No time at all is no months."""
    return pc.and_(pc.match_substring_regex(text, "day|:"), pc.not_equal(text, "00:00:00"))


def _with_months(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.match_substring_regex(text, "year|mon")


def _not_zero_or_one(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.and_(pc.is_valid(text), pc.invert(pc.is_in(text, value_set=pa.array(["0", "1"], text.type))))


def _no_label(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.and_(pc.is_valid(text), pc.invert(pc.is_in(text, value_set=pa.array(limit.labels, text.type))))


def _rounded_numbers(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    long = pc.match_substring_regex(text, LONG_NUMBER)
    return _each(
        text,
        long,
        lambda document: rounds_a_number(document, low=limit.low, high=limit.high, precision=limit.precision),
    )


def _repeated_keys(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    """A key cannot come twice where there are fewer than two."""
    return _each(text, pc.greater(pc.count_substring(text, ":"), 1), repeats_a_key)


def _own_bounds(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return pc.match_substring_regex(text, r"^(?:\[-?[0-9]+:-?[0-9]+\])+=")


def _syntax(text: Text, limit: Limit, value: ValueType) -> pa.Array:
    return no_value(text, value)


def _each(text: Text, suspected: pa.Array, judge: Callable[[str], bool]) -> pa.Array:
    if not pc.any(suspected).as_py():
        return pa.repeat(False, len(text))
    documents = pc.if_else(suspected, text, None).to_pylist()
    return pa.array([document is not None and judge(document) for document in documents], pa.bool_())


def _or(one: pa.Array | pa.Scalar, other: pa.Array | pa.Scalar, rows: int) -> pa.Array:
    both = pc.or_(one, other)
    return pa.repeat(both, rows) if isinstance(both, pa.Scalar) else both


CHECKS: dict[str, Check] = {
    "syntax": _syntax,
    "characters": _characters,
    "bytes": _bytes,
    "no_nul": _no_nul,
    "not_null": _missing,
    "not_empty": _empty,
    "empty_is_null": _empty,
    "no_blank_end": _blank_end,
    "finite": _not_finite,
    "range": _outside_range,
    "digits": _too_many_digits,
    "significant": _too_many_significant,
    "float32": _beyond_float32,
    "no_minus_zero": _minus_zero,
    "years": _outside_years,
    "no_gap": _in_gap,
    "fraction": _finer,
    "within_a_day": _no_time_of_day,
    "hours": _outside_hours,
    "months_only": _not_only_months,
    "no_months": _with_months,
    "zero_or_one": _not_zero_or_one,
    "labels": _no_label,
    "json_numbers": _rounded_numbers,
    "json_objects": _repeated_keys,
    "plain_array": _own_bounds,
}
