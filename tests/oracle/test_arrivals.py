"""Which columns are made for which values, and what existing ones are said to lose."""

from __future__ import annotations

import pytest

from connectors.oracle.arrivals import arrival
from connectors.oracle.types import OWN, value_type
from core.schema import Column
from core.value_type import Arrival, ValueType


def made(key: bool = False, **fields: object) -> Arrival:
    """The arrival in a column that is made."""
    value = ValueType.model_validate(fields)
    return arrival(Column(name="c", type="foreign", value=value), None, key=key)


def existing(spelled: str, *, nullable: bool = True, **fields: object) -> Arrival:
    """The arrival in a column that is there."""
    value = ValueType.model_validate(fields)
    there = Column(name="c", type=spelled, value=value_type(spelled), nullable=nullable)
    return arrival(Column(name="c", type="foreign", value=value), there, key=False)


@pytest.mark.parametrize(
    ("fields", "spelled"),
    [
        ({"kind": "integer", "bits": 16}, "NUMBER(5)"),
        ({"kind": "integer", "bits": 64}, "NUMBER(19)"),
        ({"kind": "integer", "bits": 64, "signed": False}, "NUMBER(20)"),
        ({"kind": "decimal", "precision": 38, "scale": 10}, "NUMBER(38,10)"),
        ({"kind": "decimal", "precision": 5, "scale": -2}, "NUMBER(5,-2)"),
        ({"kind": "decimal", "precision": 50, "scale": 10}, "VARCHAR2(53 CHAR)"),
        ({"kind": "decimal"}, "NUMBER"),
        ({"kind": "text", "length": 20}, "VARCHAR2(20 CHAR)"),
        ({"kind": "text", "length": 4001}, "CLOB"),
        ({"kind": "text"}, "CLOB"),
        ({"kind": "char", "length": 5}, "CHAR(5 CHAR)"),
        ({"kind": "binary", "length": 16}, "RAW(16)"),
        ({"kind": "binary"}, "BLOB"),
        ({"kind": "timestamp_tz"}, "TIMESTAMP(6) WITH TIME ZONE"),
        ({"kind": "enum", "labels": ("sad", "happy")}, "VARCHAR2(5 CHAR)"),
        ({"kind": "interval"}, "VARCHAR2(80 CHAR)"),
        ({"kind": "interval", "span": "months"}, "INTERVAL YEAR(9) TO MONTH"),
        ({"kind": "json"}, "CLOB"),
    ],
)
def test_types_of_columns_that_are_made(fields: dict[str, object], spelled: str) -> None:
    arrived = made(**fields)
    assert arrived.type == spelled
    assert arrived.verdict in ("EXACT", "CONVERT")


def test_keys_get_types_that_an_index_takes() -> None:
    assert made(key=True, kind="text").type == "VARCHAR2(3000)"
    assert made(key=True, kind="binary").type == "RAW(2000)"
    assert made(key=True, kind="timestamp_tz").type == "TIMESTAMP(6) WITH LOCAL TIME ZONE"


def test_the_empty_text_becomes_null_only_where_null_may_be() -> None:
    kinds = {limit.kind: limit.refuse for limit in made(kind="text", length=20).limits}
    assert kinds == {"empty_is_null": False}
    assert [limit.kind for limit in made(key=True, kind="text", length=20).limits] == ["not_empty"]
    assert [limit.kind for limit in existing("VARCHAR2(20 CHAR)", nullable=False, kind="text", length=20).limits] == [
        "not_empty"
    ]
    assert not made(kind="text").limits, "a CLOB can be empty"


@pytest.mark.parametrize(
    ("spelled", "fields"),
    [
        ("NUMBER(10,2)", {"kind": "decimal", "precision": 38, "scale": 10}),
        ("NUMBER(5,-2)", {"kind": "integer"}),
        ("TIMESTAMP(6)", {"kind": "timestamp", "fraction": 9}),
        ("DATE", {"kind": "timestamp", "fraction": 6}),
        ("VARCHAR2(10 CHAR)", {"kind": "text", "length": 20}),
        ("BINARY_FLOAT", {"kind": "float64"}),
    ],
)
def test_narrower_columns_are_said_to_lose(spelled: str, fields: dict[str, object]) -> None:
    arrived = existing(spelled, **fields)
    assert arrived.verdict == "LOSSY"
    assert arrived.reason
    assert any(limit.refuse for limit in arrived.limits)


@pytest.mark.parametrize(
    ("spelled", "fields"),
    [
        ("NUMBER(2,2)", {"kind": "boolean"}),
        ("DATE", {"kind": "integer"}),
        ("BLOB", {"kind": "text"}),
        ("JSON", {"kind": "json"}),
        ("TIMESTAMP(6) WITH TIME ZONE", {"kind": "timestamp"}),
    ],
)
def test_columns_of_another_kind_are_refused(spelled: str, fields: dict[str, object]) -> None:
    arrived = existing(spelled, **fields)
    assert arrived.verdict == "UNSUPPORTED"
    assert "let Sterna create the table" in arrived.reason


def test_byte_lengths_are_judged_in_bytes() -> None:
    arrived = existing("VARCHAR2(20)", kind="text", length=20)
    assert [(limit.kind, limit.high) for limit in arrived.limits if limit.kind == "bytes"] == [("bytes", 20)]


def test_an_oracle_column_keeps_its_type() -> None:
    for spelled in (
        "NUMBER",
        "FLOAT(63)",
        "VARCHAR2(20)",
        "DATE",
        "TIMESTAMP(9)",
        "INTERVAL DAY(2) TO SECOND(6)",
        "RAW(5)",
    ):
        name = spelled.split("(")[0] if "INTERVAL" not in spelled else "INTERVAL DAY TO SECOND"
        column = Column(name="c", type=spelled, base_type=OWN + name, value=value_type(spelled))
        assert arrival(column, None, key=False).type == spelled
