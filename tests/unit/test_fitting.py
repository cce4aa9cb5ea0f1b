"""Every kind of limit: which values are beyond it, and what becomes of them where that is accepted."""

from __future__ import annotations

import dataclasses
import random
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa
import pytest

from connectors.fitting import FittedColumn, fit, violations
from core.changed_values import add_changed
from core.errors import DataRejected
from core.limit_words import NEVER_CHANGED, beyond, change
from core.value_type import Limit, ValueType

TEXT = ValueType(kind="text")


def column_of(limit: Limit, value: ValueType = TEXT, native: str = "") -> FittedColumn:
    return FittedColumn("c", "shop.orders.c", value, [limit], native)


def change_all(
    texts: list[str | None], limit: Limit, value: ValueType = TEXT, *, native: str = "", large: bool = False
) -> list[str | None]:
    """What the values become where the job accepts the loss."""
    accepted = limit.model_copy(update={"refuse": False})
    array = pa.array(texts, pa.large_string() if large else pa.string())
    fitted, _ = fit(pa.record_batch({"c": array}), [column_of(accepted, value, native)])
    assert fitted.column(0).type == array.type
    changed: list[str | None] = fitted.column(0).to_pylist()
    return changed


def beyond_limit(texts: list[str | None], limit: Limit, value: ValueType = TEXT) -> list[str | None]:
    """The values that the limit does not let pass, each judged alone and all at once."""
    alone = [
        text
        for text in texts
        if violations(pa.record_batch({"c": pa.array([text], pa.string())}), [column_of(limit, value)])
    ]
    found = violations(pa.record_batch({"c": pa.array(texts, pa.string())}), [column_of(limit, value)])
    assert (found[0].rows if found else 0) == len(alone)
    assert not found or found[0].example == alone[0]
    return alone


WHOLE = ValueType(kind="integer")
DECIMAL = ValueType(kind="decimal")
DATE = ValueType(kind="date")
STAMP = ValueType(kind="timestamp")
ZONED = ValueType(kind="timestamp_tz")
TIME = ValueType(kind="time")
SPAN = ValueType(kind="interval")
DOUBLE = ValueType(kind="float64")
BYTES = ValueType(kind="binary")
JSON = ValueType(kind="json")
ARRAY = ValueType(kind="array")
HUGE = "9" * 400

