"""What a limit of a destination column means, in words: completes "a value that …" and says what becomes of it."""

from __future__ import annotations

from core.value_type import Limit

BEYOND = {
    "syntax": "is no value of the column's type",
    "characters": "has more than {high} characters",
    "bytes": "has more than {high} bytes",
    "no_nul": "holds the character U+0000",
    "not_null": "is NULL, and the destination would refuse it or put a value of its own in its place",
    "not_empty": "is empty",
    "empty_is_null": "is empty",
    "no_blank_end": "ends with blanks",
    "finite": "is NaN or infinite",
    "range": "is outside {low} … {high}",
    "significant": "has more than {precision} significant digits",
    "float32": "needs more than 32 bits",
    "no_minus_zero": "is minus zero",
    "years": "is infinite or outside the years {low} … {high}",
    "no_gap": "lies within 1582-10-05 … 1582-10-14",
    "fraction": "has more than {scale} digits of a second",
    "within_a_day": "is no time of a day",
    "hours": "has days, months or years, or is beyond {high} hours",
    "months_only": "has days or a time",
    "no_months": "has months or years",
    "zero_or_one": "is neither 0 nor 1",
    "labels": "is none of the destination's labels",
    "json_numbers": "holds a number that the destination would round",
    "json_objects": "holds a key twice in one object",
    "plain_array": "has lower bounds other than 1",
}
CHANGES = {
    "characters": "cut to {high} characters",
    "bytes": "cut to {high} bytes",
    "no_nul": "the character is taken out",
    "empty_is_null": "becomes NULL",
    "no_blank_end": "the blanks are cut",
    "digits": "rounded to {scale} digits after the point; NULL where it has more than {precision} in all",
    "significant": "rounded to {precision} significant digits",
    "float32": "becomes the nearest of 32 bits",
    "no_minus_zero": "becomes 0",
    "fraction": "cut to {scale} digits of a second",
    "zero_or_one": "becomes 1",
    "plain_array": "the bounds are dropped",
}
NEVER_CHANGED = frozenset(("syntax", "not_null", "not_empty", "json_numbers", "json_objects"))
"""Kinds whose values cannot be changed into ones that fit: they are refused in any case."""


def beyond(limit: Limit) -> str:
    """What is wrong with a value beyond the limit, as the rest of a sentence."""
    if limit.kind == "years" and limit.infinite:
        return _filled("is outside the years {low} … {high}", limit)
    if limit.kind == "digits":
        return f"has more than {limit.precision} digits, or more than {limit.scale} after the point"
    if limit.kind == "finite" and limit.infinite:
        return "is NaN"
    return _filled(BEYOND[limit.kind], limit)


def change(limit: Limit) -> str:
    """What becomes of a value beyond the limit where that is accepted."""
    if limit.kind in NEVER_CHANGED:
        return "refused, because it cannot be changed"
    return _filled(CHANGES.get(limit.kind, "becomes NULL"), limit)


def _filled(words: str, limit: Limit) -> str:
    low = "…" if limit.low is None else limit.low
    high = "…" if limit.high is None else limit.high
    return words.format(low=low, high=high, precision=limit.precision, scale=limit.scale)
