"""CREATE TABLE as people write it, read for what SQLite's catalog does not tell."""

from __future__ import annotations

import pytest

from connectors.sqlite.definitions import parse
from connectors.sqlite.types import affinity, value_type
from core.value_type import ValueType


def test_words_in_strings_names_and_comments_are_no_keywords() -> None:
    found = parse(
        """CREATE TABLE t ("CHECK (x)" TEXT DEFAULT 'AS (y), CHECK (z)', -- CHECK (never)
        `references` int, [as] text /* COLLATE nothing */ collate RTrim)"""
    )
    assert (found.checks, found.generated, found.foreign_keys) == ([], {}, [])
    assert found.collations == {"as": "RTrim"}


def test_constraints_keep_their_names() -> None:
    found = parse(
        "CREATE TABLE t (a INT CONSTRAINT k PRIMARY KEY CHECK (a > 0), b INT CONSTRAINT c CHECK (b > 0) "
        "CONSTRAINT f REFERENCES o (x), CONSTRAINT u UNIQUE (a, B), FOREIGN KEY (a, b) REFERENCES p (c, d) "
        "NOT DEFERRABLE, CHECK (a < b))"
    )
    assert found.checks == [(None, "a > 0"), ("c", "b > 0"), (None, "a < b")]
    assert found.key_names == {("a",): "k", ("a", "b"): "u"}
    assert [(key.name, key.columns, key.referenced, key.deferrable) for key in found.foreign_keys] == [
        ("f", ("b",), "o", False),
        (None, ("a", "b"), "p", False),
    ]


def test_generated_columns_and_nested_parentheses() -> None:
    found = parse("CREATE TABLE t (a, b AS (coalesce((a), (1))) STORED, c TEXT GENERATED ALWAYS AS (a || ')') )")
    assert found.generated == {"b": "coalesce((a), (1))", "c": "a || ')'"}
    assert parse("CREATE TABLE t AS SELECT 1").checks == []


@pytest.mark.parametrize(
    ("declared", "expected", "value"),
    [
        ("BIGINT UNSIGNED", "INTEGER", ValueType(kind="integer")),
        ("varchar(255)", "TEXT", ValueType(kind="text", length=255)),
        ("CHAR ( 5 )", "TEXT", ValueType(kind="text", length=5)),
        ("CLOB", "TEXT", ValueType(kind="text")),
        ("", "BLOB", ValueType(kind="other")),
        ("LONGBLOB", "BLOB", ValueType(kind="binary")),
        ("double precision", "REAL", ValueType(kind="float64")),
        ("decimal(10, 2)", "NUMERIC", ValueType(kind="decimal", precision=10, scale=2)),
        ("NUMERIC(5)", "NUMERIC", ValueType(kind="decimal", precision=5, scale=0)),
        ("numeric", "NUMERIC", ValueType(kind="decimal")),
        ("STRING", "NUMERIC", ValueType(kind="other")),
        ("FLOATING POINT", "INTEGER", ValueType(kind="integer")),
        ("INTERVAL", "INTEGER", ValueType(kind="other")),
        ("timestamp(6)", "NUMERIC", ValueType(kind="timestamp")),
        ("TIMESTAMP  WITH TIME ZONE", "NUMERIC", ValueType(kind="timestamp_tz")),
        ("datetime", "NUMERIC", ValueType(kind="timestamp")),
    ],
)
def test_declared_types_follow_the_rules_of_the_manual(declared: str, expected: str, value: ValueType) -> None:
    assert affinity(declared) == expected
    assert value_type(declared) == value
