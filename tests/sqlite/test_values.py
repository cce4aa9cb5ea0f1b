"""Values keep what they are on their way out of SQLite and into it; what would change is refused."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from connectors.contract import WrittenColumn
from connectors.sqlite.types import new_column
from core.errors import DataRejected
from core.schema import Column
from core.value_type import ValueType
from tests.sqlite.conftest import Arriving, Database

NewFile = Callable[[str], Database]

READ = [
    ("INTEGER", 2**63 - 1, "9223372036854775807"),
    ("INTEGER", -(2**63), "-9223372036854775808"),
    ("BIGINT UNSIGNED", 7, "7"),
    ("REAL", 1e308, "1e+308"),
    ("REAL", 5e-324, "5e-324"),
    ("REAL", math.inf, "Infinity"),
    ("REAL", -math.inf, "-Infinity"),
    ("REAL", 0.1 + 0.2, "0.30000000000000004"),
    ("REAL", 3, "3"),
    ("TEXT", "", ""),
    ("TEXT", "a\0b", "a\0b"),
    ("TEXT", "q\"'\\,\n\r\t;é😀", "q\"'\\,\n\r\t;é😀"),
    ("VARCHAR(10)", "007", "007"),
    ("BLOB", b"", "\\x"),
    ("BLOB", bytes(range(256)), "\\x" + bytes(range(256)).hex()),
    ("BOOLEAN", 1, "t"),
    ("BOOLEAN", 0, "f"),
    ("DECIMAL(10,2)", 19.99, "19.99"),
    ("DECIMAL(10,2)", 5, "5"),
    ("NUMERIC", 1e20, "100000000000000000000"),
    ("NUMERIC", 1e-7, "0.0000001"),
    ("DATE", "2024-02-29", "2024-02-29"),
    ("DATETIME", "2024-02-29 23:59:59.250000", "2024-02-29 23:59:59.25"),
    ("DATETIME", "2024-02-29T23:59:59", "2024-02-29 23:59:59"),
    ("TIMESTAMP", "2024-02-29 23:59", "2024-02-29 23:59:00"),
    ("TIMESTAMP", "2024-02-29", "2024-02-29 00:00:00"),
    ("TIMESTAMP", "2024-02-29 23:59:59.000", "2024-02-29 23:59:59"),
    ("TIMESTAMPTZ", "2024-02-29T23:59:59.50Z", "2024-02-29 23:59:59.5+00"),
    ("TIMESTAMPTZ", "2024-02-29 23:59:59+00", "2024-02-29 23:59:59+00"),
    ("TIME", "23:59", "23:59:00"),
    ("TIME", "23:59:59.10", "23:59:59.1"),
    ("UUID", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
    ("JSON", '{"a": [1.10, null]}', '{"a": [1.10, null]}'),
]
ANY_CLASS = [
    (5, "5"),
    ("5", "'5'"),
    (5.0, "5.0"),
    (-0.0, "-0.0"),
    (math.inf, "Infinity"),
    ("Infinity", "'Infinity'"),
    ("it's", "it's"),
    ("'quoted'", "'''quoted'''"),
    (b"\x01", "X'01'"),
    ("X'01'", "'X''01'''"),
    ("5\0", "'5\0'"),
    (None, None),
]
OTHER_CLASS = [
    ("INTEGER", "abc", "'abc'"),
    ("INTEGER", 1.5, "1.5"),
    ("INTEGER", b"1", "X'31'"),
    ("REAL", "abc", "'abc'"),
    ("BOOLEAN", 2, "2"),
    ("BOOLEAN", "t", "'t'"),
    ("BLOB", "text", "'text'"),
    ("BLOB", 5, "5"),
    ("DATE", 1700000000, "1700000000"),
    ("DATETIME", 2460000.5, "2460000.5"),
    ("DATETIME", "2024-02-29 23:59:59Z", "2024-02-29 23:59:59Z"),
    ("DECIMAL(10,2)", "abc", "'abc'"),
    ("DECIMAL(10,2)", math.inf, "Inf"),
]


@pytest.mark.parametrize(("declared", "value", "text"), READ)
async def test_a_value_of_its_declared_type_is_read_as_interchange_text(
    new_file: NewFile, declared: str, value: Any, text: str
) -> None:
    source = new_file("source")
    source.run(f"CREATE TABLE t (v {declared})")
    source.insert("t", [(value,), (None,)])

    assert await source.read("t") == [{"v": text}, {"v": None}]


@pytest.mark.parametrize(("declared", "value", "text"), OTHER_CLASS)
async def test_a_value_of_another_storage_class_is_never_coerced(
    new_file: NewFile, declared: str, value: Any, text: str
) -> None:
    source = new_file("source")
    source.run(f"CREATE TABLE t (v {declared})")
    source.insert("t", [(value,)])

    assert await source.read("t") == [{"v": text}]


@pytest.mark.parametrize("declared", ["TEXT", "DATETIME", "JSON"])
async def test_a_blob_where_text_is_declared_is_refused(new_file: NewFile, declared: str) -> None:
    source = new_file("source")
    source.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})")
    source.insert("t", [(1, b"secret")])

    with pytest.raises(DataRejected, match="column v is declared to hold text, and holds a blob") as refused:
        await source.read("t")
    assert "secret" not in str(refused.value)


async def test_text_that_is_not_utf8_is_refused_by_its_columns_name(new_file: NewFile) -> None:
    source = new_file("source")
    source.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES (1, CAST(X'7365FF' AS TEXT))")

    with pytest.raises(DataRejected, match="reading t: column v holds text that is not valid UTF-8") as refused:
        await source.read("t")
    assert "se" not in refused.value.message.replace("reading", "")


async def test_a_column_without_a_type_tells_every_storage_class_apart_and_takes_it_back(new_file: NewFile) -> None:
    source, copy = new_file("source"), new_file("copy")
    for database in (source, copy):
        database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    source.insert("t", [(position, value) for position, (value, _) in enumerate(ANY_CLASS)])

    read = await source.read("t")
    assert [row["v"] for row in read] == [text for _, text in ANY_CLASS]

    arriving = Arriving(copy, {})
    schema = await source.describe("t")
    existing = await copy.describe("t")
    for column, there in zip(schema.columns, existing.columns, strict=True):
        arrival = copy.connector().arrival(column, there, key=False)
        assert arrival.verdict == "EXACT"
        arriving.columns[column.name] = column.value
        arriving.written.append(WrittenColumn(column.name, arrival.value, arrival.type))
    await copy.connector().prepare_ledger()
    begun = await arriving.begin()
    await arriving.load(begun.load, 0, [(row["id"], row["v"]) for row in read])

    query = "SELECT id, typeof(v), v FROM t ORDER BY id"
    assert repr(copy.rows(query)) == repr(source.rows(query))


WRITTEN = [
    (ValueType(kind="integer"), ["9223372036854775807", "-9223372036854775808", "0"], [2**63 - 1, -(2**63), 0]),
    (ValueType(kind="integer", signed=False), ["18446744073709551615"], ["18446744073709551615"]),
    (ValueType(kind="decimal", precision=38, scale=10), ["1.10", "-0.0000000001"], ["1.10", "-0.0000000001"]),
    (ValueType(kind="decimal", precision=12, scale=0), ["5", "-12.00"], [5, -12]),
    (ValueType(kind="decimal", specials=True), ["NaN", "1" * 60], ["NaN", "1" * 60]),
    (ValueType(kind="float64"), ["1e308", "Infinity", "5e-324", "0.1"], [1e308, math.inf, 5e-324, 0.1]),
    (ValueType(kind="boolean"), ["t", "f"], [1, 0]),
    (ValueType(kind="text"), ["", "a\0b", "007", "é😀", "1e5"], ["", "a\0b", "007", "é😀", "1e5"]),
    (ValueType(kind="binary"), ["\\x", "\\x00ff27"], [b"", b"\x00\xff'"]),
    (ValueType(kind="date"), ["0044-03-15 BC", "infinity"], ["0044-03-15 BC", "infinity"]),
    (ValueType(kind="timestamp_tz"), ["2024-02-29 23:59:59.5+00"], ["2024-02-29 23:59:59.5+00"]),
    (ValueType(kind="json"), ["1.10", '{"a":1,"a":2}'], ["1.10", '{"a":1,"a":2}']),
    (ValueType(kind="array"), ["[[1,2],[3,null]]"], ["[[1,2],[3,null]]"]),
]


@pytest.mark.parametrize(("value", "texts", "stored"), WRITTEN, ids=lambda part: getattr(part, "kind", ""))
async def test_interchange_text_is_stored_as_what_it_stands_for_and_proved(
    new_file: NewFile, value: ValueType, texts: list[str], stored: list[Any]
) -> None:
    arriving = Arriving(new_file("destination"), {"id": ValueType(kind="integer"), "v": value})
    await arriving.create()
    begun = await arriving.begin()
    rows: list[tuple[str | None, str | None]] = [(str(position), text) for position, text in enumerate(texts)]
    rows.append((str(len(rows)), None))

    loaded = await arriving.load(begun.load, 0, rows)

    found = [value for (value,) in arriving.database.rows("SELECT v FROM t ORDER BY id")]
    assert found == [*stored, None]
    assert [type(one) for one in found[:-1]] == [type(one) for one in stored]
    assert await arriving.database.connector().digest_table(arriving.name, arriving.proof) == loaded.digest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ValueType(kind="integer"), "9223372036854775808"),
        (ValueType(kind="integer"), "1.5"),
        (ValueType(kind="integer"), "abc"),
        (ValueType(kind="boolean"), "true"),
        (ValueType(kind="binary"), "abc"),
        (ValueType(kind="decimal", precision=5, scale=0), "NaN"),
        (ValueType(kind="float64"), "abc"),
    ],
)
async def test_text_that_is_no_value_of_its_column_rolls_back_and_stays_out_of_the_message(
    new_file: NewFile, value: ValueType, text: str
) -> None:
    arriving = Arriving(new_file("destination"), {"id": ValueType(kind="integer"), "v": value})
    await arriving.create()
    begun = await arriving.begin()

    with pytest.raises(DataRejected, match="loading batch 0 into t: column v: ") as refused:
        await arriving.load_parts(
            begun.load, 0, (await arriving.load(begun.load, 1, [])).digest, [arriving.batch([("1", text)])]
        )
    assert text not in str(refused.value)
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]
    assert arriving.database.rows("SELECT number FROM sterna_ledger WHERE number >= 0") == [(1,)]


async def test_a_declared_decimal_keeps_the_decimals_that_a_binary_fraction_prints(new_file: NewFile) -> None:
    destination = new_file("destination")
    destination.run("CREATE TABLE t (v DECIMAL(15,2))")
    connector, existing = destination.connector(), (await destination.describe("t")).columns[0]

    narrow = Column(name="v", type="", value=ValueType(kind="decimal", precision=15, scale=2))
    wide = Column(name="v", type="", value=ValueType(kind="decimal", precision=38, scale=10))
    text = Column(name="v", type="", value=ValueType(kind="text"))
    assert connector.arrival(narrow, existing, key=False).verdict == "CONVERT"
    assert connector.arrival(wide, existing, key=False).verdict == "LOSSY"
    assert connector.arrival(text, existing, key=False).verdict == "UNSUPPORTED"


async def test_random_floats_survive_to_the_last_bit(new_file: NewFile) -> None:
    numbers = random.Random(7)
    floats = [struct.unpack("d", numbers.randbytes(8))[0] for _ in range(5000)]
    floats = [value for value in floats if value == value and value != 0]
    source = new_file("source")
    source.run("CREATE TABLE t (v REAL)")
    source.insert("t", [(value,) for value in floats])

    read = [row["v"] for row in await source.read("t")]
    arriving = Arriving(new_file("destination"), {"v": ValueType(kind="float64")})
    await arriving.create()
    await arriving.load((await arriving.begin()).load, 0, [(text,) for text in read])

    stored = [value for (value,) in arriving.database.rows("SELECT v FROM t ORDER BY rowid")]
    assert [struct.pack("d", value) for value in stored] == [struct.pack("d", value) for value in floats]


def test_floats_name_what_sqlite_cannot_hold() -> None:
    limits = new_column(Column(name="v", type="", value=ValueType(kind="float64"))).limits
    assert [(limit.kind, limit.infinite) for limit in limits] == [("finite", True), ("no_minus_zero", False)]


async def test_null_is_refused_where_it_would_become_the_next_row_number(new_file: Callable[[str], Database]) -> None:
    database = new_file("destination")
    database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)", "INSERT INTO t VALUES (NULL, 1)")
    assert database.rows("SELECT id FROM t") == [(1,)]
    refusing = {}
    for existing in (await database.describe("t")).columns:
        for nullable in (True, False):
            column = Column(name=existing.name, type="", nullable=nullable, value=ValueType(kind="integer"))
            arrival = database.connector().arrival(column, existing, key=existing.name == "id")
            refusing[existing.name, nullable] = any(limit.kind == "not_null" for limit in arrival.limits)
    assert [key for key, refused in refusing.items() if refused] == [("id", True)]