CASES: list[tuple[Limit, ValueType, list[str | None], dict[str, str | None]]] = [
    (Limit(kind="characters", high=3), TEXT, ["", "abc", "äöü", "😀😀😀", None], {"abcd": "abc", "😀😀😀😀": "😀😀😀"}),
    (Limit(kind="characters", high=0), TEXT, ["", None], {"a": ""}),
    (Limit(kind="characters", high=3), ValueType(kind="char"), ["abc", "a c"], {"ab cd": "ab", "a cde": "a c"}),
    (
        Limit(kind="bytes", high=4),
        TEXT,
        ["", "abcd", "éé", "😀", None],
        {"abcde": "abcd", "ééé": "éé", "aéé": "aé", "a😀": "a", "ab😀": "ab", "abc😀": "abc", "日本": "日"},
    ),
    (Limit(kind="bytes", high=1), TEXT, ["a", ""], {"é": "", "😀": "", "aé": "a"}),
    (Limit(kind="bytes", high=2), BYTES, [r"\x", r"\x0102"], {r"\x010203": r"\x0102"}),
    (Limit(kind="no_nul"), TEXT, ["", "a", None, r"\u0000"], {"\0": "", "a\0b\0": "ab"}),
    (
        Limit(kind="no_nul"),
        JSON,
        ['"a"', r'"\\u0000"', '{"a": 1}'],
        {r'"\u0000"': '""', r'"a\u0000\u0000b"': '"ab"', r'"\\\u0000"': r'"\\"'},
    ),
    (Limit(kind="empty_is_null"), TEXT, [" ", "a", None], {"": None}),
    (Limit(kind="empty_is_null"), BYTES, [r"\x00", None], {r"\x": None}),
    (Limit(kind="no_blank_end"), TEXT, ["", " a", "a\n", None], {"a ": "a", "  ": "", "a \t ": "a \t"}),
    (Limit(kind="finite"), DECIMAL, ["1", "-0.5", None], dict.fromkeys(["NaN", "Infinity", "-Infinity"])),
    (
        Limit(kind="range", low=-128, high=127),
        WHOLE,
        ["-128", "0", "127", None],
        {"128": None, "-129": None, HUGE: None},
    ),
    (
        Limit(kind="range", low=0, high=2**64 - 1),
        WHOLE,
        ["0", "18446744073709551615", "9223372036854775808"],
        {"18446744073709551616": None, "-1": None, "-" + HUGE: None},
    ),
    (
        Limit(kind="range", low=-(2**63), high=2**63 - 1),
        WHOLE,
        [str(2**63 - 1), str(-(2**63))],
        {str(2**63): None, str(-(2**63) - 1): None},
    ),
    (
        Limit(kind="range", low=1901, high=2155),
        WHOLE,
        ["1901", "2155"],
        {"1900": None, "2156": None, "-1950": None, "0": None, HUGE: None},
    ),
    (
        Limit(kind="range", low=-9, high=-3),
        WHOLE,
        ["-9", "-3"],
        {"-2": None, "-10": None, "5": None, "0": None, "-" + HUGE: None},
    ),
    (Limit(kind="range", low=0, high=9), DECIMAL, ["9.00", "0.0"], {"9.5": None, "NaN": None, "10.0": None}),
    (
        Limit(kind="digits", precision=5, scale=2),
        DECIMAL,
        ["0", "-0.0", "999.99", "-999.99", "1.10000", "0.01", "NaN", "-Infinity", None],
        {
            "0.005": "0.01",
            "-0.005": "-0.01",
            "0.004": "0",
            "1.999": "2.00",
            "999.994": "999.99",
            "999.995": None,
            "1000": None,
            HUGE: None,
        },
    ),
    (
        Limit(kind="digits", precision=2, scale=4),
        DECIMAL,
        ["0.0099", "0"],
        {"0.01": None, "0.00995": None, "0.00001": "0", "0.00994": "0.0099"},
    ),
    (
        Limit(kind="digits", precision=2, scale=-3),
        DECIMAL,
        ["99000", "0", "-1000"],
        {"1": "0", "1500": "2000", "-499": "0", "100000": None, "0.5": "0"},
    ),
    (
        Limit(kind="significant", precision=3),
        DECIMAL,
        ["123", "0.00123", "123000", "-1.2", "NaN"],
        {"1234": "1230", "0.12355": "0.124", "-9999": "-10000"},
    ),
    (
        Limit(kind="float32"),
        DOUBLE,
        ["0", "-0", "0.5", "NaN", "-Infinity", "16777216", "1.401298464324817e-45", "3.4028234663852886e+38"],
        {"16777217": "16777216", "1e300": "Infinity", "1e-300": "0", "5e-324": "0"},
    ),
    (Limit(kind="no_minus_zero"), DOUBLE, ["0", "-1", "-0.5", "-1e-300"], {"-0": "0", "-0.0": "0", "-0e5": "0"}),
    (
        Limit(kind="years", low=1, high=9999),
        DATE,
        ["0001-01-01", "9999-12-31", None],
        dict.fromkeys(["10000-01-01", "0044-03-15 BC", "infinity", "-infinity", "5874897-12-31"]),
    ),
    (
        Limit(kind="years", low=-4712, high=9999),
        STAMP,
        ["4713-01-01 00:00:00 BC", "2024-01-01 00:00:00"],
        dict.fromkeys(["4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999"]),
    ),
    (
        Limit(kind="years", low=1970, high=2037),
        ZONED,
        ["1970-01-01 00:00:00+00"],
        dict.fromkeys(["1969-12-31 23:59:59+00", "2038-01-01 00:00:00+00", "1980-01-01 00:00:00+00 BC"]),
    ),
    (
        Limit(kind="years", low=1, high=9999, infinite=True),
        DATE,
        ["0001-01-01", "infinity", "-infinity"],
        {"10000-01-01": None},
    ),
    (
        Limit(kind="no_gap"),
        DATE,
        ["1582-10-04", "1582-10-15", "1582-10-10 BC"],
        dict.fromkeys(["1582-10-05", "1582-10-14"]),
    ),
    (
        Limit(kind="fraction", scale=3),
        STAMP,
        ["2024-01-01 00:00:00.123", "2024-01-01 00:00:00", "infinity"],
        {
            "2024-01-01 00:00:00.1239": "2024-01-01 00:00:00.123",
            "2024-01-01 00:00:00.0009": "2024-01-01 00:00:00",
            "0044-03-15 00:00:00.1009 BC": "0044-03-15 00:00:00.1 BC",
        },
    ),
    (
        Limit(kind="fraction", scale=0),
        ZONED,
        ["2024-01-01 00:00:10+00"],
        {
            "2024-01-01 00:00:10.5+00": "2024-01-01 00:00:10+00",
            "2024-01-01 00:00:10.5+00 BC": "2024-01-01 00:00:10+00 BC",
        },
    ),
    (
        Limit(kind="fraction", scale=2),
        SPAN,
        ["1 year -00:00:01.25"],
        {"-00:00:01.259": "-00:00:01.25", "3 days 00:00:00.001": "3 days 00:00:00"},
    ),
    (Limit(kind="within_a_day"), TIME, ["23:59:59.999999", "00:00:00"], {"24:00:00": None}),
    (
        Limit(kind="within_a_day"),
        SPAN,
        ["23:59:59.5", "00:00:00"],
        dict.fromkeys(["24:00:00", "-00:00:01", "1 day", "838:59:59", "1 year"]),
    ),
    (
        Limit(kind="hours", high=838),
        SPAN,
        ["838:59:59", "-838:59:59", "00:00:00"],
        dict.fromkeys(["839:00:00", "-839:00:00", "1 day", "1 mon 00:00:01", "999999999:00:00"]),
    ),
    (
        Limit(kind="months_only"),
        SPAN,
        ["1 year 2 mons", "-3 mons", "00:00:00"],
        dict.fromkeys(["1 day", "1 mon 00:00:01", "-00:00:00.1"]),
    ),
    (Limit(kind="no_months"), SPAN, ["3 days 04:05:06", "00:00:00"], dict.fromkeys(["1 mon", "-1 years +3 days"])),
    (Limit(kind="zero_or_one"), WHOLE, ["0", "1", None], {"2": "1", "-1": "1", HUGE: "1"}),
    (Limit(kind="labels", labels=("a", "b c")), TEXT, ["a", "b c", None], {"A": None, "": None, "b": None}),
    (Limit(kind="labels"), TEXT, [None], {"a": None}),
    (
        Limit(kind="plain_array"),
        ARRAY,
        ["[1, 2]", "[]", '["[0:1]={a}"]'],
        {"[0:1]={1,NULL}": '["1",null]', r'[5:6][1:1]={{"a\"b"},{"c,d"}}': '[["a\\"b"],["c,d"]]'},
    ),
]


