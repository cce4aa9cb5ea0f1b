"""A parser for the part of PromQL that alerts and dashboards use; what it does not know it refuses.

Grammar: Prometheus's documentation, "Querying basics" and "Operators".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

TOKEN = re.compile(
    r"""\s*(?:(?P<duration>\d+(?:ms|[smhdwy])|\$__rate_interval)|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    |(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],]))""",
    re.VERBOSE,
)
Kind = Literal["scalar", "instant", "range"]
FUNCTIONS: dict[str, tuple[Kind, ...]] = {
    "rate": ("range",),
    "increase": ("range",),
    "delta": ("range",),
    "predict_linear": ("range", "scalar"),
    "histogram_quantile": ("scalar", "instant"),
    "absent": ("instant",),
}
AGGREGATIONS = {"sum", "max", "min", "avg", "count"}
PRECEDENCE = (("or",), ("and", "unless"), ("==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))
SETS = ("or", "and", "unless")


@dataclass
class Selector:
    """A metric that is asked for, with the labels that its series must have: those matched, and those grouped by."""

    name: str
    labels: set[str] = field(default_factory=set)


@dataclass
class Expression:
    """What was parsed."""

    kind: Kind
    selectors: list[Selector]


class Invalid(Exception):
    """The text is no PromQL, or no PromQL that this parser knows."""


def parse(text: str) -> list[Selector]:
    """The metrics that an expression asks for. Raises Invalid."""
    parser = _Parser(list(_tokens(text)))
    found = parser.binary(0)
    if parser.left:
        raise Invalid(f"{' '.join(value for _, value in parser.left)} is left over")
    if found.kind == "range":
        raise Invalid("a range is no answer")
    return found.selectors


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, text = 0, text.strip()
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise Invalid(f"cannot read {text[place:]!r}")
        yield found.lastgroup, found.group(found.lastgroup)
        place = found.end()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens

    def binary(self, level: int) -> Expression:
        if level == len(PRECEDENCE):
            return self.unary()
        first = self.binary(level + 1)
        while self.left and self.left[0][1] in PRECEDENCE[level]:
            operator = self.take()
            second = self.binary(level + 1)
            if "range" in (first.kind, second.kind) or (operator in SETS and "scalar" in (first.kind, second.kind)):
                raise Invalid(f"{operator} between {first.kind} and {second.kind}")
            kind: Kind = "scalar" if first.kind == second.kind == "scalar" else "instant"
            first = Expression(kind, first.selectors + second.selectors)
        return first

    def unary(self) -> Expression:
        kind, value = self.left[0] if self.left else ("end", "")
        if value == "(":
            self.take("(")
            inner = self.binary(0)
            self.take(")")
            return inner
        if kind == "number":
            self.take()
            return Expression("scalar", [])
        if kind != "word":
            raise Invalid(f"{value!r} begins no expression")
        self.take()
        if value in AGGREGATIONS:
            return self.aggregation()
        if value in FUNCTIONS:
            return self.call(value)
        return self.selector(value)

    def aggregation(self) -> Expression:
        groups = self.groups()
        self.take("(")
        inner = self.binary(0)
        self.take(")")
        groups |= self.groups()
        if inner.kind != "instant":
            raise Invalid(f"an aggregation over a {inner.kind}")
        for selector in inner.selectors:
            selector.labels |= groups
        return inner

    def groups(self) -> set[str]:
        if not self.left or self.left[0][1] != "by":
            return set()
        self.take("by")
        self.take("(")
        found = {self.take_kind("word")}
        while self.left[0][1] == ",":
            self.take(",")
            found.add(self.take_kind("word"))
        self.take(")")
        return found

    def call(self, name: str) -> Expression:
        selectors: list[Selector] = []
        for number, wanted in enumerate(FUNCTIONS[name]):
            self.take("," if number else "(")
            given = self.binary(0)
            if given.kind != wanted:
                raise Invalid(f"{name} takes a {wanted}, not a {given.kind}")
            selectors += given.selectors
        self.take(")")
        return Expression("instant", selectors)

    def selector(self, name: str) -> Expression:
        found = Selector(name)
        if self.left and self.left[0][1] == "{":
            self.take("{")
            while self.left[0][1] != "}":
                found.labels.add(self.take_kind("word"))
                if self.take() not in ("=", "!=", "=~", "!~"):
                    raise Invalid(f"a matcher of {name} has no operator")
                self.take_kind("text")
                if self.left[0][1] == ",":
                    self.take(",")
            self.take("}")
        if self.left and self.left[0][1] == "[":
            self.take("[")
            self.take_kind("duration")
            self.take("]")
            return Expression("range", [found])
        return Expression("instant", [found])

    def take(self, wanted: str | None = None) -> str:
        if not self.left:
            raise Invalid(f"it ends before {wanted or 'its end'}")
        _, value = self.left.pop(0)
        if wanted is not None and value != wanted:
            raise Invalid(f"{value!r} where {wanted!r} should be")
        return value

    def take_kind(self, wanted: str) -> str:
        kind, value = self.left.pop(0) if self.left else ("end", "")
        if kind != wanted:
            raise Invalid(f"{value!r} where a {wanted} should be")
        return value
