"""Column defaults from one database's SQL to another's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from connectors.sql.dialect import SqlDialect
from connectors.sql.expressions import (
    DAY,
    FLAGS,
    MOMENT,
    NUMBER,
    NUMBER_TYPES,
    TEXT_TYPES,
    Untranslatable,
    bare,
    constant,
    operand,
    parse,
    translate,
    without_zeros,
)
from connectors.sql.words import words_of
from core.schema import Column
from core.value_type import Arrival

CLOCKS = (exp.CurrentTimestamp, exp.Localtimestamp, exp.Systimestamp, exp.CurrentDate)
CLOCK_FUNCTIONS = frozenset(["get_current_timestamp", "current_localtimestamp"])
LARGE_TYPES = re.compile(r".*(TEXT|BLOB|JSON|GEOMETRY)", re.IGNORECASE)
"""MySQL takes constants for them in parentheses only."""
TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
BITS = re.compile("B'[01]+'")
HEXADECIMAL = re.compile(r"\\x([0-9a-fA-F]{2})*")


def default_sql(column: Column, source: str, dialect: SqlDialect, arrival: Arrival) -> str | None:
    """What follows DEFAULT for a column of the dialect `source`; None where the default is NULL.

    Raises Untranslatable.
    """
    assert column.default is not None
    tree = parse(column.default, source)
    if isinstance(tree, exp.Null) or (isinstance(tree, exp.Cast) and isinstance(bare(tree.this), exp.Null)):
        return None
    if isinstance(tree, CLOCKS) or (isinstance(tree, exp.Anonymous) and tree.name.lower() in CLOCK_FUNCTIONS):
        return _fitted(_now(column, source, dialect, arrival), dialect, plain=False)
    plain = _constant(tree)
    if plain is not None:
        return _literal(_interchange(plain, column, source), column, dialect, arrival)
    translated = translate(column.default, source, dialect, {}, ())
    if translated.meaning != operand(column, column.name, arrival).meaning:
        raise Untranslatable("it is of another type than the column at the destination")
    return _fitted(translated.sql, dialect, plain=False)


def _fitted(sql: str, dialect: SqlDialect, *, plain: bool) -> str:
    if plain or dialect.ddl.defaults == "expression":
        return sql
    if dialect.ddl.defaults == "constant":
        raise Untranslatable("the destination takes constants as defaults only")
    return f"({sql})"


def _now(column: Column, source: str, dialect: SqlDialect, arrival: Arrival) -> str:
    spelled = words_of(dialect.name).now.get(column.value.kind)
    if spelled is None or not words_of(source).now or TEXT_TYPES.match(arrival.type):
        raise Untranslatable("the destination has no clock that gives such values")
    return spelled.format(fraction=min(arrival.value.fraction, 6) or "")


def _constant(tree: exp.Expr) -> str | None:
    """A constant as plain text, casts left out; None for what is none."""
    if isinstance(tree, exp.Neg):
        inside = _constant(bare(tree.this))
        return f"-{inside}" if inside is not None and NUMBER.fullmatch(inside) and inside[0] != "-" else None
    if isinstance(tree, exp.Cast):
        return _constant(bare(tree.this))
    if isinstance(tree, exp.Boolean):
        return "true" if tree.this else "false"
    if isinstance(tree, exp.HexString | exp.BitString):
        return f"\\x{tree.this}" if isinstance(tree, exp.HexString) else f"B'{tree.this}'"
    if isinstance(tree, exp.Literal | exp.National | exp.DateStrToDate | exp.Introducer):
        inside = tree.args.get("expression", tree.this)
        return str(inside.this) if isinstance(inside, exp.Literal) else str(inside)
    return None


def _interchange(plain: str, column: Column, source: str) -> str:
    """The constant as interchange text of the column's values. Raises Untranslatable."""
    kind = column.value.kind
    if kind in ("text", "char", "enum"):
        return plain.rstrip(" ") if kind == "char" else plain
    if kind == "json" and not column.value.normalised:
        return plain
    for pattern, change in FORMS.get(kind, ()):
        if pattern.fullmatch(plain):
            return change(plain).zfill(column.value.length or 0 if column.value.fixed else 0)
    if source == "postgres" and kind in ("interval", "timestamp_tz", "time_tz", "json"):
        return plain  # the server printed it under the settings that make it interchange text
    raise Untranslatable("its constant is not of a form that is known to mean the same")


def _literal(text: str, column: Column, dialect: SqlDialect, arrival: Arrival) -> str:
    """The native constant of an interchange text."""
    kind, native = column.value.kind, arrival.type
    literal = dialect.literal(text)
    if kind in ("integer", "decimal", "float32", "float64") and NUMBER_TYPES.match(native):
        return text
    if kind == "boolean" and native.upper().startswith("BOOL"):
        return FLAGS[text]
    if kind == "boolean" and NUMBER_TYPES.match(native):
        return "1" if text == "t" else "0"
    if not text and words_of(dialect.name).empty_is_null:
        raise Untranslatable("the empty string is NULL at the destination")
    sql = literal if TEXT_TYPES.match(native) else constant(dialect, text, arrival)
    large = dialect.ddl.defaults == "parenthesised" and LARGE_TYPES.match(native) is not None
    return _fitted(sql, dialect, plain=sql == literal and not large)


def _unchanged(text: str) -> str:
    return text


FORMS: Mapping[str, Sequence[tuple[re.Pattern[str], Callable[[str], str]]]] = {
    **dict.fromkeys(("integer", "decimal", "float32", "float64"), ((NUMBER, lambda text: text.lstrip("+")),)),
    "boolean": (
        (re.compile("t|true|1|B'1'", re.IGNORECASE), lambda _: "t"),
        (re.compile("f|false|0|B'0'", re.IGNORECASE), lambda _: "f"),
    ),
    "date": ((DAY, _unchanged),),
    "time": ((TIME, without_zeros),),
    "timestamp": ((MOMENT, without_zeros), (DAY, lambda text: f"{text} 00:00:00")),
    "uuid": ((UUID, str.lower),),
    "binary": ((HEXADECIMAL, str.lower),),
    "bits": ((BITS, lambda text: text[2:-1]),),
}
"""By kind: the forms of a constant that mean the same everywhere, and how they become interchange text."""
