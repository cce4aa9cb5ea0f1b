"""Which values arrive in a column that exists already, and what it cannot hold of them.

A column that is narrower than the declared type is LOSSY; one that is narrower than a type without any limit (text,
a decimal without precision) converts, and values beyond are refused one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.postgres.limits import DATE_YEARS, NO_NUL, PLAIN_ARRAY, TIMESTAMP_YEARS, fraction_limit
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType, Verdict

DIGITS = {8: 3, 16: 5, 24: 8, 32: 10, 64: 20}
"""Decimal digits by the bits of an integer."""
SIGNIFICANT = {"float32": 6, "float64": 15}
"""Decimal digits that a float always keeps (FLT_DIG, DBL_DIG)."""
MAGNITUDES = {"float32": (37, 38), "float64": (307, 308)}
"""Digits after and before the point within which a float neither vanishes nor overflows (FLT_MIN_10_EXP …)."""
NAME_BYTES = 63
CHARACTERS = ("text", "char", "enum")
ALL_FIELDS = 0x7FFF
"""Of an interval's modifier: days, months and time, none left out."""
SYNTAX = Limit(kind="syntax")


def existing_arrival(value: ValueType, existing: Column) -> Arrival:
    """How the values arrive in the column."""
    target = existing.value
    if existing.generated is not None:
        return _unsupported(value, existing, "the column is generated and cannot be written")
    if existing.kind == "domain" and target.kind not in (value.kind, "text"):
        return _unsupported(value, existing, "the domain is over another type")
    found = INTO[target.kind](value, existing) if target.kind in INTO else None
    return found or _unsupported(value, existing, f"{value.spelled} cannot arrive in {existing.type}")


def _unsupported(value: ValueType, existing: Column, reason: str) -> Arrival:
    remedy = "alter the column, or leave it out with 'columns'"
    return Arrival(type=existing.type, value=value, verdict="UNSUPPORTED", reason=f"{reason}: {remedy}")


def _arrives(
    value: ValueType, existing: Column, verdict: Verdict, limits: Sequence[Limit] = (), reason: str = ""
) -> Arrival:
    return Arrival(type=existing.type, value=value, verdict=verdict, limits=list(limits), reason=reason)


def _fits(
    value: ValueType, existing: Column, *, same: bool, wide: bool, open_ended: bool, limits: Sequence[Limit]
) -> Arrival:
    """`wide`: the column holds every value. `open_ended`: the declared type has no bound that it could break."""
    if wide:
        return _arrives(value, existing, "EXACT" if same else "CONVERT")
    reason = f"{value.spelled} into {existing.type}"
    return _arrives(value, existing, "CONVERT" if open_ended else "LOSSY", limits, reason)


def _parsed(target: ValueType, existing: Column, limits: Sequence[Limit] = ()) -> Arrival:
    """Text that is to be text of the column's own type, and is refused where it is not."""
    reason = f"text that is no {target.spelled} is refused"
    return _arrives(target, existing, "CONVERT", [SYNTAX, *limits], reason)


def _into_boolean(value: ValueType, existing: Column) -> Arrival | None:
    if value.kind == "boolean":
        return _arrives(value, existing, "EXACT")
    whole = value.kind == "integer" or (value.kind == "decimal" and value.precision is not None and value.scale <= 0)
    if whole and not value.specials:
        flag = ValueType(kind="integer", bits=8)
        return _arrives(flag, existing, "CONVERT", [Limit(kind="zero_or_one", loud=True)], "1 is true, 0 is false")
    return _parsed(existing.value, existing) if value.kind in CHARACTERS else None


def _into_integer(value: ValueType, existing: Column) -> Arrival | None:
    target = existing.value
    low, high = _bounds(target)
    limits = [Limit(kind="range", low=low, high=high, loud=True)]
    if value.kind == "integer":
        lowest, highest = _bounds(value)
        same = (value.bits, value.signed) == (target.bits, target.signed)
        wide = low <= lowest and highest <= high
        return _fits(value, existing, same=same, wide=wide, open_ended=False, limits=limits)
    if value.kind == "decimal" and existing.base_type != "oid":  # it has no cast from and to numeric
        whole = value.precision is not None and value.scale <= 0
        wide = whole and (value.precision or 0) - value.scale < len(str(high)) and not value.specials
        limits.insert(0, Limit(kind="digits", precision=len(str(high)), scale=0, loud=True))
        if value.specials:
            limits.insert(0, Limit(kind="finite", loud=True))
        return _fits(value, existing, same=False, wide=wide, open_ended=value.precision is None, limits=limits)
    return _parsed(target, existing, limits) if value.kind in CHARACTERS else None


def _bounds(integer: ValueType) -> tuple[int, int]:
    if integer.signed:
        return -(2 ** (integer.bits - 1)), 2 ** (integer.bits - 1) - 1
    return 0, 2**integer.bits - 1


