"""COLUMN_MAP, DATA_MASK and CUSTOM_FUNCTION, alone and in a chain."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from activities.transformations.base import TransformedColumn
from activities.transformations.chain import BoundChain, bind_chain
from connectors.arrow_text import TYPE_METADATA
from core.errors import Defect, InvalidConfiguration
from core.job_spec import TransformationSpec
from core.schema import Column

Texts = list[str | None]


def step(**fields: object) -> TransformationSpec:
    return TransformationSpec.model_validate(fields)


def columns(**types: str) -> list[TransformedColumn]:
    return [TransformedColumn(name, native, name) for name, native in types.items()]


def mask(**options: object) -> TransformationSpec:
    return step(type="DATA_MASK", columns=["v"], **options)


def apply_to(values: Texts, spec: TransformationSpec, native: str = "text", large: bool = False) -> Texts:
    chain = bind_chain([spec], columns(v=native))
    texts = pa.array(values, pa.large_string() if large else pa.string())
    result = chain.apply(pa.record_batch({"v": texts}))
    assert result.column(0).type == texts.type
    return list(result.column(0).to_pylist())


def test_renames_pass_the_other_columns_and_need_no_values() -> None:
    chain = bind_chain([step(type="COLUMN_MAP", mapping={"id": "CUST_ID"})], columns(id="bigint", email="text"))
    assert [(column.name, column.source, column.type) for column in chain.columns] == [
        ("CUST_ID", "id", "bigint"),
        ("email", "email", "text"),
    ]
    assert not chain.needs_values
    assert not any(column.values_changed for column in chain.columns)
    after = chain.apply(pa.record_batch({"id": ["1"], "email": ["a@b"]}))
    assert after.to_pylist() == [{"CUST_ID": "1", "email": "a@b"}]
    assert after.schema.field("CUST_ID").metadata == {TYPE_METADATA: b"bigint"}


def test_columns_can_swap_their_names() -> None:
    for mapping in ({"a": "b", "b": "a"}, {"b": "a", "a": "b"}):
        chain = bind_chain([step(type="COLUMN_MAP", mapping=mapping)], columns(a="text", b="text"))
        assert chain.apply(pa.record_batch({"a": ["1"], "b": ["2"]})).to_pylist() == [{"b": "1", "a": "2"}]


@pytest.mark.parametrize("mapping", [{"a": "b"}, {"a": "x", "b": "x"}])
def test_two_columns_of_one_name_are_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(InvalidConfiguration, match=r"transformation 1 \(COLUMN_MAP\): 2 columns would be called.*a, b"):
        bind_chain([step(type="COLUMN_MAP", mapping=mapping)], columns(a="text", b="text"))


@pytest.mark.parametrize(
    "spec",
    [
        step(type="COLUMN_MAP", mapping={"emial": "x"}),
        step(type="DATA_MASK", columns=["emial"]),
        step(type="CUSTOM_FUNCTION", function="upper", columns=["emial"]),
        step(type="EXPRESSION", column="x", expression="upper(emial)", resultType="text"),
        step(type="EXPRESSION", column="emial", expression="'x'"),
    ],
)
def test_a_wrong_column_name_is_found_without_rows_and_the_right_one_suggested(spec: TransformationSpec) -> None:
    with pytest.raises(InvalidConfiguration, match=r"'emial'.*Did you mean 'email'\?.*id, email"):
        bind_chain([spec], columns(id="bigint", email="text"))


def test_later_steps_use_the_current_names() -> None:
    chain = bind_chain(
        [
            step(type="COLUMN_MAP", mapping={"mail": "EMAIL"}),
            step(type="EXPRESSION", column="HOST", expression='upper("EMAIL")', resultType="text"),
            step(type="CUSTOM_FUNCTION", function="email_domain", columns=["HOST"]),
            step(type="DATA_MASK", columns=["EMAIL"], keepFirst=1),
        ],
        columns(id="bigint", mail="text"),
    )
    assert chain.needs_values
    assert [(column.name, column.source, column.values_changed) for column in chain.columns] == [
        ("id", "id", False),
        ("EMAIL", "mail", True),
        ("HOST", None, True),
    ]
    assert [column.masked for column in chain.columns] == [False, True, True]
    batch = pa.record_batch({"id": ["1", "2"], "mail": ["ann@example.org", None]})
    assert chain.apply(batch).to_pylist() == [
        {"id": "1", "EMAIL": "aXXXXXXXXXXXXXX", "HOST": "EXAMPLE.ORG"},
        {"id": "2", "EMAIL": None, "HOST": None},
    ]
    with pytest.raises(InvalidConfiguration, match=r"transformation 2 \(DATA_MASK\): there is no column 'mail'"):
        bind_chain(
            [step(type="COLUMN_MAP", mapping={"mail": "EMAIL"}), step(type="DATA_MASK", columns=["mail"])],
            columns(mail="text"),
        )


def test_no_transformations_change_nothing() -> None:
    chain = bind_chain([], columns(a="text"))
    assert not chain.needs_values
    batch = pa.record_batch({"a": ["1", None]})
    assert chain.apply(batch).to_pylist() == batch.to_pylist()


def test_a_batch_of_other_columns_is_a_defect() -> None:
    with pytest.raises(Defect, match="announced"):
        bind_chain([], columns(a="text", b="text")).apply(pa.record_batch({"b": ["1"], "a": ["2"]}))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["", "X", "XXX", "XXXXXXXXXXX", None]),
        ({"maskChar": "😀"}, ["", "😀", "😀😀😀", "😀" * 11, None]),
        ({"maskChar": "\\", "keepLast": 1}, ["", "\\", "\\\\c", "\\" * 10 + "9", None]),
        ({"keepLast": 4}, ["", "X", "XXX", "XXXXXXX6789", None]),
        ({"keepFirst": 1, "keepLast": 1}, ["", "X", "aXc", "1XXXXXXXXX9", None]),
        ({"keepFirst": 3, "keepLast": 0}, ["", "X", "XXX", "123XXXXXXXX", None]),
        ({"keepFirst": 9, "keepLast": 9}, ["", "X", "XXX", "XXXXXXXXXXX", None]),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_a_mask_keeps_length_nulls_and_the_asked_ends(options: dict[str, object], expected: Texts, large: bool) -> None:
    assert apply_to(["", "a", "abc", "123-45-6789", None], mask(**options), large=large) == expected


def test_a_mask_counts_characters_of_any_script() -> None:
    values: Texts = ["日本語テキスト", "a😀b𝄞c", "line\nbreak", "e\u0301"]
    assert apply_to(values, mask(keepFirst=1)) == ["日XXXXXX", "aXXXX", "lXXXXXXXXX", "eX"]


def test_a_mask_of_fixed_length_text_looks_past_the_blanks() -> None:
    assert apply_to(["123-45-6789    ", "ab             ", None], mask(keepLast=4), "character(15)") == [
        "XXXXXXX6789    ",
        "XX             ",
        None,
    ]


@pytest.mark.parametrize("native", ["integer", "numeric(10,2)", "date", "bytea", "jsonb", "text[]", '"char"'])
def test_a_mask_of_anything_but_text_is_refused(native: str) -> None:
    with pytest.raises(InvalidConfiguration, match=rf"DATA_MASK works on text, and column 'v' is {re.escape(native)}"):
        bind_chain([mask()], columns(v=native))


def test_a_domain_is_masked_as_its_base_type() -> None:
    domain = Column(name="v", type="shop.email", base_type="varchar", kind="domain")
    chain = bind_chain([mask()], [TransformedColumn.of(domain)])
    assert chain.columns[0].type == "shop.email"
    assert chain.apply(pa.record_batch({"v": ["a@b"]})).column(0).to_pylist() == ["XXX"]
    with pytest.raises(InvalidConfiguration, match=r"shop\.age"):
        bind_chain(
            [mask()], [TransformedColumn.of(domain.model_copy(update={"type": "shop.age", "base_type": "int4"}))]
        )


@pytest.mark.parametrize(
    ("function", "options", "values", "expected"),
    [
        ("upper", {}, ["straße é", None, ""], ["STRAẞE É", None, ""]),
        ("lower", {}, ["ÀB", None, ""], ["àb", None, ""]),
        ("trim", {}, [" a b\t\n", None, "  "], ["a b", None, ""]),
        ("trim", {"characters": "x-"}, ["x-a-x", None, " x"], ["a", None, " "]),
        ("truncate", {"length": 2}, ["😀😀😀", None, "a"], ["😀😀", None, "a"]),
        ("null_if_empty", {}, ["", None, " "], [None, None, " "]),
        (
            "email_domain",
            {},
            ["a@b@c.org", None, "x", "", "a@", "ü@日本.jp"],
            ["c.org", None, None, None, None, "日本.jp"],
        ),
        (
            "sha256_hex",
            {},
            ["é", None, ""],
            [hashlib.sha256("é".encode()).hexdigest(), None, hashlib.sha256().hexdigest()],
        ),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_functions(function: str, options: dict[str, object], values: Texts, expected: Texts, large: bool) -> None:
    spec = step(type="CUSTOM_FUNCTION", function=function, columns=["v"], options=options)
    assert apply_to(values, spec, large=large) == expected
    assert apply_to([], spec, large=large) == []


def test_a_function_on_fixed_length_text_keeps_the_blanks_right() -> None:
    spec = step(type="CUSTOM_FUNCTION", function="truncate", columns=["v"], options={"length": 2})
    assert apply_to(["abcd ", "a    ", None], spec, "character(5)") == ["ab   ", "a    ", None]


def test_a_hash_gets_a_type_that_it_fits() -> None:
    spec = step(type="CUSTOM_FUNCTION", function="sha256_hex", columns=["a", "b", "c"])
    chain = bind_chain([spec], columns(a="character varying(20)", b="character varying(64)", c="citext"))
    assert [column.type for column in chain.columns] == ["text", "character varying(64)", "citext"]
    assert not any(column.masked for column in chain.columns)


def test_an_unknown_function_is_refused_with_the_list() -> None:
    with pytest.raises(InvalidConfiguration, match=r"no function exec.*email_domain, lower.*upper"):
        bind_chain([step(type="CUSTOM_FUNCTION", function="exec", columns=["v"])], columns(v="text"))


def test_a_function_of_a_number_is_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="CUSTOM_FUNCTION upper works on text, and column 'v' is bigint"):
        bind_chain([step(type="CUSTOM_FUNCTION", function="upper", columns=["v"])], columns(v="bigint"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (mask(maskChar="XY"), "maskChar.*exactly one character"),
        (mask(maskChar="\0"), "maskChar.*exactly one character"),
        (mask(keepFirst=-1), "keepFirst"),
        (mask(keep="all"), "keep"),
        (step(type="DATA_MASK", columns=["v", "v"]), "names columns twice: v"),
        (step(type="COLUMN_MAP", mapping={}), "mapping"),
        (step(type="CUSTOM_FUNCTION", function="truncate", columns=["v"]), "length"),
        (step(type="SHUFFLE"), "no transformation SHUFFLE.*COLUMN_MAP, CUSTOM_FUNCTION, DATA_MASK, EXPRESSION"),
    ],
)
def test_wrong_options_are_refused_by_name(spec: TransformationSpec, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        bind_chain([spec], columns(v="text"))


def test_one_chain_serves_many_threads() -> None:
    chain: BoundChain = bind_chain(
        [
            step(type="EXPRESSION", column="v", expression="v || '-' || n", resultType="text"),
            step(type="CUSTOM_FUNCTION", function="sha256_hex", columns=["v"]),
        ],
        columns(v="text", n="integer"),
    )

    def run(number: int) -> Texts:
        batch = pa.record_batch({"v": [f"row {row}" for row in range(500)], "n": [str(number)] * 500})
        return list(chain.apply(batch).column(0).to_pylist())

    with ThreadPoolExecutor(8) as threads:
        for number, hashes in enumerate(threads.map(run, range(40))):
            expected = [hashlib.sha256(f"row {row}-{number}".encode()).hexdigest() for row in range(500)]
            assert hashes == expected
