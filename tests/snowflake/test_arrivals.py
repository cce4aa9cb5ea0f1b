"""Which type of Snowflake a column of another database gets, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.snowflake.dialect import SnowflakeDialect
from core.schema import Column
from core.value_type import Arrival, ValueType

DIALECT = SnowflakeDialect()


def _arrival(kind: Any, existing: str = "", **fields: Any) -> Arrival:
    column = Column(name="c", type="theirs", value=ValueType(kind=kind, **fields))
    return DIALECT.arrival(column, Column(name="c", type=existing) if existing else None, key=False)


@pytest.mark.parametrize(
    ("kind", "fields", "native"),
    [
        ("integer", {"bits": 32}, "NUMBER(10,0)"),
        ("integer", {"bits": 64}, "NUMBER(19,0)"),
        ("integer", {"bits": 64, "signed": False}, "NUMBER(20,0)"),
        ("decimal", {"precision": 38, "scale": 10}, "NUMBER(38,10)"),
        ("decimal", {"precision": 38, "scale": 38}, "VARCHAR"),
        ("decimal", {"precision": 39, "scale": 0}, "VARCHAR"),
        ("decimal", {"precision": 5, "scale": -2}, "NUMBER(7,0)"),
        ("decimal", {"precision": 2, "scale": 5}, "NUMBER(5,5)"),
        ("decimal", {"specials": True}, "VARCHAR"),
        ("float32", {}, "FLOAT"),
        ("text", {}, "VARCHAR"),
        ("char", {"length": 5}, "VARCHAR(5)"),
        ("text", {"length": 20_000_000}, "VARCHAR"),
        ("binary", {"length": 16}, "BINARY(16)"),
        ("timestamp", {"fraction": 6}, "TIMESTAMP_NTZ(6)"),
        ("timestamp_tz", {"fraction": 3}, "TIMESTAMP_LTZ(3)"),
        ("time", {"fraction": 0}, "TIME(0)"),
        ("json", {"normalised": True}, "VARIANT"),
        ("json", {}, "VARCHAR"),
        ("uuid", {}, "VARCHAR(36)"),
        ("enum", {"labels": ("a", "long")}, "VARCHAR(4)"),
        ("interval", {}, "VARCHAR"),
        ("array", {}, "VARCHAR"),
    ],
)
def test_new_columns(kind: str, fields: dict[str, Any], native: str) -> None:
    assert _arrival(kind, **fields).type == native


def test_no_value_is_rounded_by_a_narrower_column() -> None:
    arrival = _arrival("decimal", "NUMBER(10,2)", precision=38, scale=10)
    assert arrival.verdict == "LOSSY"
    assert [(limit.kind, limit.precision, limit.scale) for limit in arrival.limits] == [("digits", 10, 2)]


def test_a_bare_number_has_no_fraction() -> None:
    assert _arrival("decimal", "NUMBER", precision=10, scale=2).verdict == "LOSSY"


def test_seconds_that_would_be_cut_are_lossy() -> None:
    assert _arrival("timestamp", "TIMESTAMP_NTZ(3)", fraction=6).verdict == "LOSSY"


def test_texts_are_limited_in_bytes_only_where_they_may_be_too_long() -> None:
    assert _arrival("text", length=100).limits == []
    assert [(limit.kind, limit.high) for limit in _arrival("text").limits] == [("bytes", 16_777_216)]
    assert [limit.high for limit in _arrival("text", "VARCHAR(134217728)").limits] == [134_217_728]


def test_literals_escape_backslashes() -> None:
    assert DIALECT.literal("a\\b'c") == "'a\\\\b''c'"
