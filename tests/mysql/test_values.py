"""Values that MySQL's clients lose come out whole, and go in as they are; the client program looks at them."""

from __future__ import annotations

import pytest

from connectors.contract import CSV_INTERCHANGE
from core.errors import DataRejected
from core.value_type import ValueType
from tests.mysql.conftest import Arriving, Database

READ = (
    ("FLOAT", "0.1", "0.10000000149011612"),
    ("FLOAT", "3.4028234663852886e38", "3.4028234663852886e38"),
    ("FLOAT", "1e-45", "1.401298464324817e-45"),
    ("DOUBLE", "0.30000000000000004", "0.30000000000000004"),
    ("DOUBLE(10,2)", "12345.678", "12345.68"),
    ("INT(5) ZEROFILL", "42", "42"),
    ("DECIMAL(8,3) ZEROFILL", "1.5", "1.500"),
    ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
    ("TINYINT(1)", "-1", "-1"),
    ("BIT(12)", "b'101'", "000000000101"),
    ("YEAR", "0", "0"),
    ("YEAR", "'2155'", "2155"),
    ("DATE", "'0000-00-00'", "0000-00-00"),
    ("DATE", "'2024-02-00'", "2024-02-00"),
    ("DATETIME(3)", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("DATETIME(6)", "'2024-02-29 12:00:00.120000'", "2024-02-29 12:00:00.12"),
    ("DATETIME", "'2024-02-29 12:00:10'", "2024-02-29 12:00:10"),
    ("TIMESTAMP(6)", "'2038-01-19 03:14:07.5'", "2038-01-19 03:14:07.5+00"),
    ("TIME(2)", "'-838:59:58.50'", "-838:59:58.5"),
    ("TIME", "'100:00:00'", "100:00:00"),
    ("CHAR(5)", "'ab  '", "ab"),
    ("VARCHAR(5)", "'ab  '", "ab  "),
    ("VARCHAR(20) CHARACTER SET latin1", "'naïve €'", "naïve €"),
    ("VARCHAR(20) CHARACTER SET utf16", "'🙂'", "🙂"),
    ("TEXT", "'a\\0b\\\\N\\n\"x\",'", 'a\0b\\N\n"x",'),
    ("TEXT", "'NULL'", "NULL"),
    ("TEXT", "''", ""),
    ("BINARY(4)", "'ab'", "\\x61620000"),
    ("BLOB", "x'00FF225C2C0A'", "\\x00ff225c2c0a"),
    ("ENUM('a','it''s','b\\\\c')", "'it''s'", "it's"),
    ("SET('x','y','z')", "'z,x'", "x,z"),
    ("JSON", '\' {"b": 1.10, "b": 2}\'', ' {"b": 1.10, "b": 2}'),
    ("UUID", "'0F8FAD5B-D9CB-469F-A165-70867728950E'", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("INET6", "'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329"),
    ("POINT", "ST_GeomFromText('POINT(0.1 -2)', 4326)", "SRID=4326;POINT(0.1 -2)"),
)


async def test_every_type_is_read_as_exact_text(database: Database) -> None:
    columns = ", ".join(f"c{position} {native} NULL" for position, (native, _, _) in enumerate(READ))
    values = ", ".join(literal for _, literal, _ in READ)
    database.run(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({values}); INSERT INTO t VALUES ()")
    full, empty = await database.read("t")
    wrong = {native: (found, text) for (native, _, text), found in zip(READ, full, strict=True) if found != text}
    assert wrong == {}
    assert empty == [None] * len(READ)


@pytest.mark.parametrize(("charset", "good", "bad"), [("gb2312", "中?", "A2A1"), ("sjis", "ｱ?表", "8540")])
async def test_a_character_that_unicode_lacks_is_never_read_as_a_question_mark(
    database: Database, charset: str, good: str, bad: str
) -> None:
    native = f"TEXT CHARACTER SET {charset}"
    good_text = f"CONVERT(_utf8mb4 '{good}' USING {charset})"
    database.run(f"CREATE TABLE t (odd {native}, v INT); INSERT INTO t VALUES ({good_text}, 1), (NULL, 2), ('', 3)")
    assert await database.read("t") == [[good, "1"], [None, "2"], ["", "3"]]
    database.run(f"INSERT INTO t VALUES (_{charset} x'{bad}', 4)")
    with pytest.raises(DataRejected, match="Unicode lacks, column odd"):
        await database.read("t")


async def test_columns_of_the_same_type_take_every_value_back(database: Database) -> None:
    columns = ", ".join(f"c{position} {native} NULL" for position, (native, _, _) in enumerate(READ))
    values = ", ".join(literal for _, literal, _ in READ)
    database.run(
        f"CREATE TABLE a ({columns}); INSERT INTO a VALUES ({values}), (DEFAULT{', DEFAULT' * (len(READ) - 1)})"
    )
    database.run("CREATE TABLE b LIKE a")
    source, connector = await database.describe("a"), database.connector()
    arrivals = {column.name: connector.arrival(column, column, key=False) for column in source.columns}
    assert {name: arrival for name, arrival in arrivals.items() if arrival.verdict != "EXACT" or arrival.limits} == {}

    arriving = await Arriving(database, "b", {name: arrival.value for name, arrival in arrivals.items()}).prepare()
    begun = await arriving.begin()
    await arriving.load(begun.load, 0, await database.read("a"))
    # the bytes, or whatever the server tells values apart by
    seen = ", ".join(f"HEX({name})" for name in arrivals)
    assert database.run(f"SELECT {seen} FROM b") == database.run(f"SELECT {seen} FROM a")
    assert await database.read("b") == await database.read("a")


BEYOND = (
    ("DATE", ValueType(kind="date"), "10000-01-01"),
    ("DATE", ValueType(kind="date"), "0044-03-15 BC"),
    ("DATE", ValueType(kind="date"), "infinity"),
    ("DATE", ValueType(kind="date"), "-infinity"),
    ("DATETIME(6)", ValueType(kind="timestamp"), "0044-03-15 01:02:03.004 BC"),
    ("DATETIME(6)", ValueType(kind="timestamp"), "294276-12-31 23:59:59.999999"),
    ("DATETIME(6)", ValueType(kind="timestamp"), "infinity"),
    ("DATETIME(6)", ValueType(kind="timestamp_tz"), "0044-03-15 12:00:00.1+00 BC"),
    ("DATETIME(6)", ValueType(kind="timestamp_tz"), "10000-01-01 00:00:00+00"),
    ("DATETIME(6)", ValueType(kind="timestamp_tz"), "-infinity"),
    ("TIMESTAMP(6)", ValueType(kind="timestamp_tz"), "1970-01-01 00:00:00+00"),
    ("TIMESTAMP(6)", ValueType(kind="timestamp_tz"), "2038-01-19 03:14:08+00"),
    ("TIME(6)", ValueType(kind="interval"), "839:00:00"),
    ("TIME(6)", ValueType(kind="interval"), "1 day 01:00:00"),
    ("TIME(6)", ValueType(kind="interval"), "1 mon"),
    ("TIME(6)", ValueType(kind="interval"), "3 days"),
    ("FLOAT", ValueType(kind="float32"), "NaN"),
    ("DOUBLE", ValueType(kind="float64"), "Infinity"),
    ("DOUBLE", ValueType(kind="float64"), "-Infinity"),
    ("DECIMAL(65,30)", ValueType(kind="decimal"), "NaN"),
    ("DECIMAL(65,30)", ValueType(kind="decimal"), "0." + "0" * 30 + "1"),
    ("DECIMAL(65,30)", ValueType(kind="decimal"), "1" + "0" * 35),
    ("DECIMAL(4,2)", ValueType(kind="decimal"), "1.005"),
    ("TINYINT", ValueType(kind="integer"), "128"),
    ("INT UNSIGNED", ValueType(kind="integer"), "-1"),
    ("INT", ValueType(kind="integer"), ""),
    ("TINYINT(1)", ValueType(kind="boolean"), "yes"),
    ("VARCHAR(3)", ValueType(kind="text"), "abcd"),
    ("VARCHAR(3)", ValueType(kind="text"), "abc "),
    ("TINYTEXT", ValueType(kind="text"), "é" * 128),
    ("VARCHAR(3) CHARACTER SET latin1", ValueType(kind="text"), "🙂"),
    ("VARCHAR(3) NOT NULL", ValueType(kind="text"), None),
    ("INT NOT NULL", ValueType(kind="integer"), None),
    ("VARBINARY(2)", ValueType(kind="binary"), "\\x010203"),
    ("BLOB", ValueType(kind="binary"), "\\x0g"),
    ("BLOB", ValueType(kind="binary"), "0102"),
    ("BINARY(16)", ValueType(kind="uuid"), "0f8fad5b"),
    ("BIT(2)", ValueType(kind="bits"), "111"),
    ("ENUM('a','b')", ValueType(kind="text"), "c"),
    ("YEAR", ValueType(kind="integer"), "2156"),
    ("JSON", ValueType(kind="json"), "{"),
    ("POINT", ValueType(kind="other"), "SRID=0;nowhere"),
)


@pytest.mark.parametrize("bulk", [False, True])
async def test_local_never_changes_or_skips_a_value_in_silence(database: Database, bulk: bool) -> None:
    """LOCAL means IGNORE: each of these would be cut, clamped, emptied or left out, with a warning."""
    tables = [f"t{position}" for position in range(len(BEYOND))]
    database.run(
        ";".join(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, v {native})"
            for table, (native, _, _) in zip(tables, BEYOND, strict=True)
        )
    )
    silent = []
    for table, (native, value, text) in zip(tables, BEYOND, strict=True):
        arriving = await Arriving(database, table, {"id": ValueType(kind="integer"), "v": value}).prepare()
        begun = await arriving.begin()
        field = "NULL" if text is None else f'"{text}"'
        csv = f"1,{field}\n".encode()
        try:
            await (
                arriving.load_bytes(begun.load, 0, 1, [csv]) if bulk else arriving.load(begun.load, 0, [("1", text)])
            )
        except DataRejected as refused:
            said = str(refused).replace(database.name, "").replace(table, "")
            assert "error" in said
            assert not text or len(text) < 3 or text not in said
        else:
            silent.append((native, text))
    assert silent == []
    assert set(database.run(";".join(f"SELECT COUNT(*) FROM {table}" for table in tables)).split()) == {"0"}
    assert database.run("SELECT COUNT(*) FROM sterna_ledger WHERE number = 0") == "0\n"


@pytest.mark.parametrize("kind", ["integer", "decimal"])
async def test_whole_numbers_are_not_rounded(database: Database, kind: str) -> None:
    """Here the server gives no warning."""
    database.run("CREATE TABLE t (v INT)")
    arriving = await Arriving(database, "t", {"v": ValueType.model_validate({"kind": kind})}).prepare()
    begun = await arriving.begin()
    with pytest.raises(DataRejected, match="column v"):
        await arriving.load(begun.load, 0, [("1.0",), ("1.5",)])
    assert database.run("SELECT COUNT(*) FROM t") == "0\n"


async def test_the_column_and_the_row_are_named(database: Database) -> None:
    database.run("CREATE TABLE t (id INT PRIMARY KEY, amount DECIMAL(4,1))")
    columns = {"id": ValueType(kind="integer"), "amount": ValueType(kind="decimal")}
    arriving = await Arriving(database, "t", columns).prepare()
    begun = await arriving.begin()
    with pytest.raises(DataRejected, match="column amount, row 2 of the part") as caught:
        await arriving.load(begun.load, 0, [("1", "1.5"), ("2", "12345.6"), ("3", "2.5")])
    assert "12345.6" not in str(caught.value)
    with pytest.raises(DataRejected, match=r"the key is there already \(key PRIMARY\)"):
        await arriving.load(begun.load, 0, [("1", "1.5"), ("77", "2.5"), ("77", "3.5")])
    assert database.run("SELECT COUNT(*) FROM t") == "0\n"


async def test_floats_of_32_bits_are_rounded_as_ieee_says(database: Database) -> None:
    """The shortest text of the greatest FLOAT is out of range for the server."""
    database.run("CREATE TABLE t (v FLOAT)")
    arriving = await Arriving(database, "t", {"v": ValueType(kind="float32")}).prepare()
    begun = await arriving.begin()
    texts = ["3.4028235e+38", "-3.4028235e+38", "0.1", "1e-45", "16777216", "1.1754942e-38"]
    await arriving.load(begun.load, 0, [(text,) for text in texts])
    assert (
        database.run("SELECT COUNT(*) FROM t WHERE v * 1e0 IN (3.4028234663852886e38, -3.4028234663852886e38)") == "2\n"
    )
    assert (await database.connector().digest_table(arriving.name, arriving.proof)).rows == len(texts)


async def test_keys_that_differ_at_the_source_differ_here(database: Database) -> None:
    """By case, by accent, by blanks at the end, by characters that look alike."""
    source = await database.describe(_made(database, "CREATE TABLE s (k VARCHAR(20) PRIMARY KEY)", "s"))
    connector = database.connector()
    ddl = connector.table_ddl(
        source.model_copy(update={"dialect": "elsewhere"}), database.table("keys"), {"k": "k"}, {}, {}
    )
    assert await connector.create([ddl]) == {}
    arriving = await Arriving(database, "keys", {"k": ValueType(kind="text", length=20)}).prepare()
    begun = await arriving.begin()
    keys = ["a", "A", "a ", "á", "a\u0301", "ß", "ss", "", " ", "ﬁ", "fi", "🙂", "🙃", "\0", "a\0"]
    await arriving.load(begun.load, 0, [(key,) for key in keys])
    assert database.run("SELECT COUNT(*) FROM `keys`") == f"{len(keys)}\n"


async def test_the_servers_digest_is_the_canonical_one(database: Database) -> None:
    wanted = [name for name in READ if name[0] not in ("FLOAT", "DOUBLE", "DOUBLE(10,2)")]
    columns = ", ".join(f"c{position} {native} NULL" for position, (native, _, _) in enumerate(wanted))
    values = ", ".join(literal for _, literal, _ in wanted)
    database.run(f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({values}); INSERT INTO t VALUES (), ()")
    proof, connector = await database.proof("t"), database.connector()
    async with connector.open_session("test") as session:
        computed = await session.digest(f"`{database.name}`.`t`", proof)
    hashes = [value async for part in connector.table_hashes(database.table("t"), proof) for value in part]
    assert computed is not None
    assert (computed.rows, int(computed.total)) == (3, sum(hashes) % 2**64)


@pytest.mark.parametrize("megabytes", [9, 15])
async def test_rows_longer_than_one_text_may_be_are_read_whole(database: Database, megabytes: int) -> None:
    """The server's max_allowed_packet is 16 MB, which hexadecimal digits of 9 MB exceed: its functions give NULL."""
    size = megabytes * 1024 * 1024
    database.run(
        "CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB, w TEXT, n INT); "
        f"INSERT INTO t VALUES (1, REPEAT(x'00FF', {size // 2}), 'a\"b', NULL), (2, x'01', NULL, 5)"
    )
    found = {row[0]: row[1:] for row in await _read_arrow(database)}
    assert found["2"] == ["\\x01", None, "5"]
    assert found["1"] == ["\\x" + "00ff" * (size // 2), 'a"b', None]
    proof, connector = await database.proof("t"), database.connector()
    assert (await connector.digest_table(database.table("t"), proof)).rows == 2


@pytest.mark.parametrize(("native", "kind"), [("LONGTEXT", "text"), ("LONGBLOB", "binary")])
async def test_values_longer_than_a_packet_go_in_and_come_out(database: Database, native: str, kind: str) -> None:
    database.run(f"CREATE TABLE t (v {native})")
    value = ValueType.model_validate({"kind": kind})
    arriving = await Arriving(database, "t", {"v": value}).prepare()
    text = 'é"' * 7_000_000 if kind == "text" else "\\x" + "00ff" * 10_000_000
    begun = await arriving.begin()
    await arriving.load(begun.load, 0, [(text,)])
    assert await _read_arrow(database) == [[text]]


async def _read_arrow(database: Database) -> list[list[str | None]]:
    import pyarrow as pa

    from connectors.contract import Selection
    from core.ranges import WholeTable

    schema = await database.describe("t")
    found: list[list[str | None]] = []

    async def keep(batch: pa.RecordBatch) -> None:
        found.extend([list(row.values()) for row in batch.to_pylist()])

    async with database.connector().reading(None) as reader:
        selection = Selection(schema, [column.name for column in schema.columns], native_format=CSV_INTERCHANGE)
        await reader.read_arrow(selection, WholeTable(), keep)
    return found


def _made(database: Database, sql: str, name: str) -> str:
    database.run(sql)
    return name
