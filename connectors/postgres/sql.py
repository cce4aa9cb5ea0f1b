"""Quoting of identifiers and literals, as PostgreSQL's quote_ident and quote_literal do, always quoted."""

from __future__ import annotations

from collections.abc import Iterable

from core.schema import TableName


def identifier(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str]) -> str:
    """Quoted identifiers, separated by commas."""
    return ", ".join(identifier(name) for name in names)


def qualified(name: TableName) -> str:
    """A quoted, schema-qualified name."""
    return f"{identifier(name.schema_name)}.{identifier(name.name)}"


def literal(text: str) -> str:
    """A string literal that is right whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted
