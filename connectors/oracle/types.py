"""Oracle's types in the words of core/value_type.py. Pure.

Source: SQL Language Reference, "Data Types". What Oracle calls INTEGER is NUMBER(38) in its catalog; FLOAT(b) is a
NUMBER whose precision is counted in binary digits; DATE has a time of day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.value_type import ValueType

OWN = "oracle:"
"""Begins `Column.base_type` of columns that this catalog describes: type names alone are other databases' too."""
NUMBER_DIGITS = 38
"""Digits that every NUMBER keeps; some keep 40."""
NUMBER_SCALES = (-84, 127)
VARCHAR_BYTES = 4000
"""With MAX_STRING_SIZE STANDARD; EXTENDED allows 32767, which no catalog view that everybody may read tells."""
CHAR_BYTES = 2000
RAW_BYTES = 2000
CHARACTER_BYTES = 4
"""Most bytes of a character in AL32UTF8."""
UUID_BYTES = 16

TEXTS = frozenset(["VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR", "CLOB", "NCLOB", "LONG"])
PADDED = frozenset(["CHAR", "NCHAR"])
LOBS = frozenset(["CLOB", "NCLOB", "BLOB"])
NATIONAL = frozenset(["NVARCHAR2", "NCHAR", "NCLOB"])
NUMBERS = frozenset(["NUMBER", "FLOAT"])
ZONED = frozenset(["TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"])
MOMENTS = frozenset(["DATE", "TIMESTAMP", *ZONED])
DAY_INTERVAL = "INTERVAL DAY TO SECOND"
YEAR_INTERVAL = "INTERVAL YEAR TO MONTH"

SIMPLE: dict[str, ValueType] = {
    "BINARY_FLOAT": ValueType(kind="float32"),
    "BINARY_DOUBLE": ValueType(kind="float64"),
    "DATE": ValueType(kind="timestamp", fraction=0),
    "CLOB": ValueType(kind="text"),
    "NCLOB": ValueType(kind="text"),
    "LONG": ValueType(kind="text"),
    "BLOB": ValueType(kind="binary"),
    "LONG RAW": ValueType(kind="binary"),
    "BOOLEAN": ValueType(kind="boolean"),
    "JSON": ValueType(kind="json", normalised=True),
    "XMLTYPE": ValueType(kind="other"),
    "ROWID": ValueType(kind="text", length=18),
    "UROWID": ValueType(kind="text", length=4000),
    "FLOAT": ValueType(kind="decimal"),
    YEAR_INTERVAL: ValueType(kind="interval", span="months"),
}


@dataclass(frozen=True)
class Native:
    """A type as it is spelled, taken apart."""

    name: str
    """Without what is in parentheses: `NUMBER`, `TIMESTAMP WITH TIME ZONE`."""
    numbers: tuple[int | None, ...] = ()
    """What is in parentheses; None for `*`."""
    bytes_counted: bool = False
    """A length is in bytes, not in characters."""

    @property
    def length(self) -> int | None:
        """Of a text or binary type."""
        return self.numbers[0] if self.numbers else None

    def fraction(self) -> int:
        """Digits of a second."""
        if self.name == "DATE":
            return 0
        last = self.numbers[-1] if self.numbers else None
        return 6 if last is None else last


def parse(spelled: str) -> Native:
    """The type, taken apart. Never fails."""
    numbers: list[int | None] = []
    for inside in re.findall(r"\(([^)]*)\)", spelled):
        numbers += [None if part.strip() == "*" else int(part) for part in re.findall(r"\*|-?\d+", inside)]
    name = " ".join(re.sub(r"\([^)]*\)", " ", spelled.upper()).split())
    counted = name in ("VARCHAR2", "CHAR") and " CHAR)" not in spelled.upper()
    return Native(name, tuple(numbers), bytes_counted=counted)


def value_type(spelled: str) -> ValueType:
    """What the values of a column of this type are."""
    native = parse(spelled)
    match native.name:
        case "NUMBER":
            return _number(native)
        case "VARCHAR2" | "NVARCHAR2":
            return ValueType(kind="text", length=native.length)
        case "CHAR" | "NCHAR":
            return ValueType(kind="char", length=native.length or 1)
        case "RAW":
            return ValueType(kind="binary", length=native.length)
        case "TIMESTAMP":
            return ValueType(kind="timestamp", fraction=native.fraction())
        case "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP WITH LOCAL TIME ZONE":
            return ValueType(kind="timestamp_tz", fraction=native.fraction())
        case "INTERVAL DAY TO SECOND":
            return ValueType(kind="interval", fraction=native.fraction(), span="days")
    return SIMPLE.get(native.name, ValueType(kind="other"))


def _number(native: Native) -> ValueType:
    if not native.numbers:
        return ValueType(kind="decimal")
    precision = NUMBER_DIGITS if native.numbers[0] is None else native.numbers[0]
    scale = (native.numbers[1] or 0) if len(native.numbers) > 1 else 0
    if scale > precision:  # NUMBER(2,5) holds 0.00099 at most: digits after the point only
        return ValueType(kind="decimal", precision=scale, scale=scale)
    if scale == 0:
        for digits, bits in ((2, 8), (4, 16), (9, 32), (18, 64)):
            if precision <= digits:
                return ValueType(kind="integer", bits=bits)
    return ValueType(kind="decimal", precision=precision, scale=scale)


def is_known(spelled: str) -> bool:
    """Sterna can read columns of this type."""
    native = parse(spelled)
    parametrised = {"NUMBER", "RAW", DAY_INTERVAL, "TIMESTAMP", *ZONED, *TEXTS}
    return native.name in SIMPLE or native.name in parametrised
