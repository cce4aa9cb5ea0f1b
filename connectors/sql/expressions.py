"""Checks, defaults and generated columns from one database's SQL to another's, where they mean the same in both.

What is not known to mean the same raises `Untranslatable` with the reason, for people. Nothing is guessed: an
expression is parsed by sqlglot, and written anew node by node, with the types of the columns at the destination in
view.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from connectors.sql.dialect import SqlDialect
from connectors.sql.words import words_of
from core.schema import Column
from core.value_type import Arrival, ValueType

Meaning = Literal["number", "text", "padded", "boolean", "date", "timestamp", "null", "opaque"]
"""What a value is to operators. `padded`: char(n), compared with constants and its like only. `opaque`: kept as
something else than the database's own such type."""

NUMBER_TYPES = re.compile(r"\w*INT|INTEGER|NUM|DEC|REAL|FLOAT|DOUBLE|BINARY_(FLOAT|DOUBLE)|NUMBER", re.IGNORECASE)
TEXT_TYPES = re.compile(r"(?!.*CLOB).*(CHAR|TEXT|STRING|ENUM)", re.IGNORECASE)
MOMENT_TYPES = re.compile(r"(TIMESTAMP|DATETIME)(?!.*WITH TIME ZONE)", re.IGNORECASE)
SIMPLE = re.compile(r"[\w.]+|'[^']*'|\"[^\"]*\"|`[^`]*`")
WHOLE = re.compile(r"\d+")
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_DAY = r"(?!0000)\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
DAY = re.compile(_DAY)
MOMENT = re.compile(_DAY + r" \d\d:\d\d:\d\d(\.\d+)?")


class Untranslatable(Exception):
    """The expression has no equal at the destination; the text says why."""


@dataclass(frozen=True)
class Operand:
    """A source's column as expressions at the destination see it."""

    name: str
    meaning: Meaning


@dataclass(frozen=True)
class Translated:
    """SQL of the destination, and what it gives. A `boolean` may be a condition, which not every database can store."""

    sql: str
    meaning: Meaning
    constant: bool = False
    """A string constant."""


def operand(column: Column, name: str, arrival: Arrival) -> Operand:
    """`column` of the source, called `name` at the destination, where it arrives as `arrival`."""
    return Operand(name, _meaning(column, arrival))


def _meaning(column: Column, arrival: Arrival) -> Meaning:
    native, kind = arrival.type.upper(), column.value.kind
    if kind in ("integer", "decimal", "float32", "float64"):
        return "number" if NUMBER_TYPES.match(native) else "opaque"
    if kind in ("text", "char", "enum"):
        exact = column.deterministic and column.base_type != "citext"
        if not exact or not TEXT_TYPES.match(native):
            return "opaque"
        return "padded" if kind == "char" else "text"
    if kind == "boolean":
        return "boolean" if native.startswith("BOOL") else "opaque"
    if kind == "date":
        return "date" if native == "DATE" else "opaque"
    if kind == "timestamp":
        return "timestamp" if MOMENT_TYPES.match(native) else "opaque"
    return "opaque"


def parse(expression: str, dialect: str) -> exp.Expr:
    """The expression as a tree, without parentheses around it. Raises Untranslatable."""
    try:
        known = dialect if sqlglot.Dialect.get(dialect) else ""
        tree = sqlglot.parse_one(expression.strip(), read=known)
    except (SqlglotError, RecursionError) as error:
        raise Untranslatable("Sterna cannot read the expression") from error
    return bare(tree)


