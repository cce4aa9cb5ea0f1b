"""Values that Oracle or its driver would change on their way, seen by the driver itself and not by the product."""

from __future__ import annotations

import pytest

from connectors.fitting import FittedColumn, fit
from connectors.oracle.bound import day_interval, year_interval
from core.errors import DataRejected
from core.schema import TableName
from core.value_type import ValueType
from tests.oracle.loading import Loading, oracle_connector, read_table
from tests.oracle_server.server import OracleLogin

TEXT = ValueType(kind="text")
BINARY = ValueType(kind="binary")


async def test_empty_lobs_arrive_empty_and_not_as_null(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="integer"), TEXT, BINARY])
    await loading.create()
    await loading.begin()
    rows = [("1", "", "\\x"), ("2", None, None), ("3", "text", "\\x"), ("4", "", "\\x00ff"), ("5", "x" * 50_000, None)]
    await loading.load(rows)
    with oracle.connect() as connection, connection.cursor() as cursor:
        found = cursor.execute(
            f"SELECT c0, DBMS_LOB.GETLENGTH(c1), DBMS_LOB.GETLENGTH(c2) FROM {loading.name} ORDER BY c0"
        ).fetchall()
    assert found == [(1, 0, 0), (2, None, None), (3, 4, 0), (4, 0, 2), (5, 50_000, None)]
    assert sorted(await loading.read()) == rows
    assert await loading.connector.digest_table(loading.table, loading.proof) == loading.digest(rows)


async def test_only_empty_lobs_are_a_batch_too(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [TEXT])
    await loading.create()
    await loading.begin()
    await loading.load([("",), ("",)])
    assert await loading.read() == [("",), ("",)]


async def test_empty_lobs_of_a_source_are_read_empty(oracle: OracleLogin) -> None:
    with oracle.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE empty_lobs (id NUMBER(1), c CLOB, b BLOB)")
        cursor.execute("INSERT INTO empty_lobs VALUES (1, EMPTY_CLOB(), EMPTY_BLOB())")
        cursor.execute("INSERT INTO empty_lobs (id) VALUES (2)")
        connection.commit()
    table = TableName(schema_name=oracle.schema, name="EMPTY_LOBS")
    assert sorted(await read_table(oracle_connector(oracle), table)) == [("1", "", "\\x"), ("2", None, None)]


async def test_the_empty_text_becomes_null_and_is_counted(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="text", length=20)])
    column = FittedColumn("C0", "s.t.C0", loading.arrivals[0].value, loading.arrivals[0].limits)
    fitted, changed = fit(loading.batch([("",), ("a",)]), [column])
    assert changed == {"C0": {"empty_is_null": 1}}
    assert fitted.column(0).to_pylist() == [None, "a"]


async def test_the_empty_text_is_refused_where_null_is_not_allowed(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="text", length=20)], nullable=False)
    column = FittedColumn("C0", "s.t.C0", loading.arrivals[0].value, loading.arrivals[0].limits)
    with pytest.raises(DataRejected, match=r"s\.t\.C0"):
        fit(loading.batch([("",)]), [column])


async def test_a_writer_refuses_what_oracle_would_change_in_silence(oracle: OracleLogin) -> None:
    kinds = {
        "": ValueType(kind="text", length=20),
        "1.005": ValueType(kind="decimal", precision=10, scale=2),
        "1" * 39: ValueType(kind="decimal"),
        "-0": ValueType(kind="float64"),
        "2024-02-29 12:00:00.1234": ValueType(kind="timestamp", fraction=3),
        "1582-10-10": ValueType(kind="date"),
    }
    for text, value in kinds.items():
        loading = Loading(oracle, [value])
        await loading.create()
        await loading.begin()
        with pytest.raises(DataRejected) as refused:
            await loading.load([(text,)])
        assert not text or text not in str(refused.value)
        with oracle.connect() as connection, connection.cursor() as cursor:
            assert cursor.execute(f"SELECT COUNT(*) FROM {loading.name}").fetchone() == (0,)