@pytest.mark.parametrize(("limit", "value", "fitting", "changes"), CASES, ids=lambda item: getattr(item, "kind", ""))
@pytest.mark.parametrize("large", [False, True], ids=["utf8", "large_utf8"])
def test_values_beyond_a_limit_are_found_and_changed(
    limit: Limit, value: ValueType, fitting: list[str | None], changes: dict[str, str | None], large: bool
) -> None:
    mixed: list[str | None] = [*fitting, *changes]
    assert beyond_limit(mixed, limit, value) == list(changes)
    assert change_all(mixed, limit, value, large=large) == [*fitting, *changes.values()]
    for text, changed in changes.items():
        assert change_all([text], limit, value, large=large) == [changed]


REFUSED_IN_ANY_CASE = [
    (Limit(kind="not_empty"), TEXT, [" ", None], [""]),
    (
        Limit(kind="json_numbers"),
        JSON,
        ["0.1", "[9007199254740992, 1e22, -0.0]", '"12345678901234567890.5"', "1.50", "5e-324", "123456789012345"],
        ["9007199254740993", '{"a": [0.12345678901234567890]}', "1e400", "12345678901234567", "1e-400"],
    ),
    (
        Limit(kind="json_numbers", low=-(2**63), high=2**64 - 1),
        JSON,
        ["18446744073709551615"],
        ["18446744073709551616"],
    ),
    (Limit(kind="json_numbers", precision=38), JSON, ["9" * 38, "0." + "1" * 38], ["9" * 39, "1234567890123456789e30"]),
    (
        Limit(kind="json_objects"),
        JSON,
        ['{"a": {"a": 1}, "b": ":"}', '[{"a": 1}, {"a": 1}]', '"a:a:"'],
        ['{"a": 1, "a": 2}', '[1, {"b": {"x": 1, "\\u0078": 1}}]'],
    ),
]