def bare(node: exp.Expr) -> exp.Expr:
    """Without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def column_names(expression: str, dialect: str, known: Sequence[str]) -> set[str]:
    """Those of the `known` columns that the expression mentions. Raises Untranslatable."""
    found = {_match(node, known) for node in parse(expression, dialect).find_all(exp.Column)}
    return {name for name in found if name is not None}


def _match(node: exp.Column, known: Sequence[str]) -> str | None:
    if node.table:
        return None
    if node.name in known:
        return node.name
    alike = [] if node.this.args.get("quoted") else [name for name in known if name.casefold() == node.name.casefold()]
    return alike[0] if len(alike) == 1 else None


def translate(
    expression: str, source: str, dialect: SqlDialect, columns: Mapping[str, Operand], known: Sequence[str]
) -> Translated:
    """The expression of a table of the dialect `source`, over `known` columns of which `columns` are carried.

    Raises Untranslatable.
    """
    lost = column_names(expression, source, known) - set(columns)
    if lost:
        raise Untranslatable(f"it needs columns that are not carried: {', '.join(sorted(lost))}")
    return _Translator(source, dialect, columns).write(parse(expression, source))


class _Translator:
    """Writes one tree anew."""

    def __init__(self, source: str, dialect: SqlDialect, columns: Mapping[str, Operand]) -> None:
        self._source = source
        self._from, self._to = words_of(source), words_of(dialect.name)
        self._dialect = dialect
        self._columns = columns

    def write(self, node: exp.Expr) -> Translated:
        """Raises Untranslatable for what is not known to mean the same."""
        found = WRITERS.get(type(node))
        if found is None:
            raise Untranslatable(f"{node.key.upper()} is not known to mean the same at the destination")
        writer, known = found
        given = [name for name, value in node.args.items() if value not in (None, False, []) and name not in known]
        if given:
            raise Untranslatable(f"{node.key.upper()} with {given[0]} is not known to mean the same at the destination")
        return writer(self, node)

    def paren(self, node: exp.Expr) -> Translated:
        inside = self.write(node.this)
        return inside if SIMPLE.fullmatch(inside.sql) else replace(inside, sql=f"({inside.sql})")

    def column(self, node: exp.Expr) -> Translated:
        name = _match(node, list(self._columns)) if isinstance(node, exp.Column) else None
        if name is None:
            raise Untranslatable(f"{node.name} is no column of the table")
        known = self._columns[name]
        return Translated(self._dialect.identifier(known.name), known.meaning)

    def literal(self, node: exp.Expr) -> Translated:
        if not node.args.get("is_string"):
            return Translated(str(node.this), "number")
        return self._text(str(node.this))

    def _text(self, text: str) -> Translated:
        if not text and (self._to.empty_is_null or self._from.empty_is_null):
            raise Untranslatable("the empty string is NULL on one side")
        return Translated(self._dialect.literal(text), "text", constant=True)

    def boolean(self, node: exp.Expr) -> Translated:
        return Translated("TRUE" if node.this else "FALSE", "boolean")

    def null(self, node: exp.Expr) -> Translated:
        return Translated("NULL", "null")

    def cast(self, node: exp.Expr) -> Translated:
        """Casts that change nothing are left out; a literal of a day or a moment becomes one of the destination's."""
        to, inside = node.args["to"], bare(node.this)
        target = to.this if isinstance(to, exp.DataType) else None
        if isinstance(inside, exp.Literal) and inside.args.get("is_string"):
            return self._cast_literal(str(inside.this), to, target)
        found = self.write(node.this)
        unbounded = not to.expressions
        if found.meaning in ("text", "padded") and target in TEXT_CASTS and unbounded:
            return found
        if found.meaning == "number" and target == exp.DType.DECIMAL and unbounded:
            return found
        if isinstance(inside, exp.Literal) and target in WHOLE_CASTS and WHOLE.fullmatch(str(inside.this)):
            return found
        raise Untranslatable(f"a cast to {to.sql()} is not known to mean the same at the destination")

    def _cast_literal(self, text: str, to: exp.Expr, target: object) -> Translated:
        if target in NUMBER_CASTS and NUMBER.fullmatch(text) and not to.expressions:
            return Translated(text, "number")
        if target in TEXT_CASTS and not to.expressions:
            return self._text(text.rstrip(" ") if target in BLANK_PADDED else text)
        if target == exp.DType.USERDEFINED:
            return self._text(text)
        if target == exp.DType.BOOLEAN and text.lower() in FLAGS:
            return Translated(FLAGS[text.lower()], "boolean")
        if target == exp.DType.DATE and DAY.fullmatch(text):
            return self._moment(text, ValueType(kind="date"), "date")
        if target == exp.DType.TIMESTAMP and MOMENT.fullmatch(text):
            return self._moment(without_zeros(text), ValueType(kind="timestamp"), "timestamp")
        raise Untranslatable(f"a constant of {to.sql()} is not known to mean the same at the destination")

    def _moment(self, text: str, value: ValueType, meaning: Meaning) -> Translated:
        made = Column(name="constant", type=value.spelled, value=value)
        arrival = self._dialect.arrival(made, None, key=False)
        if _meaning(made, arrival) != meaning:
            raise Untranslatable(f"the destination has no {meaning} of its own")
        return Translated(constant(self._dialect, text, arrival), meaning)

    def comparison(self, node: exp.Expr) -> Translated:
        sign = SIGNS[type(node)]
        right = bare(node.expression)
        choices = _array(right)
        if choices is not None and sign in ("=", "<>"):
            return self._among(node.this, choices, negated=sign == "<>", every=isinstance(right, exp.Anonymous))
        sides = [self.write(node.this), self.write(node.expression)]
        meaning = self._compared(sides)
        if meaning in ("text", "padded", "boolean") and sign not in ("=", "<>"):
            raise Untranslatable("the order of texts is not the same at the destination")
        return Translated(f"{sides[0].sql} {sign} {sides[1].sql}", "boolean")

    def _among(self, node: exp.Expr, choices: Sequence[exp.Expr], *, negated: bool, every: bool) -> Translated:
        """`= ANY (ARRAY[…])` is IN, `<> ALL (ARRAY[…])` is NOT IN; the other two are neither."""
        if negated != every or not choices:
            raise Untranslatable("a comparison with an array is not known to mean the same at the destination")
        operands = [self.write(part) for part in (node, *choices)]
        if self._compared(operands) == "boolean":
            raise Untranslatable("a list of conditions is not known to mean the same at the destination")
        listed = ", ".join(part.sql for part in operands[1:])
        return Translated(f"{operands[0].sql} {'NOT IN' if negated else 'IN'} ({listed})", "boolean")

    def among(self, node: exp.Expr) -> Translated:
        return self._among(node.this, node.expressions, negated=False, every=False)

    def between(self, node: exp.Expr) -> Translated:
        parts = [self.write(node.args[name]) for name in ("this", "low", "high")]
        if self._same(parts) in ("text", "padded", "boolean"):
            raise Untranslatable("the order of texts is not the same at the destination")
        return Translated(f"{parts[0].sql} BETWEEN {parts[1].sql} AND {parts[2].sql}", "boolean")

    def is_null(self, node: exp.Expr) -> Translated:
        if not isinstance(node.expression, exp.Null):
            raise Untranslatable("IS is translated before NULL only")
        found = self.write(node.this)
        if found.meaning in ("text", "opaque") and self._from.empty_is_null != self._to.empty_is_null:
            raise Untranslatable("the empty string is NULL on one side")
        return Translated(f"{found.sql} IS {'NOT ' if node.args.get('negate') else ''}NULL", "boolean")

    def logical(self, node: exp.Expr) -> Translated:
        sides = [self.write(node.this), self.write(node.expression)]
        if self._same(sides) != "boolean":
            raise Untranslatable("AND and OR are translated between conditions only")
        return Translated(f" {node.key.upper()} ".join(side.sql for side in sides), "boolean")

    def negation(self, node: exp.Expr) -> Translated:
        found = self.write(node.this)
        if found.meaning != "boolean":
            raise Untranslatable("NOT is translated before conditions only")
        return Translated(f"NOT {found.sql}", "boolean")

    def arithmetic(self, node: exp.Expr) -> Translated:
        sides = [self.write(node.this), self.write(node.expression)]
        if self._same(sides) != "number":
            raise Untranslatable("sums are translated between numbers only")
        return Translated(f"{sides[0].sql} {SIGNS[type(node)]} {sides[1].sql}", "number")

    def minus(self, node: exp.Expr) -> Translated:
        found = self.write(node.this)
        if found.meaning != "number":
            raise Untranslatable("a minus is translated before numbers only")
        return Translated(f"-({found.sql})" if found.sql.startswith("-") else f"-{found.sql}", "number")

    def magnitude(self, node: exp.Expr) -> Translated:
        found = self.write(node.this)
        if found.meaning != "number":
            raise Untranslatable("abs() is translated over numbers only")
        return Translated(f"ABS({found.sql})", "number")

    def length(self, node: exp.Expr) -> Translated:
        found = self.write(node.this)
        if found.meaning != "text" or not self._from.characters or not self._to.characters:
            raise Untranslatable("the length of this is not counted alike at the destination")
        return Translated(f"{self._to.characters}({found.sql})", "number")

    def folded(self, node: exp.Expr) -> Translated:
        found = self.write(node.this)
        if found.meaning != "text" or not (self._from.folds_unicode and self._to.folds_unicode):
            raise Untranslatable(f"{node.key}() folds other characters on one of the sides")
        return Translated(f"{node.key.upper()}({found.sql})", "text")

    def coalesce(self, node: exp.Expr) -> Translated:
        parts = [self.write(part) for part in (node.this, *node.expressions)]
        return Translated(f"COALESCE({', '.join(part.sql for part in parts)})", self._same(parts))

    def joined(self, node: exp.Expr) -> Translated:
        """`||`, and concat() where it gives NULL for NULL as MySQL's does."""
        pair = isinstance(node, exp.DPipe)
        parts = [self.write(part) for part in ((node.this, node.expression) if pair else node.expressions)]
        if self._same(parts) != "text" or self._to.concatenation is None or self._from.concatenation is None:
            raise Untranslatable("a concatenation is not known to mean the same at the destination")
        sql = parts[0].sql
        for part in parts[1:]:
            sql = self._to.concatenation.format(left=sql, right=part.sql)
        return Translated(sql, "text")

    def case(self, node: exp.Expr) -> Translated:
        """The searched form only."""
        branches = [(self.write(branch.this), self.write(branch.args["true"])) for branch in node.args["ifs"]]
        default = node.args.get("default")
        values = [value for _, value in branches] + ([self.write(default)] if default is not None else [])
        if any(condition.meaning != "boolean" for condition, _ in branches):
            raise Untranslatable("CASE is translated with conditions only")
        spelled = " ".join(f"WHEN {condition.sql} THEN {value.sql}" for condition, value in branches)
        otherwise = f" ELSE {values[-1].sql}" if default is not None else ""
        return Translated(f"CASE {spelled}{otherwise} END", self._same(values))

    def _compared(self, parts: Sequence[Translated]) -> Meaning:
        """Of char(n) and constants: `text`, since blanks at the end do not count in either."""
        padded = [part for part in parts if part.meaning == "padded"]
        if padded and all(part.constant for part in parts if part.meaning != "padded"):
            return "text"
        return self._same(parts)

    def _same(self, parts: Sequence[Translated]) -> Meaning:
        found: set[Meaning] = {part.meaning for part in parts if part.meaning != "null"}
        if len(found) != 1 or "opaque" in found:
            raise Untranslatable("its operands are of types that do not compare alike at the destination")
        return found.pop()