async def test_numbers_are_read_without_exponents_and_with_all_digits(oracle: OracleLogin) -> None:
    with oracle.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE wide_numbers (n NUMBER)")
        for number in ("1E100", "-1.5E-100", ".5", "-.25", "1234567890123456789012345678901234567.8", "0"):
            cursor.execute("INSERT INTO wide_numbers VALUES (TO_NUMBER(:1))", [number])
        connection.commit()
    table = TableName(schema_name=oracle.schema, name="WIDE_NUMBERS")
    assert {row[0] for row in await read_table(oracle_connector(oracle), table)} == {
        "1" + "0" * 100,
        "-0." + "0" * 99 + "15",
        "0.5",
        "-0.25",
        "1234567890123456789012345678901234567.8",
        "0",
    }


async def test_the_instant_of_a_zoned_moment_is_read_in_utc_and_the_zone_is_said_to_be_lost(
    oracle: OracleLogin,
) -> None:
    with oracle.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE zoned (z TIMESTAMP(6) WITH TIME ZONE)")
        cursor.execute("INSERT INTO zoned VALUES (TIMESTAMP '2024-03-31 02:30:00.25 +02:00')")
        connection.commit()
    connector, table = oracle_connector(oracle), TableName(schema_name=oracle.schema, name="ZONED")
    assert await read_table(connector, table) == [("2024-03-31 00:30:00.25+00",)]
    assert (await connector.describe_tables([table]))[table].columns[0].zone_lost


async def test_years_before_christ_keep_their_era(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="date"), ValueType(kind="timestamp")])
    await loading.create()
    await loading.begin()
    rows = [("0044-03-15 BC", "0044-03-15 01:02:03.004 BC"), ("0001-01-01", "9999-12-31 23:59:59.999999")]
    await loading.load(rows)
    assert sorted(tuple(row) for row in await _proved(loading)) == sorted(rows)
    with oracle.connect() as connection, connection.cursor() as cursor:
        found = cursor.execute(f"SELECT TO_CHAR(c0, 'SYYYY') FROM {loading.name} ORDER BY c0").fetchall()
    assert [year.strip() for (year,) in found] == ["-0044", "0001"]


async def test_times_of_day_are_intervals_midnight_at_the_end_included(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="time")])
    await loading.create()
    await loading.begin()
    rows = [("00:00:00",), ("23:59:59.999999",), ("24:00:00",), ("12:30:00.1",)]
    await loading.load(rows)
    assert sorted(await _proved(loading)) == sorted(rows)
    with oracle.connect() as connection, connection.cursor() as cursor:
        longest = cursor.execute(f"SELECT MAX(EXTRACT(DAY FROM c0)) FROM {loading.name}").fetchone()
    assert longest == (1,)


async def test_uuids_are_sixteen_bytes(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="uuid")])
    await loading.create()
    await loading.begin()
    await loading.load([("0f8fad5b-d9cb-469f-a165-70867728950e",)])
    with oracle.connect() as connection, connection.cursor() as cursor:
        found = cursor.execute(f"SELECT c0 FROM {loading.name}").fetchone()
    assert found == (bytes.fromhex("0f8fad5bd9cb469fa16570867728950e"),)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("3 days 04:05:06.7", "3 04:05:06.7"),
        ("-3 days -04:05:06.7", "-3 04:05:06.7"),
        ("1 day", "1 00:00:00"),
        ("-1 days", "-1 00:00:00"),
        ("-838:59:59.5", "-34 22:59:59.5"),
        ("24:00:00", "1 00:00:00"),
        ("-00:00:00.000001", "-0 00:00:00.000001"),
        ("00:00:00", "0 00:00:00"),
    ],
)
def test_intervals_of_days_are_spelled_for_to_dsinterval(text: str, read: str) -> None:
    assert day_interval(text) == read


@pytest.mark.parametrize("text", ["1 mon", "1 day -01:00:00", "", "P1D", "1 day 2 days"])
def test_what_is_no_interval_of_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - bound.py makes a DataRejected of it
        day_interval(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1 year 2 mons", "1-2"),
        ("-1 years -2 mons", "-1-2"),
        ("14 mons", "1-2"),
        ("00:00:00", "0-0"),
        ("-3 mons", "-0-3"),
    ],
)
def test_intervals_of_months_are_spelled_for_to_yminterval(text: str, read: str) -> None:
    assert year_interval(text) == read


async def _proved(loading: Loading) -> list[tuple[str | None, ...]]:
    """The rows as the proof reads them back."""
    hashes = [
        row_hash async for some in loading.connector.table_hashes(loading.table, loading.proof) for row_hash in some
    ]
    examples = await loading.connector.example_rows(loading.table, loading.proof, hashes)
    return [tuple(row.values()) for row in examples]
