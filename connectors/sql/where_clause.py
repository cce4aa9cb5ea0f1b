"""What a job's whereClause may say: one condition over the columns of its own table, the same at every reading.

The clause reaches the database as it was written, inside of a query of Sterna's. So it is read here first, in the
source's dialect, and only what is known to be harmless is let through: node by node and function by function. What
a sleep, a sequence, a file, a network address or another table could be named by is simply not on the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlglot import Dialect, ErrorLevel, exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from core.errors import InvalidConfiguration

DEEPEST = 100
BETWEEN_TOKENS = re.compile(
    r"(?:[ \t\r\n]|--(?:[ \t][^\r\n]*)?(?=[\r\n]|\Z)|/\*(?![!+M])(?:(?!/\*|\*/).)*\*/)*", re.DOTALL
)
"""White space and comments that every database reads alike: MySQL executes what stands in `/*!` and takes `--` without
a blank after it for two minus signs; comments within comments end sooner in some than in others."""
MOVING_DAYS = frozenset(("now", "today", "tomorrow", "yesterday"))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _classes(names: str) -> frozenset[type[exp.Expr]]:
    return frozenset(getattr(exp, name) for name in _words(names))


STRUCTURE = _classes(
    "All And Any Array Between BitString Boolean Bracket Case Cast Collate Column DataType DataTypeParam Escape "
    "HexString Identifier If In Interval IntervalSpan Is Literal National Not Null Or Paren Slice TryCast Tuple Var "
    "Xor JSONPath JSONPathKey JSONPathRoot JSONPathSubscript"
)
OPERATORS = _classes(
    "Add ArrayContainsAll ArrayContainedBy ArrayOverlaps AtTimeZone BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr "
    "BitwiseRightShift BitwiseXor DPipe Div EQ GT GTE Glob ILike IntDiv JSONBContains JSONBExtract JSONBExtractScalar "
    "JSONExtract JSONExtractScalar LT LTE Like Mod Mul NEQ Neg NullSafeEQ NullSafeNEQ Pow RegexpILike RegexpLike "
    "SimilarTo Sub"
)
FUNCTIONS = _classes(
    "Abs Ceil Exp Floor Greatest Least Ln Log Round Sign Sqrt Trunc Coalesce Nullif Nvl2 DecodeCase IsNan IsInf "
    "Ascii Chr Concat ConcatWs Contains EndsWith Hex Initcap Left Length Lower MD5 RegexpExtract RegexpReplace "
    "RegexpFullMatch Replace Reverse Right SHA SHA2 SplitPart StartsWith StrPosition Substring Translate Trim Unicode "
    "Upper ArrayContains ArraySize ToChar ToNumber AddMonths Date DateAdd DateDiff DateFromParts DateSub DateTrunc Day "
    "DayOfMonth DayOfWeek DayOfYear Extract Hour LastDay Minute Month Quarter Second StrToDate StrToTime TimeToStr "
    "TimeToUnix Timestamp TimestampAdd TimestampDiff TimestampFromParts TimestampSub TimestampTrunc TsOrDsAdd "
    "TsOrDsDiff TsOrDsToDate TsOrDsToTimestamp UnixToTime Week WeekOfYear Year"
)
ADMITTED = STRUCTURE | OPERATORS | FUNCTIONS
NAMED_FUNCTIONS = _words(
    "btrim bit_length char_length character_length date_part datetime instr isnull julianday json_type json_typeof "
    "json_valid jsonb_exists jsonb_typeof locate lpad ltrim mod num_nonnulls num_nulls nvl octet_length ora_hash "
    "position rpad rtrim soundex strftime strpos time to_timestamp typeof unixepoch"
)
"""Functions that sqlglot has no class for."""


@dataclass(frozen=True)
class WhereClauses:
    """How whereClauses are judged in this process."""

    trusted: bool = False
    """Any single expression that the source takes in a transaction that reads only; nothing is checked here."""
    functions: Collection[str] = frozenset()
    """Functions to admit beyond the list, as `name` or `schema.name` in lower case."""

    def check(self, clause: str | None, dialect: str, columns: Sequence[str] | None = None) -> None:
        """`dialect` is the source's (Capabilities.dialect), `columns` all of the table's where they are known.

        Raises InvalidConfiguration that says what is not admitted.
        """
        if clause is None or self.trusted:
            return
        try:
            tree = _parsed(clause, _language(dialect))
            _Judge(tree, {name.lower() for name in self.functions}, columns).admit()
        except RecursionError:
            raise _refused("it is nested too deeply", "Write it with fewer parentheses") from None


def has_grammar(dialect: str) -> bool:
    """Clauses in this dialect are read by its own grammar; elsewhere by the one that most databases share."""
    return Dialect.get(_name(dialect)) is not None


def _language(dialect: str) -> Dialect:
    return Dialect.get_or_raise(_name(dialect) if has_grammar(dialect) else "")


def _name(dialect: str) -> str:
    name = dialect.removeprefix("sqlalchemy+")
    return {"mssql": "tsql", "postgresql": "postgres", "mariadb": "mysql"}.get(name, name)


def _parsed(clause: str, language: Dialect) -> exp.Expr:
    try:
        tokens = language.tokenize(clause)
        _check_gaps(clause, tokens)
        _check_depth(tokens)
        trees = language.parse_into(exp.Condition, clause, error_level=ErrorLevel.IMMEDIATE)
    except SqlglotError as error:
        raise _refused(
            "it is not one condition in the source's SQL", "Write one condition, as after WHERE, without `;`"
        ) from error
    if len(trees) != 1 or trees[0] is None:
        raise _refused("it is not one condition", "Write one condition, as after WHERE, or leave it out")
    return trees[0]


def _check_gaps(clause: str, tokens: Sequence[Token]) -> None:
    """Everything is a token of both readers, sqlglot and database, or white space and comments to both."""
    ends = [0, *(token.end + 1 for token in tokens)]
    starts = [*(token.start for token in tokens), len(clause)]
    for position, (end, start) in enumerate(zip(ends, starts, strict=True)):
        if BETWEEN_TOKENS.fullmatch(clause[end:start]) is None:
            raise _refused(
                "it holds a comment or a character that databases read differently",
                "Take comments out; write text constants in plain single quotes",
            )
        glued = 0 < position < len(tokens) and end == start
        if glued and tokens[position].token_type == TokenType.STRING and clause[end - 1].isalnum():
            raise _refused("it holds a text constant with a prefix", "Write text constants in plain single quotes")


def _check_depth(tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth > DEEPEST:
            raise _refused(f"it is nested more than {DEEPEST} deep", "Write it with fewer parentheses")


class _Judge:
    """Walks one tree."""

    def __init__(self, tree: exp.Expr, functions: Collection[str], columns: Sequence[str] | None) -> None:
        self._tree = tree
        self._functions = functions
        self._exact = None if columns is None else frozenset(columns)
        self._folded = frozenset(name.casefold() for name in columns or ())

    def admit(self) -> None:
        """Raises InvalidConfiguration."""
        special: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
            exp.Column: self._column,
            exp.Anonymous: self._anonymous,
            exp.Dot: self._qualified,
        }
        for node in self._tree.walk(prune=lambda node: isinstance(node, exp.Dot)):
            judge = special.get(type(node))
            if judge is not None:
                judge(node)
            elif type(node) not in ADMITTED:
                raise self._not_admitted(node)
            elif isinstance(node, exp.Func) and type(node) in FUNCTIONS and not any(node.args.values()):
                raise _moving(node.sql_name().lower())
            elif isinstance(node, exp.Literal):
                _check_moment(node)
            elif isinstance(node, exp.In) and node.args.get("field") is not None:
                raise _refused("it holds IN before a name, which may be a table", "Write values in parentheses")

    def _column(self, node: exp.Expr) -> None:
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise _refused("it holds `*`", "Name columns")
        if node.args.get("table") is not None:
            raise _refused(f"{node.sql()} is named with a prefix", f"Write {node.name} alone: there is just one table")
        if self._exact is None:
            return
        known = node.name in self._exact
        if not known and not node.this.args.get("quoted"):
            known = node.name.casefold() in self._folded
        if not known:
            raise _refused(
                f"'{node.name}' is no column of the table",
                "Name columns of the source's table; the clock, the session and row numbers are not there",
            )

    def _anonymous(self, node: exp.Expr) -> None:
        name = str(node.this).lower()
        if name not in NAMED_FUNCTIONS and name not in self._functions:
            raise _unknown_function(name)
        if not node.expressions and name not in self._functions:
            raise _moving(name)

    def _qualified(self, node: exp.Expr) -> None:
        """Only functions that the operator admitted have a schema; their arguments are judged like all else."""
        call = node.expression
        name = f"{node.this.name}.{call.this}".lower()
        if not (isinstance(node.this, exp.Identifier) and isinstance(call, exp.Anonymous)):
            raise _refused("it holds a name with a prefix", "Name columns and functions alone")
        if name not in self._functions:
            raise _unknown_function(name)
        for argument in call.expressions:
            _Judge(argument, self._functions, list(self._exact) if self._exact is not None else None).admit()

    def _not_admitted(self, node: exp.Expr) -> InvalidConfiguration:
        if isinstance(node, exp.Query | exp.Subquery | exp.Exists | exp.Table | exp.From):
            return _refused("it holds a subquery, which reads more than its table", "Write values in its place")
        if isinstance(node, exp.Parameter | exp.Placeholder | exp.SessionParameter):
            return _refused("it holds a parameter or variable", "Write the value in its place")
        if isinstance(node, exp.AggFunc | exp.Window):
            return _refused("it holds an aggregate or a window function", "A condition is about one row")
        if isinstance(node, exp.Func):
            name = node.sql_name().lower()
            return _moving(name) if name.startswith(("current_", "localtime")) else _unknown_function(name)
        return _refused(f"it holds {node.key.upper()}", "Write comparisons of columns with values")


def _check_moment(node: exp.Literal) -> None:
    """'now' becomes the moment of reading where a date is wanted."""
    if node.is_string and str(node.this).strip().casefold() in MOVING_DAYS and isinstance(node.parent, exp.Func):
        raise _moving(f"'{node.this}'")


def _moving(name: str) -> InvalidConfiguration:
    return _refused(
        f"{name} is another value at each reading, so that batches and proof would not see the same rows",
        "Write the moment or value itself; jobs that take what is new use 'incremental'",
    )


def _unknown_function(name: str) -> InvalidConfiguration:
    return _refused(
        f"the function {name} is not on the list of those that only compute",
        "Leave it out, or let an administrator add it to STERNA_WHERE_FUNCTIONS of API and workers",
    )


def _refused(reason: str, remedy: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"whereClause is refused: {reason}", remedy=remedy)
