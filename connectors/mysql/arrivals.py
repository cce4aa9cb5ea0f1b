"""Which column a value type arrives in, where Sterna makes the column. Existing columns: existing_columns.py."""

from __future__ import annotations

from connectors.mysql.existing_columns import existing_arrival, filled_by_the_server
from connectors.mysql.limits import FINITE, FRACTION, LONGEST_FRACTION, NO_MINUS_ZERO, YEARS
from connectors.mysql.native_types import BLOBS, OWN, TEXTS, read_type, value_of
from core.schema import Column
from core.value_type import Arrival, Limit, ValueType, Verdict

KEY_CHARACTERS = 255
"""Of a text without a limit that is in a key: three such columns fit InnoDB's 3072 bytes of a key."""
LONGEST_KEY_CHARACTERS = 768
"""InnoDB's 3072 bytes at four bytes a character. Longer ones that are in no key lie outside of the row, whose columns
share 65535 bytes."""
KEY_BYTES = 1020
LONGEST_KEY_BYTES = 3072
MOST_DIGITS, MOST_SCALE = 65, 30
MOST_CHAR = 255
MOST_BITS = 64
FLOATS = {"float32": "float", "float64": "double"}
MOST_LABELS, LONGEST_LABEL = 3000, 255
ASCII = "CHARACTER SET ascii COLLATE ascii_bin"
INTEGERS = {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint"}
SHORT_TEXTS = {"uuid": f"char(36) {ASCII}", "time_tz": f"varchar(32) {ASCII}", "interval": f"varchar(80) {ASCII}"}
"""Values whose text has a longest form."""


def arrival(column: Column, existing: Column | None, *, key: bool) -> Arrival:
    """See `WritesRows.arrival`."""
    if existing is not None:
        made = arrival(column, None, key=key)
        same = read_type(made.type) == read_type(existing.type)
        found = made.model_copy(update={"type": existing.type}) if same else existing_arrival(column, existing)
        return found.model_copy(update={"limits": [*filled_by_the_server(column, existing), *found.limits]})
    own = (value_of(column.type), value_of(column.type, json=column.type == "json"))
    if column.base_type.startswith(OWN) and column.value in own:
        return Arrival(type=column.type, value=column.value, verdict="EXACT")
    return _made(column.value, key)


def _made(value: ValueType, key: bool) -> Arrival:
    match value.kind:
        case "boolean":
            return _arrival("tinyint(1)", value, "false and true become 0 and 1")
        case "integer":
            return Arrival(type=_integer(value), value=value, verdict="EXACT")
        case "decimal":
            return _decimal(value)
        case "float32" | "float64":
            return _arrival(FLOATS[value.kind], value, "there is no NaN, infinity and -0", FINITE, NO_MINUS_ZERO)
        case "text" | "char":
            return _characters(value, key)
        case "binary":
            return _binary(value, key)
        case "date" | "time" | "timestamp" | "timestamp_tz":
            return _moment(value)
        case "time_tz" | "interval" | "uuid":
            return _arrival(SHORT_TEXTS[value.kind], value, "as text")
    return _own_form(value, key) or _text_of(value, key)


def _own_form(value: ValueType, key: bool) -> Arrival | None:
    """Types that hold only some values of their kind; None for the others."""
    match value.kind:
        case "json" if value.normalised and not key:
            limits = [Limit(kind="json_numbers"), Limit(kind="json_objects")]
            return _arrival("json", value, "MySQL keeps numbers within JSON as doubles", *limits)
        case "bits" if value.fixed and value.length is not None and value.length <= MOST_BITS:
            return Arrival(type=f"bit({value.length})", value=value, verdict="EXACT")
        case "enum" if _labels_fit(value.labels):
            labels = ",".join("'" + label.replace("\\", "\\\\").replace("'", "''") + "'" for label in value.labels)
            return Arrival(type=f"enum({labels})", value=value, verdict="EXACT")
    return None


def _arrival(native: str, value: ValueType, reason: str, *limits: Limit, verdict: Verdict = "CONVERT") -> Arrival:
    return Arrival(type=native, value=value, verdict=verdict, reason=reason, limits=list(limits))


def _integer(value: ValueType) -> str:
    return INTEGERS[value.bits] + ("" if value.signed else " unsigned")


def _decimal(value: ValueType) -> Arrival:
    finite = [FINITE] if value.specials else []
    if value.precision is None:
        limits = [*finite, Limit(kind="digits", precision=MOST_DIGITS, scale=MOST_SCALE)]
        reason = f"holds {MOST_DIGITS} digits, {MOST_SCALE} of them after the point"
        return _arrival(f"decimal({MOST_DIGITS},{MOST_SCALE})", value, reason, *limits)
    digits = max(value.precision - min(value.scale, 0), value.scale)
    scale = max(value.scale, 0)
    if digits <= MOST_DIGITS and scale <= MOST_SCALE:
        return Arrival(
            type=f"decimal({digits},{scale})", value=value, verdict="CONVERT" if finite else "EXACT", limits=finite
        )
    kept = min(scale, MOST_SCALE)
    most = min(digits - scale + kept, MOST_DIGITS)
    reason = f"decimal ends at {MOST_DIGITS} digits, {MOST_SCALE} of them after the point"
    limits = [*finite, Limit(kind="digits", precision=most, scale=kept)]
    return _arrival(f"decimal({most},{kept})", value, reason, *limits, verdict="LOSSY")


def _characters(value: ValueType, key: bool) -> Arrival:
    length = value.length
    if value.kind == "char" and length is not None and 0 < length <= MOST_CHAR:
        return Arrival(type=f"char({length})", value=value, verdict="EXACT")
    if length is not None and 0 < length <= LONGEST_KEY_CHARACTERS:
        verdict: Verdict = "EXACT" if value.kind == "text" else "CONVERT"
        return Arrival(type=f"varchar({length})", value=value, verdict=verdict)
    if key:
        most = KEY_CHARACTERS if length is None else LONGEST_KEY_CHARACTERS
        return _key_text(value, most)
    reason = "" if length is None else "as text of any length"
    return _arrival(_smallest(TEXTS, None if length is None else 4 * length), value, reason, verdict="EXACT")


def _key_text(value: ValueType, most: int) -> Arrival:
    limit = Limit(kind="characters", high=most, loud=True)
    return _arrival(f"varchar({most})", value, f"a key holds at most {most} characters", limit)


def _smallest(types: dict[str, int], length: int | None) -> str:
    """The narrowest of the types that hold so many bytes; the one without bytes to spare is too small to be known."""
    roomy = {name: most for name, most in types.items() if not name.startswith("tiny")}
    return next((name for name, most in roomy.items() if length is not None and length <= most), list(types)[-1])


def _binary(value: ValueType, key: bool) -> Arrival:
    length = value.length
    if length is not None and 0 < length <= LONGEST_KEY_BYTES:
        return Arrival(type=f"varbinary({length})", value=value, verdict="EXACT")
    if key:
        most = KEY_BYTES if length is None else LONGEST_KEY_BYTES
        limit = Limit(kind="bytes", high=most, loud=True)
        return _arrival(f"varbinary({most})", value, f"a key holds at most {most} bytes", limit)
    return Arrival(type=_smallest(BLOBS, length), value=value, verdict="EXACT")


def _moment(value: ValueType) -> Arrival:
    kept = min(value.fraction, LONGEST_FRACTION)
    digits = f"({kept})" if kept else ""
    native = {"date": "date", "time": f"time{digits}"}.get(value.kind, f"datetime{digits}")
    limits = [] if value.kind == "time" else [YEARS]
    reason = "in UTC" if value.kind == "timestamp_tz" else ""
    if value.kind != "date" and value.fraction > LONGEST_FRACTION:
        reason = f"{value.fraction} digits of a second; MySQL keeps {LONGEST_FRACTION}"
        return _arrival(native, value, reason, *limits, FRACTION, verdict="LOSSY")
    verdict: Verdict = "CONVERT" if value.kind == "timestamp_tz" else "EXACT"
    return _arrival(native, value, reason, *limits, verdict=verdict)


def _labels_fit(labels: tuple[str, ...]) -> bool:
    """An ENUM cuts blanks at the end of a label, keeps '' for what is no label, and must fit the table's definition;
    the catalog cannot name characters beyond utf8mb3."""
    return 0 < len(labels) <= MOST_LABELS and all(map(_label_fits, labels))


def _label_fits(label: str) -> bool:
    if not label or label.endswith(" ") or len(label) > LONGEST_LABEL:
        return False
    return "\0" not in label and "?" not in label and max(label) <= "\uffff"


def _text_of(value: ValueType, key: bool) -> Arrival:
    """Everything else, as its text. JSON that must keep its text goes into LONGTEXT, because MySQL's JSON type keeps
    the document only; both servers' JSON functions read it there."""
    if value.kind == "bits" and value.length is not None and value.length <= LONGEST_KEY_CHARACTERS:
        return _arrival(f"varchar({value.length}) {ASCII}", value, "as text")
    if value.kind == "enum" and all(len(label) <= LONGEST_KEY_CHARACTERS for label in value.labels):
        longest = max((len(label) for label in value.labels), default=KEY_CHARACTERS)
        return _arrival(f"varchar({max(longest, 1)})", value, "as text")
    if key:
        return _key_text(value, KEY_CHARACTERS)
    return _arrival("longtext", value, "as text")