def _into_decimal(value: ValueType, existing: Column) -> Arrival | None:
    target = existing.value
    whole = (target.precision or 0) - target.scale
    limits = [Limit(kind="digits", precision=target.precision or 0, scale=target.scale)]
    if value.kind == "integer":
        wide = target.precision is None or (target.scale >= 0 and DIGITS[value.bits] <= whole)
        return _fits(value, existing, same=False, wide=wide, open_ended=False, limits=limits)
    if value.kind == "decimal":
        wide = target.precision is None
        if not wide and value.precision is not None:
            wide = value.precision - value.scale <= whole and value.scale <= target.scale
        same = (value.precision, value.scale) == (target.precision, target.scale)
        if value.specials and value.precision is None:
            limits.insert(0, Limit(kind="finite"))  # NaN would fit, infinity has no place in numeric(p,s)
        return _fits(value, existing, same=same, wide=wide, open_ended=value.precision is None, limits=limits)
    if value.kind in SIGNIFICANT and target.precision is None:
        return _arrives(value, existing, "CONVERT", [Limit(kind="no_minus_zero")], "as the shortest decimal")
    return _parsed(target, existing, limits if target.precision is not None else ()) if value.kind == "text" else None


def _into_float(value: ValueType, existing: Column) -> Arrival | None:
    target = existing.value
    keeps = SIGNIFICANT[target.kind]
    if value.kind in SIGNIFICANT:
        wide = SIGNIFICANT[value.kind] <= keeps
        limits = [Limit(kind="float32")]
        return _fits(value, existing, same=value.kind == target.kind, wide=wide, open_ended=False, limits=limits)
    limits = [Limit(kind="significant", precision=keeps)]
    if value.kind == "integer":
        return _fits(value, existing, same=False, wide=DIGITS[value.bits] <= keeps, open_ended=False, limits=limits)
    if value.kind == "decimal":
        digits = None if value.precision is None else value.precision - min(value.scale, 0)
        wide = digits is not None and digits <= keeps and value.scale < 30
        below, above = MAGNITUDES[target.kind]
        limits.insert(0, Limit(kind="digits", precision=above + below, scale=below))
        return _fits(value, existing, same=False, wide=wide, open_ended=digits is None, limits=limits)
    return None


def _into_text(value: ValueType, existing: Column) -> Arrival | None:
    """Every value has a text."""
    if existing.base_type == "char":
        return None
    bound = existing.value.length
    limits = [] if bound is None else [Limit(kind="characters", high=bound)]
    if existing.base_type == "name":
        limits = [Limit(kind="bytes", high=NAME_BYTES)]
    textual = value.kind in CHARACTERS
    wide = not limits or (textual and existing.base_type != "name" and _longest(value) <= (bound or 0))
    open_ended = not textual or (value.kind == "text" and value.length is None)
    arrival = _fits(value, existing, same=value.kind == "text", wide=wide, open_ended=open_ended, limits=limits)
    held = [NO_NUL] if value.kind in (*CHARACTERS, "other") else []
    return arrival.model_copy(update={"limits": [*held, *arrival.limits]})


def _longest(value: ValueType) -> float:
    if value.kind == "enum":
        return max(map(len, value.labels), default=0)
    return float("inf") if value.length is None else value.length


def _into_char(value: ValueType, existing: Column) -> Arrival | None:
    """Its values have no blanks at the end."""
    if value.kind not in CHARACTERS:
        return None
    bound = existing.value.length
    limits = [Limit(kind="characters", high=bound)] if bound is not None and _longest(value) > bound else []
    blanks = [Limit(kind="no_blank_end")] if value.kind != "char" else []
    lossy = bool(limits) and value.length is not None
    verdict: Verdict = "LOSSY" if lossy else "EXACT" if value.kind == "char" and not limits else "CONVERT"
    return _arrives(value, existing, verdict, [NO_NUL, *blanks, *limits])


def _into_binary(value: ValueType, existing: Column) -> Arrival | None:
    return _arrives(value, existing, "EXACT") if value.kind == "binary" else None


def _into_date(value: ValueType, existing: Column) -> Arrival | None:
    if value.kind == "date":
        return _arrives(value, existing, "EXACT", [DATE_YEARS])
    return _parsed(existing.value, existing, [DATE_YEARS]) if value.kind in CHARACTERS else None


def _into_time(value: ValueType, existing: Column) -> Arrival | None:
    fraction = _fraction(value, existing)
    if value.kind == existing.value.kind:
        return _timed(value, existing, fraction)
    if value.kind == "interval" and existing.value.kind == "time":
        limits = [Limit(kind="within_a_day"), *fraction]
        return _arrives(value, existing, "LOSSY", limits, "an interval may be no time of a day")
    return _parsed(existing.value, existing, fraction) if value.kind in CHARACTERS else None


