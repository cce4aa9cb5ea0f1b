"""The canonical form of JSON: equal for equal documents, different for others."""

from __future__ import annotations

import random
from decimal import Decimal

import pyarrow as pa
import pytest

from connectors.canonical import canonical_text, digest_batch
from connectors.contract import DigestColumn
from connectors.json_text import canonical_json, canonical_number
from core.errors import DataRejected

EQUAL = [
    ('{"b": 1, "a": [1, 2]}', '{"a":[1,2],"b":1}'),
    ("1.50", "15e-1"),
    ("10", "1e1"),
    ("10.0", "10"),
    ("-0.0", "0"),
    ("1e400", "1" + "0" * 400),
    ("1e2000", "10e1999"),
    ("1" + "0" * 2000, "1e2000"),
    ('"\\u00e9\\/"', '"é/"'),
    ('"\\ud83d\\ude00"', '"😀"'),
    ('{"a": 1, "a": 2}', '{"a": 2}'),
    (" [ ] ", "[]"),
    ('{"\\u0000": "x", "a": 1.5}', '{"a": 1.50, "\\u0000": "x"}'),
]
UNEQUAL = [
    ("1", '"1"'),
    ("null", '"null"'),
    ("0.1", "0.10000000000000001"),
    ("9007199254740993", "9007199254740992"),
    ("true", "1"),
    ("[]", "{}"),
    ('"a"', '"A"'),
    ('"é"', '"e\\u0301"'),
    ("[1, 2]", "[2, 1]"),
    ("1.5", '{"\\u0000": "15E-1"}'),
    ('[1.5, {"\\u0000": "25E-1"}]', "[1.5, 2.5]"),
    ('{"\\u0000\\u0000": "15E-1"}', '{"\\u0000": "15E-1"}'),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_documents_have_one_form(one: str, other: str) -> None:
    assert canonical_json(one) == canonical_json(other)
    assert canonical_json(one).isascii()


@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_different_documents_have_different_forms(one: str, other: str) -> None:
    assert canonical_json(one) != canonical_json(other)


def test_numbers_are_equal_just_where_their_decimals_are() -> None:
    source = random.Random(11)
    texts = [
        f"{source.choice(['', '-'])}{source.randrange(200)}{source.choice(['', '.0', '.5', '.50', '.05'])}"
        f"{source.choice(['', 'e0', 'E+1', 'e-1', 'e2'])}"
        for _ in range(300)
    ]
    for one in texts:
        for other in texts:
            assert (canonical_number(one) == canonical_number(other)) == (Decimal(one) == Decimal(other)), (one, other)
            assert (canonical_json(one) == canonical_json(other)) == (Decimal(one) == Decimal(other)), (one, other)


@pytest.mark.parametrize("text", ["", "{", "NaN", "-Infinity", "[" * 100_000 + "]" * 100_000, "1e9999999999999999"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_json(text)


def test_the_digest_of_documents_is_that_of_their_canonical_form() -> None:
    column = [DigestColumn("a", "json")]
    one = pa.record_batch({"a": ['{"x": 1.0, "y": [true, null]}', None, "[]"]})
    other = pa.record_batch({"a": pa.array(["[ ]", '{"y":[true,null],"x":1}', None], pa.large_string())})
    assert digest_batch(one, column) == digest_batch(other, column)
    swapped = pa.record_batch({"a": ['{"x": 1.0, "y": [null, true]}', None, "[]"]})
    assert digest_batch(swapped, column) != digest_batch(one, column)


def test_text_that_is_no_document_is_rejected_without_showing_it() -> None:
    with pytest.raises(DataRejected, match="column profile") as caught:
        canonical_text(pa.array(["secret"]), DigestColumn("profile", "json"))
    assert "secret" not in str(caught.value)
