"""What only the text of CREATE TABLE tells: names of constraints, checks, expressions of generated columns. Pure.

SQLite keeps the statement as it was written and has no catalog of these. The text is a valid statement, so that it
is enough to find words outside of quotes and parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<string>'(?:[^']|'')*')
    |(?P<word>[^\W\d][\w$]*)
    |(?P<other>\d[\w.]*|.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A word, a quoted name, a group in parentheses (with what is in it) or a sign."""

    text: str
    kind: str
    inside: tuple[Token, ...] = ()

    @property
    def name(self) -> str:
        """As an identifier."""
        if self.kind != "quoted" and self.kind != "string":
            return self.text
        mark = self.text[-1]
        return self.text[1:-1].replace(mark * 2, mark)

    def says(self, *words: str) -> bool:
        """It is one of these keywords."""
        return self.kind == "word" and self.text.upper() in words


@dataclass
class DefinedKey:
    """A foreign key as it is written."""

    name: str | None
    columns: tuple[str, ...]
    referenced: str
    deferrable: bool


@dataclass
class Definition:
    """What a CREATE TABLE statement says. Names as written."""

    checks: list[tuple[str | None, str]] = field(default_factory=list)
    """Name and expression."""
    generated: dict[str, str] = field(default_factory=dict)
    """Expressions by column."""
    collations: dict[str, str] = field(default_factory=dict)
    foreign_keys: list[DefinedKey] = field(default_factory=list)
    autoincrement: bool = False
    key_names: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Names of primary and unique keys, by their columns in lower case."""


def parse(sql: str) -> Definition:
    """The statement's columns and constraints; nothing for a statement that has no list of columns."""
    found = Definition()
    tokens = list(_tokens(sql))
    body = next((token for token in tokens if token.kind == "group"), None)
    if body is None:
        return found
    for element in _split(body.inside):
        if element:
            _element(element, found)
    return found


def _tokens(sql: str) -> Iterator[Token]:
    stack: list[list[Token]] = [[]]
    starts: list[int] = []
    for match in TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match[0]
        if kind == "space":
            continue
        if text == "(" and kind == "other":
            stack.append([])
            starts.append(match.end())
        elif text == ")" and kind == "other" and starts:
            inside = tuple(stack.pop())
            stack[-1].append(Token(sql[starts.pop() : match.start()], "group", inside))
        else:
            stack[-1].append(Token(text, kind))
    yield from stack[0]


def _split(tokens: tuple[Token, ...]) -> Iterator[list[Token]]:
    part: list[Token] = []
    for token in tokens:
        if token.kind == "other" and token.text == ",":
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _element(tokens: list[Token], found: Definition) -> None:
    if tokens[0].says("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
        _clauses(tokens, None, found)
        return
    _clauses(tokens[1:], tokens[0].name, found)


def _clauses(tokens: list[Token], column: str | None, found: Definition) -> None:
    """The constraints of one column, or of the table where there is none."""
    name: str | None = None
    for position, token in enumerate(tokens):
        after = tokens[position + 1] if position + 1 < len(tokens) else None
        if after is None:
            found.autoincrement |= token.says("AUTOINCREMENT")
        elif token.says("CONSTRAINT"):
            name = after.name
        elif token.says("CHECK") and after.kind == "group":
            found.checks.append((name, after.text.strip()))
            name = None
        elif token.says("AS") and after.kind == "group" and column is not None:
            found.generated[column] = after.text.strip()
        elif token.says("COLLATE") and column is not None:
            found.collations[column] = after.name
        elif token.says("REFERENCES"):
            found.foreign_keys.append(_foreign_key(name, column, tokens, position))
            name = None
        elif token.says("KEY", "UNIQUE"):
            found.autoincrement |= after.says("AUTOINCREMENT")
            name = _key(name, column, after, found, foreign=position > 0 and tokens[position - 1].says("FOREIGN"))
        else:
            found.autoincrement |= token.says("AUTOINCREMENT")


def _key(name: str | None, column: str | None, after: Token, found: Definition, *, foreign: bool) -> str | None:
    """Notes the name of a primary or unique key, and returns the name for what comes next."""
    if foreign or name is None:
        return name
    columns = _names(after) if after.kind == "group" else (column,) if column is not None else ()
    found.key_names[tuple(part.lower() for part in columns)] = name
    return None


def _foreign_key(name: str | None, column: str | None, tokens: list[Token], position: int) -> DefinedKey:
    columns = (column,) if column is not None else _names(tokens[position - 1])
    rest = tokens[position + 1 :]
    deferred = [place for place, token in enumerate(rest) if token.says("DEFERRABLE")]
    deferrable = any(place == 0 or not rest[place - 1].says("NOT") for place in deferred)
    return DefinedKey(name, columns, rest[0].name, deferrable)


def _names(group: Token) -> tuple[str, ...]:
    return tuple(part[0].name for part in _split(group.inside) if part)