def _into_timestamp(value: ValueType, existing: Column) -> Arrival | None:
    target, fraction = existing.value, _fraction(value, existing)
    if value.kind == target.kind:
        return _timed(value, existing, [TIMESTAMP_YEARS, *fraction])
    if value.kind in ("timestamp", "timestamp_tz"):
        arrival = _timed(value, existing, [TIMESTAMP_YEARS, *fraction])
        meaning = "the time without a zone is UTC" if target.kind == "timestamp" else "times without a zone are UTC"
        verdict = "LOSSY" if arrival.verdict == "LOSSY" else "CONVERT"
        return arrival.model_copy(update={"verdict": verdict, "reason": meaning})
    if value.kind == "date" and target.kind == "timestamp":
        return _arrives(value, existing, "CONVERT", [TIMESTAMP_YEARS], "midnight of the day")
    return _parsed(target, existing, [TIMESTAMP_YEARS, *fraction]) if value.kind in CHARACTERS else None


def _into_interval(value: ValueType, existing: Column) -> Arrival | None:
    """Not into one of certain fields only (`interval year to month`): the server cuts the others."""
    if existing.modifier >= 0 and (existing.modifier >> 16) & ALL_FIELDS != ALL_FIELDS:
        return None
    fraction = _fraction(value, existing)
    if value.kind in ("interval", "time"):
        return _timed(value, existing, fraction)
    return _parsed(existing.value, existing, fraction) if value.kind in CHARACTERS else None


def _fraction(value: ValueType, existing: Column) -> list[Limit]:
    digits = existing.value.fraction
    moves = value.kind in ("time", "time_tz", "timestamp", "timestamp_tz", "interval")
    return [] if moves and value.fraction <= digits else [fraction_limit(digits)]


def _timed(value: ValueType, existing: Column, limits: Sequence[Limit]) -> Arrival:
    if any(limit.kind == "fraction" for limit in limits):
        reason = f"{value.fraction} digits of a second into {existing.value.fraction}"
        return _arrives(value, existing, "LOSSY", limits, reason)
    return _arrives(value, existing, "EXACT" if value.kind == existing.value.kind else "CONVERT", limits)


def _into_uuid(value: ValueType, existing: Column) -> Arrival | None:
    if value.kind == "uuid":
        return _arrives(value, existing, "EXACT")
    return _parsed(existing.value, existing) if value.kind in CHARACTERS else None


def _into_json(value: ValueType, existing: Column) -> Arrival | None:
    """`jsonb` keeps the document and not its text, and one value for each key."""
    target = existing.value
    if value.kind == "json" and (value.normalised or not target.normalised):
        same = value.normalised == target.normalised
        return _arrives(value, existing, "EXACT" if same else "CONVERT", [NO_NUL] if target.normalised else [])
    limits = [NO_NUL, Limit(kind="json_objects")] if target.normalised else []
    if value.kind == "json":
        return _arrives(target, existing, "CONVERT", limits, "the document is kept, not its spelling")
    if value.kind == "array":
        held = [NO_NUL] if target.normalised else []
        return _arrives(target if target.normalised else value, existing, "CONVERT", [*held, PLAIN_ARRAY])
    return _parsed(target, existing, limits) if value.kind == "text" else None


def _into_bits(value: ValueType, existing: Column) -> Arrival | None:
    target = existing.value
    if value.kind != "bits":
        return None
    if target.fixed:
        return _arrives(value, existing, "EXACT") if value.fixed and value.length == target.length else None
    wide = target.length is None or (value.length is not None and value.length <= target.length)
    limits = [Limit(kind="characters", high=target.length)]
    return _fits(value, existing, same=not value.fixed, wide=wide, open_ended=value.length is None, limits=limits)


def _into_enum(value: ValueType, existing: Column) -> Arrival | None:
    labels = existing.value.labels
    wide = value.kind == "enum" and bool(value.labels) and set(value.labels) <= set(labels)
    if value.kind not in CHARACTERS:
        return None
    limits = [Limit(kind="labels", labels=labels, loud=True)]
    return _fits(value, existing, same=wide, wide=wide, open_ended=value.kind == "text", limits=limits)


INTO: dict[str, Callable[[ValueType, Column], Arrival | None]] = {
    "boolean": _into_boolean,
    "integer": _into_integer,
    "decimal": _into_decimal,
    "float32": _into_float,
    "float64": _into_float,
    "text": _into_text,
    "char": _into_char,
    "binary": _into_binary,
    "date": _into_date,
    "time": _into_time,
    "time_tz": _into_time,
    "timestamp": _into_timestamp,
    "timestamp_tz": _into_timestamp,
    "interval": _into_interval,
    "uuid": _into_uuid,
    "json": _into_json,
    "bits": _into_bits,
    "enum": _into_enum,
}
"""By the kind of the column's values."""
