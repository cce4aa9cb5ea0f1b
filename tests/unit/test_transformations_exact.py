"""Values of a real PostgreSQL pass through expressions and come back exactly as the server prints and stores them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from activities.transformations.base import TransformedColumn
from activities.transformations.chain import bind_chain
from connectors.arrow_text import CsvReader, batch_to_csv
from connectors.canonical import digest_batch
from connectors.contract import DigestColumn
from connectors.postgres.session import EXACT_SETTINGS
from core.job_spec import TransformationSpec
from core.schema import Column
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

Session = psycopg.Connection[tuple[object, ...]]

HARD = {
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "boolean": ["t", "f"],
    "real": ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "0.1", "16777217", "1e20"],
    "double precision": ["NaN", "Infinity", "-Infinity", "-0", "1e308", "5e-324", "0.1", "1e15", "123456789012345678"],
    "numeric": ["NaN", "Infinity", "-Infinity", "1.10", "1.1", "0", "0.000", "-1e-20", "9" * 100 + ".50"],
    "numeric(10,2)": ["NaN", "1.10", "-0.01", "99999999.99"],
    "numeric(38,10)": ["9" * 28 + "." + "9" * 10, "0.0000000001"],
    "numeric(5,-2)": ["123400"],
    "numeric(3,5)": ["0.00123"],
    "numeric(60,3)": ["9" * 57 + ".125"],
    "text": ["", " ", "a\nb", "é😀", "\\.", "NULL"],
    "character varying(8)": ["", "ab  ", "日本"],
    "character(5)": ["", "ab", "abcde", "é😀"],
    "date": ["infinity", "-infinity", "4713-01-01 BC", "0001-12-31 BC", "0001-01-01", "9999-12-31", "5874897-12-31"],
    "timestamp without time zone": [
        "infinity",
        "-infinity",
        "4713-01-01 00:00:00 BC",
        "0044-03-15 12:00:00.000001 BC",
        "294276-12-31 23:59:59.999999",
        "2020-01-01 00:00:00.1",
    ],
    "timestamp(3) with time zone": ["infinity", "0044-03-15 12:00:00.5+00 BC", "2020-02-29 23:59:59.999+00"],
    "time without time zone": ["24:00:00", "00:00:00", "23:59:59.999999"],
    "time with time zone": ["24:00:00-15:59:59", "01:02:03.5+05:30"],
    "interval": ["1 year 2 mons -3 days 04:05:06.789", "00:00:00", "30 days", "1 mon"],
    "uuid": ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
    "bytea": ["", "\\x00ff", "\\x5c78"],
    "json": ['{"a":1,  "a": 2}', "null"],
    "jsonb": ['{"b": [1.10, null], "a": "é"}'],
    "text[]": ["{}", '{a,NULL,"NULL",""}', "[5:6]={x,y}", "{{1,2},{3,4}}"],
    "int4range": ["empty", "[1,5)", "(,)"],
    "inet": ["10.0.0.1/8", "::1"],
    "money": ["-12.34"],
    '"char"': ["x", ""],
    "bit varying(9)": ["", "101"],
    "mood": ["sad", "very happy"],
    "positive": ["1.50"],
    "spot": ['(1,"a b")'],
}
COMPUTED = {
    "smallint": "c + CAST(0 AS SMALLINT)",
    "integer": "c + 0",
    "bigint": "c + 0",
    "boolean": "c AND true",
    "real": "c * CAST(1 AS FLOAT)",
    "double precision": "c * CAST(1 AS DOUBLE)",
    "numeric(38,10)": "nullif(c, 7)",
    "text": "c || ''",
    "character varying(8)": "c || ''",
    "character(5)": "c || ''",
    "date": "nullif(c, DATE '1999-01-01')",
    "timestamp(3) with time zone": "nullif(c, TIMESTAMPTZ '1999-01-01 00:00:00+00')",
    "time without time zone": "nullif(c, TIME '01:01:01')",
    "uuid": "CAST(CAST(c AS VARCHAR) AS UUID)",
    "bytea": "c || encode('')",
    "mood": "nullif(c, 'x')",
    "json": "c || ''",
}


@pytest.fixture(scope="module")
def session(postgres: PostgresServer, new_database: NewDatabase) -> Iterator[Session]:
    with connect(postgres, new_database()) as opened:
        for name, value in EXACT_SETTINGS.items():
            if name not in ("search_path", "client_encoding"):
                opened.execute(f"SET {name} = '{value}'")
        opened.execute("CREATE TYPE mood AS ENUM ('sad', 'very happy')")
        opened.execute("CREATE DOMAIN positive AS numeric(8,2) CHECK (VALUE > 0)")
        opened.execute("CREATE TYPE spot AS (x integer, y text)")
        yield opened


def column_of(native: str) -> Column:
    if native == "mood":
        return Column(name="c", type=native, base_type="mood", kind="enum")
    if native == "positive":
        return Column(name="c", type=native, base_type="numeric", kind="domain")
    return Column(name="c", type=native, kind="composite" if native == "spot" else "base")


def read(session: Session, table: str, native: str) -> pa.RecordBatch:
    with session.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT (FORMAT csv)") as copy:
        return CsvReader(["n", "c"], ["integer", native]).parse(b"".join(copy))[0]


def pass_through(session: Session, native: str, expression: str, values: list[str]) -> tuple[list[str], list[str]]:
    """Text that the server prints before and after: its values through the expression into a table of that type."""
    session.execute("DROP TABLE IF EXISTS s, d")
    session.execute(f"CREATE TABLE s (n integer, c {native})")
    session.execute("CREATE TABLE d (LIKE s)")
    with session.cursor() as cursor:
        cursor.executemany(f"INSERT INTO s VALUES (%s, CAST(%s AS {native}))", list(enumerate([*values, None])))
    before = read(session, "s", native)
    spec = TransformationSpec.model_validate({"type": "EXPRESSION", "column": "c", "expression": expression})
    chain = bind_chain([spec], [TransformedColumn("n", "integer", "n"), TransformedColumn.of(column_of(native))])
    after = chain.apply(before)
    with session.cursor() as cursor, cursor.copy("COPY d FROM STDIN (FORMAT csv)") as copy:
        copy.write(batch_to_csv(after))
    stored = read(session, "d", native).column("c").to_pylist()
    assert stored == before.column("c").to_pylist()
    return before.column("c").to_pylist(), after.column("c").to_pylist()


@pytest.mark.parametrize("expression", ["c", "CASE WHEN n >= 0 THEN c END", "coalesce(NULL, c)"])
@pytest.mark.parametrize("native", HARD)
def test_a_column_that_is_handed_on_keeps_its_text(session: Session, native: str, expression: str) -> None:
    before, after = pass_through(session, native, expression, HARD[native])
    assert before == after


@pytest.mark.parametrize("native", COMPUTED)
def test_a_column_that_is_computed_with_keeps_its_value(session: Session, native: str) -> None:
    before, after = pass_through(session, native, COMPUTED[native], HARD[native])
    if native not in ("real", "double precision"):
        assert before == after


def test_a_number_computed_for_a_domain_is_hashed_without_its_scale(session: Session) -> None:
    spec = TransformationSpec.model_validate(
        {"type": "EXPRESSION", "column": "c", "expression": "CAST(c AS DECIMAL(10,3)) * 2"}
    )
    chain = bind_chain([spec], [TransformedColumn.of(column_of("positive"))])
    digest = digest_batch(
        chain.apply(pa.record_batch({"c": ["1.50", None]})), [DigestColumn("c", chain.columns[0].form)]
    )
    session.execute("DROP TABLE IF EXISTS d")
    session.execute("CREATE TABLE d (c positive)")
    session.execute("INSERT INTO d VALUES (3.000), (NULL)")
    with session.cursor() as cursor, cursor.copy("COPY d TO STDOUT (FORMAT csv)") as copy:
        stored = CsvReader(["c"], ["positive"]).parse(b"".join(copy))[0]
    assert stored.column(0).to_pylist() == ["3.00", None]
    assert digest == digest_batch(stored, [DigestColumn("c", "decimal")])


def test_moments_that_the_engine_can_hold_are_printed_as_the_server_prints_them(session: Session) -> None:
    values = ["infinity", "4713-01-01 00:00:00 BC", "0044-03-15 12:00:00.000001 BC", "294246-12-31 23:59:59.999999"]
    values += ["0001-01-01 00:00:00", "10000-01-01 00:00:00", "2020-01-01 00:00:00.120000"]
    before, after = pass_through(
        session, "timestamp without time zone", "nullif(c, TIMESTAMP '1999-01-01 00:00:00')", values
    )
    assert before == after


def test_random_numbers_survive_computing(session: Session) -> None:
    session.execute("SELECT setseed(0.75)")
    for native, factor in (("real", "CAST(1 AS FLOAT)"), ("double precision", "CAST(1 AS DOUBLE)")):
        width = 30 if native == "real" else 300
        rows = session.execute(
            f"SELECT (((random() - 0.5) * 10 ^ ((random() - 0.5) * {width * 2}))::{native})::text "
            "FROM generate_series(1, 3000)"
        ).fetchall()
        pass_through(session, native, f"c * {factor}", [str(row[0]) for row in rows])
