"""Native types by their text: what the catalog says of a column, and what its values are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from core.value_type import ValueType

OWN = "mysql."
"""Before the `base_type` of columns that this connector's catalog describes."""

INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
TEXTS = {"tinytext": 2**8 - 1, "text": 2**16 - 1, "mediumtext": 2**24 - 1, "longtext": 2**32 - 1}
BLOBS = {"tinyblob": 2**8 - 1, "blob": 2**16 - 1, "mediumblob": 2**24 - 1, "longblob": 2**32 - 1}
"""Most bytes of a value."""
CHARACTERS = frozenset(["char", "varchar", "enum", "set", "json", *TEXTS])
BINARIES = frozenset(["binary", "varbinary", *BLOBS])
DECIMALS = frozenset(["decimal", "numeric", "dec", "fixed"])
DOUBLES = frozenset(["double", "real"])
MOMENTS = frozenset(["datetime", "timestamp", "time"])
SPATIAL = frozenset(
    [
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
        *("geometrycollection", "geomcollection"),
    ]
)
UNQUOTED = frozenset([*INTEGER_BITS, *DECIMALS, *DOUBLES, "float", "bit", "year", "date", *MOMENTS, *BINARIES, "uuid"])
"""Types whose interchange text has neither quotes nor commas nor line ends and is never the word NULL."""

SPELLED = re.compile(
    r"\s*(?P<base>[a-z_0-9]+)(?:\s+precision)?\s*(?:\((?P<arguments>(?:'(?:[^']|'')*'|[^')])*)\))?(?P<rest>.*)", re.S
)
CHARSET = re.compile(r"\bcharacter set (\w+)")
COVERED_CHARSETS = frozenset(["utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16", "utf16le", "utf32", "latin1", "ascii"])
"""Every character that they can hold has a place in Unicode."""
LABEL = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True)
class NativeType:
    """A native type, read."""

    base: str
    numbers: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    unsigned: bool = False
    zerofill: bool = False
    charset: str = ""
    """Of a text, where it is one of those that Unicode does not cover."""

    @property
    def fraction(self) -> int:
        """Digits of a second."""
        return self.numbers[0] if self.numbers else 0

    @property
    def quoted(self) -> bool:
        """Interchange text of the type must be quoted in csv."""
        return self.base not in UNQUOTED


@cache
def read_type(text: str) -> NativeType:
    """From DDL's spelling or the catalog's; an unknown one is its first word."""
    lowered = re.sub(r"^\s*[A-Za-z_0-9]+", lambda found: found[0].lower(), text)
    found = SPELLED.match(lowered)
    if found is None:
        return NativeType(lowered.strip())
    base, arguments, rest = found["base"], found["arguments"] or "", found["rest"].lower()
    named = CHARSET.search(rest)
    charset = named[1] if named and named[1] not in COVERED_CHARSETS else ""
    if base in ("enum", "set"):
        labels = tuple(label.replace("''", "'") for label in LABEL.findall(arguments))
        return NativeType(base, labels=labels, charset=charset)
    numbers = tuple(int(number) for number in re.findall(r"\d+", arguments))
    zerofill = "zerofill" in rest
    return NativeType(base, numbers, unsigned="unsigned" in rest or zerofill, zerofill=zerofill, charset=charset)


def value_of(text: str, *, json: bool = False) -> ValueType:
    """What the values of a column of that type are. `json`: MariaDB's JSON, a text that a check holds to be JSON."""
    if json:
        return ValueType(kind="json")
    native = read_type(text)
    length = native.numbers[0] if native.numbers else None
    match native.base:
        case base if base in INTEGER_BITS:
            return ValueType(kind="integer", bits=INTEGER_BITS[base], signed=not native.unsigned)
        case base if base in DECIMALS:
            precision, scale = (*native.numbers, 10, 0)[:2] if len(native.numbers) != 1 else (native.numbers[0], 0)
            return ValueType(kind="decimal", precision=precision, scale=scale)
        case "float":
            return ValueType(kind="float64" if len(native.numbers) == 1 and native.numbers[0] > 24 else "float32")
        case base if base in DOUBLES:
            return ValueType(kind="float64")
        case "bit":
            return ValueType(kind="bits", length=length or 1, fixed=True)
        case "year":
            return ValueType(kind="integer", bits=16, signed=False)
        case "char" | "varchar":
            return ValueType(kind="char" if native.base == "char" else "text", length=length or 1)
        case "binary" | "varbinary":
            return ValueType(kind="binary", length=length or 1, fixed=native.base == "binary")
    return _unsized(native)


def _unsized(native: NativeType) -> ValueType:
    match native.base:
        case base if base in TEXTS:
            return ValueType(kind="text")
        case base if base in BLOBS:
            return ValueType(kind="binary")
        case "date" | "uuid":
            return ValueType(kind=native.base)
        case "time":
            return ValueType(kind="interval", fraction=native.fraction)
        case "datetime":
            return ValueType(kind="timestamp", fraction=native.fraction)
        case "timestamp":
            return ValueType(kind="timestamp_tz", fraction=native.fraction)
        case "enum":
            return ValueType(kind="enum", labels=native.labels)
        case "set":
            return ValueType(kind="text", length=len(",".join(native.labels)), labels=native.labels)
        case "json":
            return ValueType(kind="json", normalised=True)
    return ValueType(kind="other")