@pytest.mark.parametrize(("limit", "value", "fitting", "wrong"), REFUSED_IN_ANY_CASE)
def test_what_cannot_be_changed_is_refused_even_where_accepted(
    limit: Limit, value: ValueType, fitting: list[str | None], wrong: list[str]
) -> None:
    assert limit.kind in NEVER_CHANGED
    assert beyond_limit([*fitting, *wrong], limit, value) == wrong
    for text in wrong:
        with pytest.raises(DataRejected):
            change_all([text], limit, value)


NO_VALUES = [
    (ValueType(kind="boolean"), ["t", "f"], ["true", "1", "", "T"]),
    (WHOLE, ["0", "-1", HUGE], ["-0", "01", "1.0", "+1", "1e5", "", "abc"]),
    (DECIMAL, ["0", "-0.50", "NaN", "-Infinity"], [".5", "1.", "1e5", "nan", "00.1", "1,5"]),
    (DOUBLE, ["1e300", "-0", ".5", "1.", "+1", "NaN"], ["1e", "inf", "nan", "0x1p3", "", "."]),
    (BYTES, [r"\x", r"\x00ff"], [r"\x0", r"\xFF", "00", "x00"]),
    (
        DATE,
        [
            "2024-02-29",
            "2000-02-29",
            "0001-01-01",
            "0001-02-29 BC",
            "0401-02-29 BC",
            "infinity",
            "12024-02-29",
            "5874897-12-31",
        ],
        [
            "0000-00-00",
            "2024-02-31",
            "2023-02-29",
            "1900-02-29",
            "0000-01-01",
            "0101-02-29 BC",
            "2024-04-31",
            "2024-1-1",
            "24-01-01",
            "2024-00-10",
            "2024-01-01 00:00:00",
            "2024-01-01\n",
        ],
    ),
    (
        TIME,
        ["00:00:00", "24:00:00", "23:59:59.000001"],
        ["24:00:01", "12:00:00.10", "12:00", "-01:00:00", "838:59:59", "12:00:00."],
    ),
    (ValueType(kind="time_tz"), ["12:00:00+02", "24:00:00-03:30", "12:00:00.5+15:59:59"], ["12:00:00", "12:00:00+2"]),
    (
        STAMP,
        ["2024-02-29 23:59:59.5", "0044-03-15 00:00:00 BC", "-infinity"],
        [
            "2024-02-29T00:00:00",
            "2024-02-30 00:00:00",
            "2024-02-29 24:00:00",
            "2024-02-29",
            "0000-00-00 00:00:00",
            "2024-02-29 00:00:00+00",
        ],
    ),
    (
        ZONED,
        ["2024-02-29 23:59:59.5+00", "0044-03-15 00:00:00+00 BC"],
        ["2024-02-29 23:59:59", "2024-02-29 23:59:59+02"],
    ),
    (
        SPAN,
        ["00:00:00", "1 year 2 mons -3 days +04:05:06.7", "-838:59:59", "2 days", "-1 years"],
        ["", "1 year ", "P1Y", "1:00:00", "year"],
    ),
    (
        ValueType(kind="uuid"),
        ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        ["A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"],
    ),
    (
        JSON,
        ["{}", "null", "[1, 1e5]", '"\\ud800"', "9" * 5000],
        ["", "{", "NaN", "{'a': 1}", "[" * 100_000, '{"a": 1,}'],
    ),
    (ARRAY, ["[]", "[0:1]={1,2}"], ["{1,2}", "[0:1]", "[1:]={1}"]),
    (ValueType(kind="bits"), ["", "0101"], ["2", "b'1'"]),
    (ValueType(kind="enum", labels=("a",)), ["a"], ["b", ""]),
    (ValueType(kind="enum"), ["anything"], []),
    (TEXT, ["", "anything"], []),
    (ValueType(kind="other"), ["10.0.0.1/8"], []),
]


