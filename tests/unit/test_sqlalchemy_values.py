"""What drivers give becomes interchange text of just that value, or is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.sqlalchemy.values import texts
from core.errors import DataRejected
from core.value_type import Kind, ValueType


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        ("time", timedelta(minutes=-30), "-00:30:00"),
        ("time", -timedelta(hours=838, minutes=59, seconds=58, microseconds=500_000), "-838:59:58.5"),
        ("time", timedelta(hours=100), "100:00:00"),
        ("text", bytearray(b"caf\xc3\xa9"), "café"),
        ("binary", bytearray(b"\x00\xff"), "\\x00ff"),
        ("binary", memoryview(b"\x00\xff"), "\\x00ff"),
        ("binary", "\\x00ff", "\\x00ff"),
    ],
)
def test_a_value_is_printed_as_what_it_is(kind: Kind, given: Any, text: str) -> None:
    assert texts([given, None], ValueType(kind=kind), "", "c").to_pylist() == [text, None]


@pytest.mark.parametrize(("kind", "given"), [("binary", 5), ("binary", "abc"), ("text", b"\xff"), ("integer", 1.5)])
def test_a_value_of_another_kind_is_refused(kind: Kind, given: Any) -> None:
    with pytest.raises(DataRejected, match="column c holds a value that is no"):
        texts([given], ValueType(kind=kind), "", "c")