def constant(dialect: SqlDialect, text: str, arrival: Arrival) -> str:
    """SQL of the native constant of an interchange text; the standard's, where the destination has no plain one."""
    literal = dialect.literal(text)
    written = dialect.write_expression(literal, arrival.value, arrival.type)
    if written != literal and arrival.type.upper() == "DATE":
        return f"DATE {literal}"
    if written != literal and arrival.value.kind == "timestamp" and MOMENT_TYPES.match(arrival.type):
        return f"TIMESTAMP {literal}"
    return written


def without_zeros(moment: str) -> str:
    """A time without zeros at the end of its fraction, as interchange text has it."""
    return re.sub(r"(\.\d*?)0+$", lambda found: found[1].rstrip("."), moment) if "." in moment else moment


def _array(node: exp.Expr) -> Sequence[exp.Expr] | None:
    """The elements of `ANY (ARRAY[…])` or `ALL (ARRAY[…])`, in any casts."""
    if isinstance(node, exp.Any):
        inside = bare(node.this)
    elif isinstance(node, exp.Anonymous) and node.name.upper() == "ALL" and len(node.expressions) == 1:
        inside = bare(node.expressions[0])
    else:
        return None
    while isinstance(inside, exp.Cast):
        inside = bare(inside.this)
    return inside.expressions if isinstance(inside, exp.Array) else []


