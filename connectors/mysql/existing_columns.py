"""How values arrive in a column that exists already and is not as Sterna would make it."""

from __future__ import annotations

from connectors.mysql.limits import FINITE, HOURS, NO_MINUS_ZERO, TIMESTAMP_YEARS, YEARS
from connectors.mysql.native_types import BINARIES, CHARACTERS, TEXTS, NativeType, read_type
from connectors.sql.holding import UNSUPPORTED, Held, held
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType

LONGEST_TEXT = {"boolean": 1, "uuid": 36, "time_tz": 21, "interval": 80, "date": 13, "float32": 16, "float64": 24}
"""Characters of the longest interchange text of some kinds."""
YEAR_RANGE = Limit(kind="range", low=1901, high=2155)
UUID_BYTES = 16


def existing_arrival(column: Column, existing: Column) -> Arrival:
    """See `WritesRows.arrival`."""
    native = read_type(existing.type)
    value = column.value
    unknown = native.base == "set" or (native.base == "enum" and existing.value.kind != "enum")
    found = UNSUPPORTED if unknown else _held(value, existing.value, native)
    if found.verdict == "UNSUPPORTED":
        reason = found.reason or f"{existing.type} does not hold such values"
        return Arrival(type=existing.type, value=value, verdict="UNSUPPORTED", reason=reason)
    limits = [*_beyond_the_server(value, native), *found.limits]
    return Arrival(type=existing.type, value=value, verdict=found.verdict, limits=limits, reason=found.reason)


def filled_by_the_server(column: Column, existing: Column) -> list[Limit]:
    """LOAD DATA puts something else in the place of NULL, without a warning: the next number into AUTO_INCREMENT, the
    moment into TIMESTAMP NOT NULL (manual, "LOAD DATA Statement")."""
    moment = read_type(existing.type).base == "timestamp" and not existing.nullable
    return [Limit(kind="not_null")] if column.nullable and (moment or existing.identity is not None) else []


def _held(value: ValueType, holder: ValueType, native: NativeType) -> Held:
    if native.base in CHARACTERS and holder.kind in ("text", "char"):
        return _by_text(value, holder)
    match value.kind, holder.kind:
        case "boolean", "bits" if holder.length == 1:
            return Held("CONVERT", reason="false and true become 0 and 1")
        case "integer", "integer" if native.base == "year":
            return Held("CONVERT", [YEAR_RANGE], "holds the years 1901 to 2155")
        case "timestamp_tz", "timestamp":
            return _moment(value, holder, "in UTC")
        case "time", "interval":
            return _moment(value, holder, "")
        case "interval", "interval":
            return _hours(value, holder)
        case _, "binary":
            return _by_bytes(value, holder)
        case _, "json":
            return _json(value, holder) if value.kind == "json" else UNSUPPORTED
    return held(value, holder)


def _by_bytes(value: ValueType, holder: ValueType) -> Held:
    if value.kind == "uuid" and holder.length == UUID_BYTES:
        return Held("CONVERT", reason="as 16 bytes")
    if value.kind == "binary" and holder.fixed and not value.fixed:
        return Held("UNSUPPORTED", reason="shorter values would be filled with zeros: make it VARBINARY")
    return held(value, holder)


def _by_text(value: ValueType, holder: ValueType) -> Held:
    longest = LONGEST_TEXT.get(value.kind)
    if longest is not None and (holder.length is None or longest <= holder.length):
        return Held("CONVERT", reason="as text")
    if holder.kind == "char":
        cut = held(value, ValueType(kind="text", length=holder.length))
        blanks = [] if value.kind != "text" else [Limit(kind="no_blank_end")]
        verdict = "CONVERT" if cut.verdict == "EXACT" and blanks else cut.verdict
        return Held(verdict, [*cut.limits, *blanks], cut.reason or "blanks at the end are cut")
    return held(value, holder)


def _moment(value: ValueType, holder: ValueType, reason: str) -> Held:
    if value.fraction <= holder.fraction:
        return Held("CONVERT", reason=reason)
    limits = [Limit(kind="fraction", scale=holder.fraction)]
    return Held("LOSSY", limits, f"only {holder.fraction} digits of a second are kept")


def _hours(value: ValueType, holder: ValueType) -> Held:
    found = _moment(value, holder, "TIME holds ±838 hours, and neither days nor months")
    return Held(found.verdict, [HOURS, *found.limits], found.reason)


def _json(value: ValueType, holder: ValueType) -> Held:
    """MySQL's JSON keeps the document, MariaDB's the text."""
    if value.normalised and holder.normalised:
        return Held("CONVERT", [Limit(kind="json_numbers")], "numbers are kept as doubles")
    return UNSUPPORTED if holder.normalised else Held("EXACT")


def _beyond_the_server(value: ValueType, native: NativeType) -> list[Limit]:
    """What no column of that kind holds, whatever its size."""
    if native.base in TEXTS and not (value.length is not None and 4 * value.length <= TEXTS[native.base]):
        return [] if native.base == "longtext" else [Limit(kind="bytes", high=TEXTS[native.base], loud=True)]
    if native.base in BINARIES and value.kind == "binary" and native.base in ("tinyblob", "blob", "mediumblob"):
        most = {"tinyblob": 2**8 - 1, "blob": 2**16 - 1, "mediumblob": 2**24 - 1}[native.base]
        return [Limit(kind="bytes", high=most, loud=True)]
    if native.base in ("float", "double", "real"):
        return [FINITE, NO_MINUS_ZERO]
    if native.base == "timestamp":
        return [TIMESTAMP_YEARS]
    return [YEARS] if native.base in ("date", "datetime") else []
