"""Every type of DuckDB is read as interchange text, and comes back as the same value."""

from __future__ import annotations

import pytest

from connectors.contract import WrittenColumn
from core.errors import DataRejected
from core.schema import Column, Digest
from core.value_type import ValueType
from tests.duckdb.conftest import Arriving, NewFile

SPELLED: dict[str, dict[str, str | None]] = {
    "HUGEINT": {"170141183460469231731687303715884105727": None, "-170141183460469231731687303715884105728": None},
    "UHUGEINT": {"340282366920938463463374607431768211455": None},
    "BIGNUM": {"123456789012345678901234567890123456789012": None},
    "DECIMAL(38,20)": {"-999999999999999999.99999999999999999999": None},
    "FLOAT": {"nan": "NaN", "-inf": "-Infinity", "0.1": "0.1", "-0.0": "-0.0"},
    "DOUBLE": {"inf": "Infinity", "5e-324": "5e-324"},
    "DATE": {"0044-03-15 (BC)": "0044-03-15 BC", "infinity": "infinity", "5881580-07-10": "5881580-07-10"},
    "TIMESTAMP": {
        "0044-03-15 (BC) 01:02:03.5": "0044-03-15 01:02:03.5 BC",
        "294246-12-31 23:59:59.999999": "294246-12-31 23:59:59.999999",
        "-infinity": "-infinity",
    },
    "TIMESTAMP_NS": {"2262-04-11 23:47:16.854775806": "2262-04-11 23:47:16.854775806"},
    "TIMESTAMPTZ": {
        "2024-03-31 02:30:00+02": "2024-03-31 00:30:00+00",
        "0044-03-15 (BC) 10:00:00+00": "0044-03-15 10:00:00+00 BC",
    },
    "TIMETZ": {"23:59:59.25-03:30": "23:59:59.25-03:30", "24:00:00+15:59:59": "24:00:00+15:59:59"},
    "TIME_NS": {"23:59:59.999999999": "23:59:59.999999999"},
    "INTERVAL": {
        "-14 months 3 days -00:00:00.000007": "-1 years -2 mons +3 days -00:00:00.000007",
        "1 year -30 days 25:00:00": "1 year -30 days +25:00:00",
        "0 seconds": "00:00:00",
        "1 day": "1 day",
    },
    "BIT": {"0101": "0101"},
    "BLOB": {"\\x00\\xFFab\\x5C": "\\x00ff61625c"},
    "JSON": {'{"a" : 1, "a": 1e400}  ': '{"a" : 1, "a": 1e400}  '},
    "ENUM('a', 'it''s')": {"it's": "it's"},
    "VARCHAR": {"a\0b ": "a\0b "},
    "DECIMAL(38,2)[]": {"[1.10, NULL]": "[1.10,null]"},
    "DATE[][]": {"[[infinity], [2024-02-29, NULL]]": '[["infinity"],["2024-02-29",null]]'},
    'STRUCT(x INTEGER, "Y z" VARCHAR)': {"{'x': 1, 'Y z': 'q\"'}": '{"x":1,"Y z":"q\\""}'},
    "MAP(VARCHAR, HUGEINT)": {"{a=170141183460469231731687303715884105727}": None},
    "UUID": {"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
}
"""By type: DuckDB's own text and the interchange text, None where it is the same or told by the copy alone."""


@pytest.mark.parametrize("native", SPELLED)
async def test_values_are_spelled_as_all_databases_understand_and_come_back_exactly(
    native: str, new_file: NewFile
) -> None:
    source, destination = new_file("source"), new_file("destination")
    source.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {native})", "INSERT INTO t VALUES (0, NULL)")
    with source.opened() as connection:
        for number, text in enumerate(SPELLED[native]):
            connection.execute(f"INSERT INTO t SELECT ?, CAST(?::VARCHAR AS {native})", [number + 1, text])
    parts = await source.read("t")
    read = dict(zip(parts[0].column("id").to_pylist(), parts[0].column("v").to_pylist(), strict=True))
    assert read.pop("0") is None
    for number, (text, expected) in enumerate(SPELLED[native].items()):
        if expected is not None or not native.startswith("MAP"):
            assert read[str(number + 1)] == (expected or text)

    arriving = Arriving(destination, await source.describe("t"))
    await arriving.create()
    begun = await arriving.begin()
    assert (await arriving.load(begun.load, 0, parts)).digest.rows == len(SPELLED[native]) + 1
    assert (await destination.describe("t")).column("v") == (await source.describe("t")).column("v")
    assert destination.rows("SELECT id, v::VARCHAR FROM t ORDER BY id") == source.rows(
        "SELECT id, v::VARCHAR FROM t ORDER BY id"
    )


MISFITS = {
    "DECIMAL(10,2)": (ValueType(kind="decimal", precision=10, scale=2), "1.005"),
    "SMALLINT": (ValueType(kind="integer", bits=16), "1.5"),
    "FLOAT": (ValueType(kind="float32"), "1e40"),
    "TIME": (ValueType(kind="time"), "12:00:00.1234567"),
    "TIMESTAMP": (ValueType(kind="timestamp"), "2024-01-01 24:00:00"),
    "DATE": (ValueType(kind="date"), "2024-02-30"),
    "BIT": (ValueType(kind="bits"), ""),
    "INTERVAL": (ValueType(kind="interval"), "13 mons"),
    "BLOB": (ValueType(kind="binary"), "00ff"),
    "JSON": (ValueType(kind="json"), "{"),
    "UUID": (ValueType(kind="uuid"), "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
}


@pytest.mark.parametrize("native", MISFITS)
async def test_a_value_that_would_be_changed_is_refused_with_its_column(native: str, new_file: NewFile) -> None:
    """DuckDB itself would round, cut, fold or take each of these but the date and the document."""
    value, text = MISFITS[native]
    source, destination = new_file("source"), new_file("destination")
    source.run("CREATE TABLE t (id INTEGER, v VARCHAR)")
    source.run("INSERT INTO t VALUES (1, NULL)")
    with source.opened() as connection:
        connection.execute("INSERT INTO t VALUES (2, ?)", [text])
    parts = await source.read("t")
    destination.run(f"CREATE TABLE t (id INTEGER, v {native})")
    await destination.connector().prepare_ledger()
    arriving = Arriving(
        destination,
        await source.describe("t"),
        (WrittenColumn("id", ValueType(kind="integer", bits=32), "INTEGER"), WrittenColumn("v", value, native)),
    )
    begun = await arriving.begin()
    with pytest.raises(DataRejected, match=r"main\.t, column v: 1 of 2 values") as refused:
        await arriving.load_parts(begun.load, 0, Digest(rows=2), parts)
    assert refused.value.evidence["example"] == text
    assert text not in refused.value.message or not text
    assert destination.rows("SELECT count(*) FROM t") == [(0,)]
    assert destination.rows("SELECT count(*) FROM sterna_ledger WHERE number >= 0") == [(0,)]


def test_foreign_types_of_the_same_name_are_not_taken_for_its_own(new_file: NewFile) -> None:
    connector = new_file("any").connector()
    array = Column(name="v", type="integer[]", base_type="_int4", value=ValueType(kind="array"))
    assert connector.arrival(array, None, key=False).type == "VARCHAR"
    oracle = Column(name="v", type="DATE", base_type="DATE", value=ValueType(kind="timestamp", fraction=0))
    assert connector.arrival(oracle, None, key=False).type == "TIMESTAMP"
