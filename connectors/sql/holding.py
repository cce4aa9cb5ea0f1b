"""Which values one kind of column holds of those of another: what is the same for every database. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.value_type import Limit, ValueType, Verdict

EXACT_DIGITS = {"float32": 6, "float64": 15}
"""Decimal digits that survive the way there and back (FLT_DIG, DBL_DIG)."""
WHOLE_BITS = {"float32": 24, "float64": 53}


@dataclass(frozen=True)
class Held:
    """How values of one type are held by a column of another."""

    verdict: Verdict
    limits: list[Limit] = field(default_factory=list)
    reason: str = ""


UNSUPPORTED = Held("UNSUPPORTED")


def held(value: ValueType, holder: ValueType) -> Held:
    """How a column whose own values are `holder` holds `value`. Texts that no database keeps apart by type alone
    (infinity, BC, NUL …) are the dialect's to limit. Moments are held by their own kind only."""
    if value == holder:
        return Held("EXACT")
    match holder.kind:
        case "text":
            return _by_text(value, holder)
        case "integer" | "decimal":
            return _by_number(value, holder)
        case "float32" | "float64":
            return _by_float(value, holder.kind)
        case "boolean" if value.kind == "integer":
            return Held("CONVERT", [Limit(kind="zero_or_one")], "0 and 1 become false and true")
        case "enum" if value.kind in ("enum", "text", "char"):
            return Held("CONVERT", [Limit(kind="labels", labels=holder.labels)], "other labels are refused")
    return _by_its_own_kind(value, holder) if value.kind == holder.kind else UNSUPPORTED


def _by_its_own_kind(value: ValueType, holder: ValueType) -> Held:
    match value.kind:
        case "time" | "time_tz" | "timestamp" | "timestamp_tz" | "interval":
            if value.fraction <= holder.fraction:
                return Held("EXACT")
            limits = [Limit(kind="fraction", scale=holder.fraction)]
            return Held("LOSSY", limits, f"only {holder.fraction} digits of a second are kept")
        case "char" | "binary" | "bits" if holder.length is not None:
            if holder.fixed and value.length != holder.length:
                return UNSUPPORTED
            if value.length is not None and value.length <= holder.length:
                return Held("EXACT")
            return UNSUPPORTED if value.kind != "char" else _cut_to(holder.length)
        case "json" if holder.normalised and not value.normalised:
            return UNSUPPORTED
    return Held("EXACT")


def _by_text(value: ValueType, holder: ValueType) -> Held:
    if holder.length is None:
        return Held("CONVERT", reason="" if value.kind in ("text", "char") else "as text")
    longest = text_length(value)
    if longest is None or longest > holder.length:
        return _cut_to(holder.length)
    return Held("EXACT" if value == holder else "CONVERT")


def text_length(value: ValueType) -> int | None:
    """Most characters of the interchange text; None where there is no limit."""
    match value.kind:
        case "text" | "char" | "bits":
            return value.length
        case "integer":
            return max(len(str(end)) for end in integer_range(value))
        case "decimal":
            finite = None if value.precision is None else max(value.precision, value.scale) + max(-value.scale, 0) + 3
            return finite if finite is None or not value.specials else max(finite, len("-Infinity"))
        case "enum":
            return max(map(len, value.labels), default=None)
    return TEXT_LENGTHS.get(value.kind)


TEXT_LENGTHS = {
    "boolean": 1,
    "float32": 32,
    "float64": 32,
    "uuid": 36,
    "date": len("-infinity BC 5874897-12-31"),
    "time": len("24:00:00.999999999"),
    "time_tz": len("23:59:59.999999999+15:59:59"),
    "interval": len("-178956970 years -11 mons -2147483648 days -2562047788:00:54.775808"),
}
"""Of kinds whose texts all have about one length; more than any of them is."""


def _cut_to(length: int) -> Held:
    return Held("LOSSY", [Limit(kind="characters", high=length)], f"only {length} characters are kept")


def _by_number(value: ValueType, holder: ValueType) -> Held:
    if value.kind == "boolean":
        return Held("CONVERT", reason="false and true become 0 and 1")
    if value.kind == "integer":
        return _integer_by_integer(value, holder) if holder.kind == "integer" else _by_decimal(value, holder)
    if value.kind != "decimal":
        return UNSUPPORTED
    if holder.kind == "decimal":
        return _by_decimal(value, holder)
    low, high = integer_range(holder)
    whole = value.precision is not None and value.scale <= 0
    limits = [Limit(kind="finite")] if value.specials else []
    limits += [Limit(kind="digits", precision=len(str(high)), scale=0), Limit(kind="range", low=low, high=high)]
    return Held("CONVERT" if whole else "LOSSY", limits, "" if whole else "digits after the point are lost")


def integer_range(value: ValueType) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    return (-(2 ** (value.bits - 1)), 2 ** (value.bits - 1) - 1) if value.signed else (0, 2**value.bits - 1)


def _integer_by_integer(value: ValueType, holder: ValueType) -> Held:
    (low, high), (least, greatest) = integer_range(value), integer_range(holder)
    if least <= low and high <= greatest:
        return Held("EXACT")
    return Held("CONVERT", [Limit(kind="range", low=least, high=greatest)], f"holds {least} to {greatest}")


def _by_decimal(value: ValueType, holder: ValueType) -> Held:
    if holder.precision is None:
        return Held("CONVERT", [Limit(kind="finite")] if value.specials and not holder.specials else [])
    finite = [Limit(kind="finite")] if value.specials and not holder.specials else []
    limits = [*finite, Limit(kind="digits", precision=holder.precision, scale=holder.scale)]
    reason = f"holds {holder.precision} digits, {holder.scale} of them after the point"
    if value.kind == "integer":
        digits = len(str(integer_range(value)[1]))
        fits = digits <= holder.precision - holder.scale
        return Held("EXACT") if fits else Held("CONVERT", limits, reason)
    if value.precision is None or value.scale > holder.scale:
        return Held("LOSSY", limits, reason)
    if value.precision - value.scale <= holder.precision - holder.scale:
        return Held("CONVERT" if finite else "EXACT", finite, "NaN and infinity do not fit" if finite else "")
    return Held("LOSSY", limits, reason)


def _by_float(value: ValueType, kind: str) -> Held:
    if value.kind == "float32":
        return Held("CONVERT")
    if value.kind == "float64":
        return Held("LOSSY", [Limit(kind="float32")], "only the precision of 32 bits is kept")
    if value.kind == "integer" and value.bits <= WHOLE_BITS[kind]:
        return Held("CONVERT")
    if value.kind not in ("integer", "decimal"):
        return UNSUPPORTED
    digits = EXACT_DIGITS[kind]
    lossy = value.kind == "decimal" and (value.precision is None or value.precision > digits)
    limits = [Limit(kind="significant", precision=digits)]
    return Held("LOSSY" if lossy else "CONVERT", limits, f"only {digits} digits are kept for sure")
