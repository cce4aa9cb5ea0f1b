"""Column names inside expressions that PostgreSQL has deparsed, found and replaced token by token.

The server's deparser (ruleutils.c) is regular: keywords are upper case and column names are lower case or quoted;
names of types follow `::`, RETURNING or AS; functions stand before `(`; qualified names have a dot; operator classes
follow their operand. Only text that the server has deparsed may be given to these functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.postgres.sql import identifier, literal, qualified
from core.schema import TableName

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<string>[EeBbXxNn]?'(?:[^'\\]|''|\\.)*' | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
  | (?P<symbol>::|=>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# A plain string has no escapes under standard_conforming_strings: a backslash in it is a backslash.
PLAIN_STRING = re.compile(r"'(?:[^']|'')*'", re.DOTALL)

# Words that go on with a type's name: `timestamp(3) without time zone`, `interval day to second(2)`.
TYPE_WORDS = frozenset(
    [
        *("precision", "varying", "with", "without", "time", "zone"),
        *("year", "month", "day", "hour", "minute", "second", "to"),
    ]
)
TWO_WORD_TYPES = frozenset(["double", "character", "bit", "timestamp", "time", "interval", "national"])
CONSTANTS = frozenset(["true", "false", "null"])
# After these keywords comes a name that is not a column: a collation, a method, an xml name, an operator; or a type.
NAME_KEYWORDS = frozenset(["COLLATE", "USING", "NAME", "OPERATOR"])
TYPE_KEYWORDS = frozenset(["AS", "RETURNING"])


@dataclass
class _Token:
    kind: str
    text: str
    column: bool = False

    @property
    def is_name(self) -> bool:
        return self.kind == "quoted" or (self.kind == "word" and not self.is_keyword)

    @property
    def is_keyword(self) -> bool:
        return self.kind == "word" and self.text == self.text.upper() != self.text.lower()

    @property
    def name(self) -> str:
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else self.text

    @property
    def is_operand(self) -> bool:
        """An operator class may follow it, a column may not."""
        return self.is_name or self.kind in ("string", "number") or (self.kind == "symbol" and self.text in (")", "]"))


def rename_columns(expression: str, renames: Mapping[str, str]) -> str:
    """The expression with its columns renamed; names missing from `renames` stay."""
    tokens = _tokens(expression)
    return "".join(
        identifier(renames[token.name])
        if token.column and renames.get(token.name, token.name) != token.name
        else token.text
        for token in tokens
    )


def mentioned_columns(expression: str) -> set[str]:
    """Names in the expression that stand where a column stands."""
    return {token.name for token in _tokens(expression) if token.column}


def rename_sequences(expression: str, renames: Mapping[TableName, TableName]) -> str:
    """The expression with sequences renamed in literals such as `'shop.orders_id_seq'::regclass`."""
    tokens = _tokens(expression)
    for token, sign, cast in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.kind == "string" and sign.text == "::" and cast.text == "regclass":
            known = renames.get(_parse_qualified(token.text[1:-1].replace("''", "'")))
            if known is not None:
                token.text = literal(qualified(known))
    return "".join(token.text for token in tokens)


def qualified_names(text: str) -> set[TableName]:
    """Every `schema.name` in the text, whatever it is the name of."""
    tokens = _split(text)
    return {
        TableName(schema_name=schema.name, name=name.name)
        for schema, dot, name in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if dot.text == "." and schema.is_name and name.is_name
    }


def same_definition(one: str, other: str) -> bool:
    """Two definitions are the same but for spaces and needless quotes."""
    return _canonical(one) == _canonical(other)


def _canonical(expression: str) -> list[tuple[str, str]]:
    return [
        ("name", token.name) if token.kind in ("quoted", "word") else (token.kind, token.text)
        for token in _split(expression)
        if token.kind != "space"
    ]


def _parse_qualified(text: str) -> TableName:
    names = [token.name for token in _split(text) if token.is_name or token.kind == "word"]
    return TableName(schema_name=names[0] if len(names) > 1 else "", name=names[-1] if names else "")


def _split(expression: str) -> list[_Token]:
    tokens = []
    position = 0
    while position < len(expression):
        match = PLAIN_STRING.match(expression, position) or TOKEN.match(expression, position)
        assert match is not None
        tokens.append(_Token(match.lastgroup or "string", match.group()))
        position = match.end()
    return tokens


def _tokens(expression: str) -> list[_Token]:
    tokens = _split(expression)
    _Marker([token for token in tokens if token.kind != "space"]).mark()
    return tokens


class _Marker:
    """Walks over the tokens and marks those that are columns."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def mark(self) -> None:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.text == "::" or token.text in TYPE_KEYWORDS:
                self._at += 1
                self._skip_type()
            elif token.text in NAME_KEYWORDS:
                self._at += 1
                self._skip_name()
            elif token.text == "WITH" and self._text(1) == "(":
                self._skip_group()
            elif token.text == "EXTRACT":
                self._skip_while(lambda passed: passed.text != "FROM")
            else:
                token.column = token.is_name and self._stands_for_column()
                self._at += 1

    def _text(self, ahead: int) -> str:
        index = self._at + ahead
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    def _stands_for_column(self) -> bool:
        if self._text(1) in ("(", ".", "=>") or self._text(-1) == "." or self._text(0) in CONSTANTS:
            return False
        return self._at == 0 or not self._tokens[self._at - 1].is_operand

    def _skip_while(self, condition: Callable[[_Token], bool]) -> None:
        while self._at < len(self._tokens) and condition(self._tokens[self._at]):
            self._at += 1

    def _skip_name(self) -> None:
        """A name, qualified or not, or the group of OPERATOR(schema.sign)."""
        if self._text(0) == "(":
            self._skip_group()
            self._tokens[self._at - 1].kind = "operator"
            return
        self._at += 1
        while self._text(0) == ".":
            self._at += 2

    def _skip_type(self) -> None:
        first = self._text(0)
        self._skip_name()
        self._skip_modifier()
        if first in TWO_WORD_TYPES:
            self._skip_while(lambda token: token.text in TYPE_WORDS)
            self._skip_modifier()
            self._skip_while(lambda token: token.text in TYPE_WORDS)

    def _skip_modifier(self) -> None:
        if self._text(0) == "(":
            self._skip_group()

    def _skip_group(self) -> None:
        """To behind the parenthesis that closes the next one."""
        depth = 0
        while self._at < len(self._tokens):
            depth += (self._text(0) == "(") - (self._text(0) == ")")
            closed = self._text(0) == ")" and depth == 0
            self._at += 1
            if closed:
                return