FLAGS = {"t": "TRUE", "true": "TRUE", "f": "FALSE", "false": "FALSE"}
BLANK_PADDED = frozenset([exp.DType.BPCHAR, exp.DType.CHAR])
TEXT_CASTS = frozenset([exp.DType.TEXT, exp.DType.VARCHAR, *BLANK_PADDED])
WHOLE_CASTS = frozenset([exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT])
NUMBER_CASTS = frozenset([*WHOLE_CASTS, exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.FLOAT])
SIGNS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
}
BOTH = ("this", "expression")
WRITERS: dict[type[exp.Expr], tuple[Callable[[_Translator, Any], Translated], tuple[str, ...]]] = {
    exp.Paren: (_Translator.paren, ("this",)),
    exp.Column: (_Translator.column, ("this",)),
    exp.Literal: (_Translator.literal, ("this", "is_string")),
    exp.Boolean: (_Translator.boolean, ("this",)),
    exp.Null: (_Translator.null, ()),
    exp.Cast: (_Translator.cast, ("this", "to", "_type")),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), (_Translator.comparison, BOTH)),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), (_Translator.arithmetic, BOTH)),
    **dict.fromkeys((exp.And, exp.Or), (_Translator.logical, BOTH)),
    exp.In: (_Translator.among, ("this", "expressions")),
    exp.Between: (_Translator.between, ("this", "low", "high")),
    exp.Is: (_Translator.is_null, (*BOTH, "negate")),
    exp.Not: (_Translator.negation, ("this",)),
    exp.Neg: (_Translator.minus, ("this",)),
    exp.Abs: (_Translator.magnitude, ("this",)),
    exp.Length: (_Translator.length, ("this",)),
    **dict.fromkeys((exp.Lower, exp.Upper), (_Translator.folded, ("this",))),
    exp.Coalesce: (_Translator.coalesce, ("this", "expressions", "is_nvl")),
    exp.DPipe: (_Translator.joined, (*BOTH, "safe")),
    exp.Concat: (_Translator.joined, ("expressions", "safe")),
    exp.Case: (_Translator.case, ("ifs", "default")),
}
"""By node: how it is written, and the arguments that the writer heeds; any other makes it untranslatable."""
