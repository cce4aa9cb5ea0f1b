"""Value types: what a column's values are, in words that every database shares, and the one text that carries each.

Between databases of different kinds every value travels as text, its *interchange text*: UTF-8, the form that
PostgreSQL prints under DateStyle ISO, IntervalStyle postgres, bytea_output hex, TimeZone UTC (NULL is no text).

    kind          interchange text
    boolean       `t`, `f`
    integer       decimal digits, `-` in front
    decimal       decimal digits with an optional fraction, never an exponent; `NaN`, `Infinity`, `-Infinity`. The
                  number of zeros at the end is not part of the value
    float32/64    any decimal spelling that rounds to the same IEEE value; `NaN`, `Infinity`, `-Infinity`; `-0` differs
                  from `0`
    text          the characters
    char          the characters without blanks at the end
    binary        `\\x` and lower-case hexadecimal digits
    date          `2024-02-29`, years of four and more digits, ` BC` at the end; `infinity`, `-infinity`
    time          `23:59:59.25`, no zeros at the end of the fraction; `24:00:00` exists
    time_tz       as time, then `+02`, `-03:30`
    timestamp     date, a blank, time: `2024-02-29 23:59:59.25`, ` BC` at the end; `infinity`, `-infinity`
    timestamp_tz  as timestamp in UTC, `+00` after the time: `2024-02-29 23:59:59.25+00`, then ` BC`
    interval      `1 year 2 mons -3 days +04:05:06.7`, `-838:59:59`; zero is `00:00:00`
    uuid          lower case with dashes
    json          the text of the document
    bits          `0` and `1`
    enum          the label
    array         a JSON array; where a lower bound is not 1, PostgreSQL's own text, which begins with `[low:high]=`
    other         whatever text the source's database has for it (PostgreSQL's ranges, inet, geometry …)
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import ConfigDict, Field

from core.base_model import Model

Kind = Literal[
    "boolean",
    "integer",
    "decimal",
    "float32",
    "float64",
    "text",
    "char",
    "binary",
    "date",
    "time",
    "time_tz",
    "timestamp",
    "timestamp_tz",
    "interval",
    "uuid",
    "json",
    "bits",
    "enum",
    "array",
    "other",
]
Verdict = Literal["EXACT", "CONVERT", "LOSSY", "UNSUPPORTED"]
"""EXACT: same values, same meaning. CONVERT: re-encoded without loss, but for values that a `Limit` names. LOSSY:
values of the declared type may change; refused unless accepted by name. UNSUPPORTED: cannot be carried."""


class ValueType(Model):
    """What the values of a column are."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    length: int | None = None
    """Most characters (text, char), bytes (binary) or digits (bits); None: no limit."""
    bits: int = 64
    """Width of an integer: 8, 16, 24, 32 or 64."""
    signed: bool = True
    precision: int | None = None
    """Digits of a decimal; None: any number, and any scale."""
    scale: int = 0
    """Digits after the point; negative: the number is rounded before it."""
    specials: bool = False
    """A decimal that may be NaN or infinite."""
    fraction: int = 6
    """Digits of a second (time, timestamp, interval)."""
    span: Literal["any", "months", "days", "hours"] = "any"
    """What an interval is made of: of anything; months (and years) alone; days and less than 24 hours, all of one sign;
    hours alone."""
    labels: tuple[str, ...] = ()
    """Of an enum, in order; of a text, those that its values are lists of (MySQL's SET)."""
    normalised: bool = False
    """Of json: the database keeps the document and not its text (jsonb, VARIANT)."""
    fixed: bool = False
    """Of bits: always `length` digits."""

    @property
    def spelled(self) -> str:
        """The type in PostgreSQL's spelling, which transformations read."""
        match self.kind:
            case "integer":
                return _integer_name(self.bits, self.signed)
            case "decimal":
                return "numeric" if self.precision is None else f"numeric({self.precision},{self.scale})"
            case "text" | "char":
                name = "varchar" if self.kind == "text" else "char"
                return "text" if self.length is None else f"{name}({self.length})"
            case "time" | "timestamp":
                return f"{self.kind}({self.fraction})"
            case "time_tz" | "timestamp_tz":
                return f"{self.kind.removesuffix('_tz')}({self.fraction}) with time zone"
            case "bits":
                return "varbit" if self.length is None else f"bit({self.length})"
        return SPELLINGS[self.kind]

    @property
    def digest_form(self) -> str:
        """How the digest must see the interchange text, so that equal values hash alike and others do not."""
        if self.kind == "json":
            return "json" if self.normalised else "text"
        return self.kind if self.kind in ("decimal", "float32", "float64") else "text"

    @classmethod
    def parse(cls, text: str) -> ValueType:
        """From PostgreSQL's spelling, as transformations leave it. Never fails: what it does not know is `other`."""
        found = SPELLING.fullmatch(text.strip())
        if found is None:
            return cls(kind="other")
        name = " ".join((found["name"] + (found["rest"] or "")).lower().split())
        numbers = [int(part) for part in (found["modifiers"] or "").split(",") if part.strip()]
        fields = dict(PARSED.get(name, {"kind": "other"}))
        match fields["kind"]:
            case "decimal" if numbers:
                fields |= {"precision": numbers[0], "scale": numbers[1] if len(numbers) > 1 else 0}
            case "text" | "char" | "bits" if numbers:
                fields["length"] = numbers[0]
            case "char" | "bits" if name != "bpchar" and name not in ("varbit", "bit varying"):
                fields["length"] = 1
            case "time" | "time_tz" | "timestamp" | "timestamp_tz" if numbers:
                fields["fraction"] = numbers[0]
        return cls.model_validate(fields)