@pytest.mark.parametrize(("value", "right", "wrong"), NO_VALUES, ids=lambda item: getattr(item, "kind", ""))
def test_text_that_is_no_value_of_its_type_is_found(value: ValueType, right: list[str], wrong: list[str]) -> None:
    assert beyond_limit([*right, None, *wrong], Limit(kind="syntax"), value) == wrong


def test_every_day_of_the_calendar_is_a_date_and_no_other() -> None:
    from datetime import date, timedelta

    first = date(1995, 1, 1)
    days = {str(first + timedelta(days=n)) for n in range(4000)} | {f"{year}-02-28" for year in range(1000, 3001)}
    days |= {f"{year}-02-29" for year in range(1000, 3001) if year % 4 == 0 and (year % 100 or year % 400 == 0)}
    candidates: list[str | None] = [
        f"{year}-{month:02}-{day:02}" for year in range(1995, 2005) for month in range(14) for day in range(33)
    ]
    candidates += [f"{year}-02-29" for year in range(1000, 3001)]
    batch = pa.record_batch({"c": pa.array(candidates)})
    wrong = [text for text in candidates if text not in days]
    assert violations(batch, [column_of(Limit(kind="syntax"), DATE)])[0].rows == len(wrong)
    right = pa.record_batch({"c": pa.array(sorted(days))})
    assert violations(right, [column_of(Limit(kind="syntax"), DATE)]) == []


def test_random_numbers_are_rounded_as_the_decimal_module_rounds_them() -> None:
    source, limit = random.Random(7), Limit(kind="digits", precision=7, scale=2)
    texts: list[str | None] = [
        f"{source.choice(['', '-'])}{source.randrange(10 ** source.randrange(1, 8))}.{source.randrange(10**5):05}"
        for _ in range(3000)
    ]
    expected = []
    for text in texts:
        exact = Decimal(text or "0")
        rounded = exact.quantize(Decimal("0.01"), context=Context(prec=99, rounding=ROUND_HALF_UP))
        fits = exact == rounded
        expected.append(text if fits and abs(exact) < 10**5 else str(rounded) if abs(rounded) < 10**5 else None)
    found = change_all(texts, limit, DECIMAL)
    assert [None if text is None else Decimal(text) for text in found] == [
        None if text is None else Decimal(text) for text in expected
    ]


def test_a_refusal_names_column_count_limit_and_remedy_and_shows_no_value() -> None:
    batch = pa.record_batch({"a": ["x", "x"], "c": ["secret value", None]})
    with pytest.raises(DataRejected) as caught:
        fit(batch, [column_of(Limit(kind="characters", high=6))])
    message = str(caught.value)
    assert "1 row " in message
    assert "shop.orders.c" in message
    assert "more than 6 characters" in message
    assert '"acceptLossy": ["shop.orders.c"]' in message
    assert "secret" not in message
    assert caught.value.evidence["example"] == "secret value"


def test_limits_apply_one_after_another_and_are_counted_apart() -> None:
    limits = [
        Limit(kind="no_nul", refuse=False),
        Limit(kind="no_blank_end", refuse=False),
        Limit(kind="characters", high=2, refuse=False),
        Limit(kind="empty_is_null", refuse=False),
    ]
    batch = pa.record_batch({"a": ["1"] * 4, "c": ["\0a ", "abc", " \0", "ok"]})
    fitted, changed = fit(batch, [FittedColumn("c", "t.c", TEXT, limits)])
    assert fitted.column("c").to_pylist() == ["a", "ab", None, "ok"]
    assert fitted.column("a").to_pylist() == ["1"] * 4
    assert changed == {"c": {"no_nul": 2, "no_blank_end": 2, "characters": 1, "empty_is_null": 1}}


def test_a_batch_in_which_everything_fits_is_handed_on_as_it_is() -> None:
    batch = pa.record_batch({"c": pa.array(["a", None, "b"])})
    fitted, changed = fit(batch, [column_of(Limit(kind="characters", high=2))])
    assert fitted.equals(batch)
    assert changed == {}


