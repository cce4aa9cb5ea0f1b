"""Reads a column's native type text: which type it is, whatever alias it is spelled with, and with which modifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass

ALIASES = {
    "smallint": "int2",
    "integer": "int4",
    "int": "int4",
    "bigint": "int8",
    "boolean": "bool",
    "real": "float4",
    "double precision": "float8",
    "decimal": "numeric",
    "character varying": "varchar",
    "character": "bpchar",
    "char": "bpchar",
    "nchar": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}
"""SQL's names to the catalog's, as in PostgreSQL's manual, chapter "Data Types"."""

FULL_NAMES = {base: name for name, base in reversed(ALIASES.items()) if name not in ("decimal",)}
"""The catalog's names to those that PostgreSQL prints."""

TEXTUAL = frozenset(
    [
        "text",
        "varchar",
        "bpchar",
        "citext",
        "name",
        "varchar2",
        "nvarchar2",
        "nvarchar",
        "clob",
        "nclob",
        "string",
        "tinytext",
        "mediumtext",
        "longtext",
    ]
)
"""Types whose values are just characters, in any of the databases."""

SPELLING = re.compile(r'^\s*(?P<name>"char"|[^()\[\]"]+?)\s*(\((?P<modifiers>[-\d,\s]+)\))?(?P<rest>\s+with.*)?\s*$')


@dataclass(frozen=True)
class NativeType:
    """`base` is the catalog's internal name, or the text as it is where it is no simple type."""

    base: str
    modifiers: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> NativeType:
        """From `numeric(10,2)`, `timestamp(3) with time zone` and the like. Never fails."""
        found = SPELLING.match(text)
        if found is None:
            return cls(text)
        name = " ".join((found["name"] + (found["rest"] or "")).lower().split())
        modifiers = tuple(int(part) for part in (found["modifiers"] or "").split(",") if part.strip())
        base = ALIASES.get(name, name)
        if base == "bpchar" and not modifiers and name != "bpchar":
            modifiers = (1,)  # CHAR without a length is CHAR(1) in SQL
        if base == "numeric" and len(modifiers) == 1:
            modifiers = (modifiers[0], 0)
        return cls(base, modifiers)

    @property
    def text(self) -> str:
        """As PostgreSQL's format_type() spells it."""
        modifiers = f"({','.join(map(str, self.modifiers))})" if self.modifiers else ""
        name = FULL_NAMES.get(self.base, self.base)
        if self.base == "bpchar" and not modifiers:
            return "bpchar"
        first, _, rest = name.partition(" with")
        return f"{first}{modifiers}{' with' if rest else ''}{rest}"

    @property
    def textual(self) -> bool:
        """Values are characters that may be masked and edited."""
        return self.base in TEXTUAL

    @property
    def length(self) -> int | None:
        """Characters that fit, None where there is no limit."""
        return self.modifiers[0] if self.textual and self.modifiers else None

    @property
    def padded(self) -> bool:
        """Values are filled up with blanks that mean nothing."""
        return self.base == "bpchar"