SPELLING = re.compile(r"(?P<name>[^()]+?)\s*(\((?P<modifiers>[-\d,\s]+)\))?(?P<rest>\s+with.*)?")
SPELLINGS: dict[str, str] = {
    "boolean": "boolean",
    "float32": "real",
    "float64": "double precision",
    "binary": "bytea",
    "date": "date",
    "interval": "interval",
    "uuid": "uuid",
    "json": "json",
    "enum": "text",
    "array": "text",
    "other": "text",
}
PARSED: dict[str, dict[str, object]] = {
    name: {**fields}
    for names, fields in (
        (("boolean", "bool"), {"kind": "boolean"}),
        (("smallint", "int2"), {"kind": "integer", "bits": 16}),
        (("integer", "int", "int4"), {"kind": "integer", "bits": 32}),
        (("bigint", "int8"), {"kind": "integer", "bits": 64}),
        (("numeric", "decimal"), {"kind": "decimal", "specials": True}),
        (("real", "float4"), {"kind": "float32"}),
        (("double precision", "float8"), {"kind": "float64"}),
        (("text", "varchar", "character varying"), {"kind": "text"}),
        (("char", "character", "bpchar"), {"kind": "char"}),
        (("bytea",), {"kind": "binary"}),
        (("date",), {"kind": "date"}),
        (("time", "time without time zone"), {"kind": "time"}),
        (("timetz", "time with time zone"), {"kind": "time_tz"}),
        (("timestamp", "timestamp without time zone"), {"kind": "timestamp"}),
        (("timestamptz", "timestamp with time zone"), {"kind": "timestamp_tz"}),
        (("interval",), {"kind": "interval"}),
        (("uuid",), {"kind": "uuid"}),
        (("json",), {"kind": "json"}),
        (("jsonb",), {"kind": "json", "normalised": True}),
        (("bit",), {"kind": "bits", "fixed": True}),
        (("varbit", "bit varying"), {"kind": "bits"}),
    )
    for name in names
}


def _integer_name(bits: int, signed: bool) -> str:
    width = bits if signed else bits + 1
    for name, holds in (("smallint", 16), ("integer", 32), ("bigint", 64)):
        if width <= holds:
            return name
    return "numeric(20,0)"


class Limit(Model):
    """What a destination column cannot hold of the values that may come. Judged over interchange text, row by row.

    `refuse`: a value beyond the limit is refused; otherwise it is changed, and counted in the certificate, as said
    under each kind:

        syntax          is no text of the value type (from loosely typed databases); cannot be changed
        characters      more than `high` characters: cut
        bytes           more than `high` bytes of UTF-8: cut at a character
        no_nul          holds U+0000: taken out
        not_null        is NULL, in whose place the destination would put a value of its own: cannot be changed
        not_empty       is empty: cannot be changed
        empty_is_null   is empty: NULL
        no_blank_end    ends with blanks: they are cut
        finite          is NaN, or infinite where `infinite` does not say that infinity fits: NULL
        range           an integer outside [`low`, `high`]: NULL
        digits          a decimal of more than `precision` digits with `scale` of them after the point: rounded half
                        away from zero after the point, NULL before it
        significant     a number of more than `precision` significant digits: rounded
        float32         a float that is none of 32 bits: the nearest
        no_minus_zero   is -0: 0
        years           a date or timestamp outside the years `low` to `high` (BC is below 1), or infinite where
                        `infinite` does not say that infinity fits: NULL
        no_gap          a date within 1582-10-05 … 1582-10-14: NULL
        fraction        more than `scale` digits of a second: cut
        within_a_day    `24:00:00`, or an interval that is no time of a day: NULL
        hours           an interval with days, months or years, or beyond ±`high` hours: NULL
        months_only     an interval with days or time: NULL
        no_months       an interval with months or years: NULL
        zero_or_one     an integer other than 0 and 1: 1
        labels          is none of `labels`: NULL
        json_numbers    a JSON number that no double holds exactly: cannot be changed
        json_objects    JSON with a key twice in one object: cannot be changed
        plain_array     an array whose lower bounds are not 1: the bounds are dropped
    """

    kind: Literal[
        "syntax",
        "characters",
        "bytes",
        "no_nul",
        "not_null",
        "not_empty",
        "empty_is_null",
        "no_blank_end",
        "finite",
        "range",
        "digits",
        "significant",
        "float32",
        "no_minus_zero",
        "years",
        "no_gap",
        "fraction",
        "within_a_day",
        "hours",
        "months_only",
        "no_months",
        "zero_or_one",
        "labels",
        "json_numbers",
        "json_objects",
        "plain_array",
    ]
    low: int | None = None
    high: int | None = None
    precision: int = 0
    scale: int = 0
    labels: tuple[str, ...] = ()
    infinite: bool = False
    refuse: bool = True
    loud: bool = False
    """The destination refuses such a value itself, in the transaction that loads it: bulk bytes need no look."""


class Arrival(Model):
    """How values arrive in one column of a destination."""

    type: str
    """Native type of the column, as DDL spells it."""
    value: ValueType
    """What travels: the source's value type, or one that both sides can hold exactly."""
    verdict: Verdict
    reason: str = ""
    """For people: what is re-encoded, lost or not supported, and what to do."""
    limits: list[Limit] = Field(default_factory=list)
