"""Text goes through PostgreSQL's COPY csv and Arrow and back without a change."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from connectors.arrow_text import TYPE_METADATA, CsvReader, batch_to_csv, text_schema
from core.errors import DataRejected
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

Session = psycopg.Connection[tuple[object, ...]]

HARD_VALUES = [
    None, "", r"\.", "\\N", "NULL", " ", ",", '"', '""', "a,b", 'say "hi"', "line\nend", "cr\rcr", "crlf\r\n", "\n",
    "\r", "\r\n\r\n", r"back\slash\\", "tab\t", "héllo", "日本語", "😀𝄞", "\u2028", "\ufeffbom", "'", "~", "\x01\x7f",
]  # fmt: skip


@pytest.fixture
def session(postgres: PostgresServer, new_database: NewDatabase) -> Iterator[Session]:
    with connect(postgres, new_database()) as opened:
        yield opened


def copy_out(session: Session, query: str) -> bytes:
    with session.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        return b"".join(copy)


def copy_in(session: Session, table: str, data: bytes) -> None:
    with session.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
        copy.write(data)


def parse(data: bytes, columns: int) -> pa.RecordBatch:
    names = [f"c{position}" for position in range(columns)]
    batches = CsvReader(names, ["text"] * columns).parse(data)
    return pa.Table.from_batches(batches, text_schema(names, ["text"] * columns)).combine_chunks().to_batches()[0]


@pytest.mark.parametrize("columns", [1, 2, 300])
def test_every_value_survives_server_to_arrow_to_server(session: Session, columns: int) -> None:
    session.execute(f"CREATE TABLE s ({', '.join(f'c{n} text' for n in range(columns))})")
    session.execute("CREATE TABLE d (LIKE s)")
    rows = [tuple(HARD_VALUES[(at + n) % len(HARD_VALUES)] for n in range(columns)) for at in range(len(HARD_VALUES))]
    with session.cursor() as cursor:
        cursor.executemany(f"INSERT INTO s VALUES ({', '.join(['%s'] * columns)})", rows)
    batch = parse(copy_out(session, "SELECT * FROM s"), columns)
    assert [tuple(row.values()) for row in batch.to_pylist()] == rows
    copy_in(session, "d", batch_to_csv(batch))
    assert session.execute("SELECT * FROM d").fetchall() == rows


@pytest.mark.parametrize("value", HARD_VALUES)
def test_a_lone_value_survives(session: Session, value: str | None) -> None:
    session.execute("CREATE TABLE d (v text)")
    copy_in(session, "d", batch_to_csv(pa.record_batch({"v": pa.array([value], pa.string())})))
    assert session.execute("SELECT v FROM d").fetchall() == [(value,)]
    assert parse(copy_out(session, "SELECT v FROM d"), 1).column(0).to_pylist() == [value]


def test_rows_of_many_megabytes_survive(session: Session) -> None:
    session.execute("CREATE TABLE s AS SELECT i, repeat(E'x\"\\n', 7000000) AS big FROM generate_series(1, 2) AS i")
    session.execute("CREATE TABLE d (LIKE s)")
    copy_in(session, "d", batch_to_csv(parse(copy_out(session, "SELECT * FROM s"), 2)))
    assert session.execute(
        "SELECT count(*) FROM s JOIN d USING (i, big) WHERE length(d.big) = 21000000"
    ).fetchone() == (2,)


def test_fields_remember_native_types() -> None:
    batch = CsvReader(["price"], ["numeric(10,2)"]).parse(b"1.10\n")[0]
    assert batch.schema.field("price").metadata == {TYPE_METADATA: b"numeric(10,2)"}


def test_no_bytes_are_no_batches() -> None:
    assert CsvReader(["a"], ["text"]).parse(b"") == []


def test_text_that_is_not_utf8_is_rejected() -> None:
    with pytest.raises(DataRejected, match="UTF-8"):
        CsvReader(["a"], ["text"]).parse(b"\xff\xfe\n")