def test_slices_and_empty_batches_are_judged_by_their_own_rows() -> None:
    batch = pa.record_batch({"c": pa.array(["too long", "ok", "too long"])})
    column = column_of(Limit(kind="characters", high=2))
    assert fit(batch.slice(1, 1), [column])[0].column("c").to_pylist() == ["ok"]
    assert fit(batch.slice(0, 0), [column])[0].num_rows == 0


@pytest.mark.parametrize("kind", sorted(set(Limit.model_fields["kind"].annotation.__args__)))  # type: ignore[union-attr]
def test_every_kind_takes_empty_and_missing_values_and_has_words(kind: str) -> None:
    limit = Limit.model_validate({"kind": kind, "high": 3, "low": 1, "precision": 3, "scale": 1, "labels": ["a"]})
    for value in (TEXT, WHOLE, DATE, SPAN, JSON):
        for texts in ([], [None], [None, None]) if kind != "not_null" else ([],):
            batch = pa.record_batch({"c": pa.array(texts, pa.string())})
            assert fit(batch, [column_of(limit, value)])[1] == {}
    assert beyond(limit)
    assert change(limit)
    assert "{" not in beyond(limit) + change(limit)


def test_whole_numbers_lose_the_zeros_of_their_fraction() -> None:
    limit = Limit(kind="digits", precision=5, refuse=False)
    batch = pa.record_batch({"c": pa.array(["3.00", "-12.0", "0.00", "100", "7.", "2.50", None])})
    fitted, changed = fit(batch, [column_of(limit, DECIMAL)])
    assert fitted.column("c").to_pylist() == ["3", "-12", "0", "100", "7", "3", None]
    assert changed == {"c": {"digits": 1}}


@pytest.mark.parametrize("value", [TEXT, WHOLE, DATE, BYTES])
def test_null_is_refused_where_it_would_become_something_else(value: ValueType) -> None:
    column = column_of(Limit(kind="not_null", refuse=False), value)
    batch = pa.record_batch({"c": pa.array(["1", None, "", None], pa.string())})
    assert fit(batch.slice(0, 1), [column]) == (batch.slice(0, 1), {})
    with pytest.raises(DataRejected, match=r"2 rows .* is NULL") as caught:
        fit(batch, [column])
    assert caught.value.evidence["example"] == "NULL"
    assert "acceptLossy" not in str(caught.value)
    (found,) = violations(batch, [column])
    assert (found.rows, found.example) == (2, "NULL")


def test_text_that_should_be_a_number_and_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(DataRejected, match=r"shop\.orders\.c") as caught:
        change_all(["secret"], Limit(kind="float32"), DOUBLE)
    assert "secret" not in str(caught.value)


def test_counts_of_two_batches_add_up() -> None:
    assert add_changed({"a": {"years": 1}}, {"a": {"years": 2, "no_gap": 1}, "b": {"finite": 4}}) == {
        "a": {"years": 3, "no_gap": 1},
        "b": {"finite": 4},
    }
    assert add_changed({}, {}) == {}


def test_arrays_lose_their_bounds_and_keep_the_kind_of_their_elements() -> None:
    limit = Limit(kind="plain_array")
    assert change_all(["[0:1]={1,NULL}"], limit, ARRAY, native="integer[]") == ["[1,null]"]
    assert change_all(["[0:1]={1,2}"], limit, ARRAY, native="text[]") == ['["1","2"]']
    assert change_all(["[0:1]={t,f}"], limit, ARRAY, native="boolean[]") == ["[true,false]"]
    assert change_all(["[0:0]={NaN}"], limit, ARRAY, native="numeric(5,2)[]") == ['["NaN"]']


def test_a_value_beyond_two_limits_of_one_kind_counts_once() -> None:
    column = column_of(Limit(kind="years", low=1, high=9999), DATE)
    both = dataclasses.replace(column, limits=[*column.limits, Limit(kind="years", low=1000, high=9999)])
    batch = pa.record_batch({"c": pa.array(["0000-00-00", "0900-01-01", "2024-02-29"], pa.string())})
    assert [(found.rows, found.example) for found in violations(batch, [both])] == [
        (1, "0000-00-00"),
        (1, "0900-01-01"),
    ]
