"""The type matrix: kinds of values and those of them that get lost on their way, as data.

A sample's values are interchange text (core/value_type.py). A connector is asked, by `arrival`, how it would hold a
sample's type; what its limits let pass must arrive exactly, everything else must be refused or changed as they say.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.value_type import ValueType

LONG = "1234567890" * 10
ALL_BYTES = "\\x" + bytes(range(256)).hex()


@dataclass(frozen=True)
class Sample:
    """One type of values and what is nasty about it."""

    name: str
    value: ValueType
    texts: tuple[str, ...]


def _integer(name: str, bits: int, *, signed: bool = True) -> Sample:
    low = -(2 ** (bits - 1)) if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    near = ("-1",) if signed else ()
    return Sample(
        name, ValueType(kind="integer", bits=bits, signed=signed), (str(low), str(high), "0", "1", "2", *near)
    )


def _decimal(name: str, precision: int, scale: int, *texts: str) -> Sample:
    return Sample(name, ValueType(kind="decimal", precision=precision, scale=scale), texts)


INTEGERS = (
    Sample("boolean", ValueType(kind="boolean"), ("t", "f")),
    _integer("int8", 8),
    _integer("int16", 16),
    _integer("int24", 24),
    _integer("int32", 32),
    _integer("int64", 64),
    _integer("uint8", 8, signed=False),
    _integer("uint16", 16, signed=False),
    _integer("uint32", 32, signed=False),
    _integer("uint64", 64, signed=False),
)
NUMBERS = (
    _decimal("decimal_10_2", 10, 2, "99999999.99", "-99999999.99", "0.01", "-0.05", "0", "1.1", "100"),
    _decimal("decimal_18_4", 18, 4, "99999999999999.9999", "-0.0001", "12345678901234.5678", "0"),
    _decimal("decimal_38_0", 38, 0, "9" * 38, "-" + "9" * 38, "1" + "0" * 37, "0"),
    _decimal("decimal_38_10", 38, 10, f"{'9' * 28}.{'9' * 10}", "-0.0000000001", "1.1", "0", "12345678901234567890.1"),
    _decimal("decimal_38_37", 38, 37, f"9.{'9' * 37}", f"-0.{'0' * 36}1", "0"),
    _decimal("decimal_65_30", 65, 30, f"{'9' * 35}.{'9' * 30}", f"-0.{'0' * 29}1", "1.1", "0"),
    _decimal("decimal_5_minus_2", 5, -2, "1234500", "-100", "0"),
    Sample(
        "decimal_any",
        ValueType(kind="decimal", specials=True),
        (
            *("1.1", "-0.5", "0", "100", "NaN", "Infinity", "-Infinity", LONG, f"-{LONG}.{LONG}", f"0.{LONG}"),
            *(f"0.{'0' * 49}1", "1" + "0" * 1000, "0.1", "9007199254740993", "3.0000000000000000001"),
        ),
    ),
    Sample(
        "float32",
        ValueType(kind="float32"),
        (
            *("0", "-0", "0.1", "1.5", "-2.5", "16777216", "3.4028235e+38", "-3.4028235e+38", "1.1754944e-38"),
            *("1e-45", "1.1754942e-38", "NaN", "Infinity", "-Infinity", "1e+10", "0.33333334"),
        ),
    ),
    Sample(
        "float64",
        ValueType(kind="float64"),
        (
            *("0", "-0", "0.1", "0.30000000000000004", "1e-07", "123456789012345680", "1e+15", "1e+16", "100000"),
            *("5e-324", "2.225073858507201e-308", "2.2250738585072014e-308", "1.7976931348623157e+308", "1e+126"),
            *("-1.7976931348623157e+308", "NaN", "Infinity", "-Infinity", "9007199254740993", "1e+100", "1e-100"),
        ),
    ),
)
NASTY_TEXTS = (
    *("", " ", "  leading", "trailing  ", "\t tab\t", "\n", "\r\n", "a\rb", "line 1\nline 2", "line 1\n\\.\nline 3"),
    *("\\", "\\\\", "\\.", "\\N", "\\n", "\\x41", "NULL", "null", '"', '""', "'", "''", ",", ",,", "a,b", "`", ";"),
    *('quote " and , and \n end', "it's", "%s", "%(a)s", ":a", "?", "{}", "~", "0:", "NaN", "0.10", "1e5", "t", "007"),
    *(
        "é",
        "e\u0301",
        "ß",
        "İı",
        "🙂 emoji 👩\u200d👩\u200d👧",
        "\u0001\u001f\u007f",
        "\ufeffbom",
        "\u00a0\u2028\u202e",
    ),
    *("\ufffd", "\U0010ffff", "A", "a", "a ", "x" * 5000, "🙂" * 1500, "a\x00b", "\x00"),
)
TEXTS = (
    Sample("text", ValueType(kind="text"), NASTY_TEXTS),
    Sample(
        "varchar_10",
        ValueType(kind="text", length=10),
        ("", " ", "ten chars!", "🙂" * 10, "é" * 10, "a  ", "NULL", "\\N", "a,b", '"', "a\nb", "a\x00b"),
    ),
    Sample("varchar_4000", ValueType(kind="text", length=4000), ("", "x" * 4000, "é" * 4000, "🙂" * 1000, "a ")),
    Sample("char_5", ValueType(kind="char", length=5), ("", "ab", "ab cd", "  ab", "🙂", "🙂" * 5, "\\", "'", "\t")),
)
BINARIES = (
    Sample(
        "binary",
        ValueType(kind="binary"),
        ("\\x", "\\x00", "\\x0000", ALL_BYTES, "\\xff00fe5c2e0a0d", "\\x5c2e0a", "\\x22", "\\x20", "\\x4e554c4c"),
    ),
    Sample(
        "varbinary_16",
        ValueType(kind="binary", length=16),
        ("\\x", "\\x00", "\\x6100", "\\x61", "\\x" + "ff" * 16, "\\x20", "\\x2020"),
    ),
)
MOMENTS = (
    Sample(
        "date",
        ValueType(kind="date"),
        (
            *("2024-02-29", "1970-01-01", "1969-12-31", "0001-01-01", "9999-12-31", "1582-10-04", "1582-10-15"),
            *("1582-10-10", "1900-02-28", "0999-12-31", "10000-01-01", "5874897-12-31", "0001-12-31 BC"),
            *("0044-03-15 BC", "4713-01-01 BC", "infinity", "-infinity", "1000-01-01", "2038-01-20"),
        ),
    ),
    Sample(
        "time",
        ValueType(kind="time"),
        ("00:00:00", "23:59:59.999999", "12:30:00.1", "12:30:00.000001", "01:02:03", "24:00:00"),
    ),
    Sample("time_0", ValueType(kind="time", fraction=0), ("00:00:00", "23:59:59", "12:30:01", "24:00:00")),
    Sample("time_9", ValueType(kind="time", fraction=9), ("00:00:00", "23:59:59.999999999", "12:30:00.1")),
    Sample(
        "time_tz",
        ValueType(kind="time_tz"),
        ("12:00:00+00", "11:00:00+01", "10:00:00-03:30", "23:59:59.999999+15:59", "24:00:00-15:59"),
    ),
    Sample(
        "timestamp",
        ValueType(kind="timestamp"),
        (
            *(
                "2024-02-29 12:00:00.000001",
                "2024-02-29 00:00:00",
                "1969-12-31 23:59:59.999999",
                "2024-12-31 23:59:59.1",
            ),
            *("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1582-10-10 12:00:00", "2024-03-31 02:30:00"),
            *("1000-01-01 00:00:00", "0044-03-15 01:02:03.004 BC", "294276-12-31 23:59:59.999999"),
            *("infinity", "-infinity", "2262-04-12 00:00:00", "1677-09-20 00:00:00"),
        ),
    ),
    Sample(
        "timestamp_0",
        ValueType(kind="timestamp", fraction=0),
        ("2024-02-29 12:00:00", "1969-12-31 23:59:59", "9999-12-31 23:59:59", "0001-01-01 00:00:00"),
    ),
    Sample(
        "timestamp_3",
        ValueType(kind="timestamp", fraction=3),
        ("2024-02-29 12:00:00.123", "2024-02-29 12:00:00", "1969-12-31 23:59:59.999"),
    ),
    Sample(
        "timestamp_9",
        ValueType(kind="timestamp", fraction=9),
        ("2024-02-29 12:00:00.123456789", "2024-02-29 12:00:00.000001", "1969-12-31 23:59:59.999999999"),
    ),
    Sample(
        "timestamp_tz",
        ValueType(kind="timestamp_tz"),
        (
            *("2024-03-31 00:59:59.999999+00", "2024-03-31 01:00:00+00", "2024-10-27 00:30:00+00"),
            *("2024-10-27 01:30:00+00", "1883-11-18 17:00:00+00", "1970-01-01 00:00:00+00", "2038-01-19 03:14:08+00"),
            *("9999-12-31 23:59:59.999999+00", "0001-01-01 00:00:00+00", "0044-03-15 12:00:00.1+00 BC"),
            *("infinity", "-infinity", "2024-02-29 12:00:00.000001+00"),
        ),
    ),
    Sample(
        "interval",
        ValueType(kind="interval"),
        (
            *("00:00:00", "1 mon", "30 days", "720:00:00", "1 year 2 mons", "-1 years -2 mons", "-3 days"),
            *("-1 years -2 mons +3 days -04:05:06.789", "838:59:59", "-838:59:59.999999", "23:59:59.999999"),
            *("-00:00:00.000001", "24:00:00", "1 day", "1 day 01:00:00", "178000000 years", "1 mon -30 days"),
        ),
    ),
)
DOCUMENTS = (
    Sample(
        "uuid",
        ValueType(kind="uuid"),
        (
            *("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
            "0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
    ),
    Sample(
        "json",
        ValueType(kind="json"),
        (
            *(
                '{"a": 1, "a": 2}',
                ' {"b" :\n\t1 } ',
                "1.10",
                "null",
                "[]",
                '""',
                '"🙂"',
                '{"b": "\\"\\\\\\n", "a": null}',
            ),
            *('{"n": 123456789012345678901234567890.5}', '{"n": 1e400}', '"\\u00e9"', "true", '{"": {"": []}}', "-0.0"),
            '{"z": 1, "a": 2}',
        ),
    ),
    Sample(
        "json_normalised",
        ValueType(kind="json", normalised=True),
        (
            *('{"a": 1}', "null", "[]", "{}", '""', '"null"', '"🙂"', '{"a": null, "b": "\\"\\\\\\n"}', "[1, [2, {}]]"),
            *('{"n": 123456789012345678901234567890.5}', '{"n": 0.1}', "9007199254740993", "true", "-1.5"),
        ),
    ),
    Sample("bits_3", ValueType(kind="bits", length=3, fixed=True), ("101", "000", "111", "001")),
    Sample("bits_64", ValueType(kind="bits", length=64, fixed=True), ("1" * 64, "0" * 64, "1" + "0" * 63, "01" * 32)),
    Sample("varbit", ValueType(kind="bits"), ("", "0", "00", "10111", "1" * 70)),
    Sample(
        "enum",
        ValueType(kind="enum", labels=("sad", "it's ok", "naïve 🙂", "a b", "Sad")),
        ("sad", "it's ok", "naïve 🙂", "a b", "Sad"),
    ),
    Sample(
        "array",
        ValueType(kind="array"),
        ("[]", "[1, 2, null]", "[[1, 2], [3, 4]]", '["a", "", "NULL", null, "\\"\\\\,{}"]', "[0:1]={1,2}", '["🙂"]'),
    ),
    Sample("other", ValueType(kind="other"), ("10.0.0.0/8", "[1,5)", "(0,0)", "08:00:2b:01:02:03", "a\\b'c\"d")),
)
MATRIX: tuple[Sample, ...] = (*INTEGERS, *NUMBERS, *TEXTS, *BINARIES, *MOMENTS, *DOCUMENTS)
SAMPLES: dict[str, Sample] = {sample.name: sample for sample in MATRIX}
