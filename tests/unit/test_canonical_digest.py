"""The digest over Arrow equals what PostgreSQL computes over the same rows."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from connectors.arrow_text import CsvReader
from connectors.canonical import canonical_text, digest_batch
from connectors.contract import DigestColumn
from core.errors import DataRejected, Defect
from core.schema import Digest
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

Session = psycopg.Connection[tuple[object, ...]]

SQL_FORMS = {
    "text": "{0}::text",
    "output": "format('%s', {0})",
    "decimal": "trim_scale({0})::text",
    "float64": "encode(float8send({0}), 'hex')",
    "float32": "encode(float4send({0}), 'hex')",
}


@pytest.fixture
def session(postgres: PostgresServer, new_database: NewDatabase) -> Iterator[Session]:
    with connect(postgres, new_database()) as opened:
        yield opened


def columns_of(session: Session, table: str) -> list[str]:
    with session.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        return [column.name for column in cursor.description or []]


def read(session: Session, table: str) -> pa.RecordBatch:
    names = columns_of(session, table)
    with session.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT (FORMAT csv)") as copy:
        batches = CsvReader(names, ["text"] * len(names)).parse(b"".join(copy))
    return batches[0]


def digest_by_server(session: Session, table: str, columns: list[DigestColumn]) -> Digest:
    values = []
    for column in columns:
        value = SQL_FORMS[column.form].format(f'"{column.name}"')
        if column.form == "output":
            value = f'CASE WHEN "{column.name}" IS NOT NULL THEN {value} END'
        values.append(f"coalesce(octet_length({value}) || ':' || ({value}), '~')")
    row = session.execute(
        f"SELECT count(*), sum(('x' || substr(md5(r), 18, 15))::bit(60)::bigint) "
        f"FROM (SELECT {' || '.join(values)} AS r FROM {table}) AS rows"
    ).fetchone()
    assert row is not None
    return Digest(rows=row[0], total=str(int(str(row[1])) % 2**64))


def assert_equal_digests(session: Session, table: str, forms: list[str]) -> None:
    columns = [DigestColumn(name, form) for name, form in zip(columns_of(session, table), forms, strict=True)]
    assert digest_batch(read(session, table), columns) == digest_by_server(session, table, columns)


def test_text_of_any_kind_hashes_as_in_the_server(session: Session) -> None:
    session.execute("CREATE TABLE t (a text, b text, c char(6))")
    session.execute(
        r"""INSERT INTO t VALUES ('', NULL, 'ab'), (NULL, '', NULL), ('~', '1:~', ''), (E'\\.', E'a\nb\r\n', '𝄞é'),
            ('héllo 😀 日本', E'tab\tquote"''', 'abcdef'), (NULL, NULL, NULL), (NULL, NULL, NULL)"""
    )
    assert_equal_digests(session, "t", ["text", "text", "output"])


def test_a_single_column_hashes_as_in_the_server(session: Session) -> None:
    session.execute("CREATE TABLE t AS SELECT nullif(i % 10, 3)::text AS only FROM generate_series(1, 100) AS i")
    assert_equal_digests(session, "t", ["text"])


def test_300_columns_hash_as_in_the_server(session: Session) -> None:
    columns = ", ".join(f"nullif((i * {n}) % 7, {n % 7})::text AS c{n}" for n in range(300))
    session.execute(f"CREATE TABLE t AS SELECT {columns} FROM generate_series(1, 50) AS i")
    assert_equal_digests(session, "t", ["text"] * 300)


def test_values_of_a_megabyte_hash_as_in_the_server(session: Session) -> None:
    session.execute(
        "CREATE TABLE t AS SELECT repeat(chr(8364 + i), 400000) AS big, repeat('x', 1048576) AS plain "
        "FROM generate_series(1, 5) AS i"
    )
    assert_equal_digests(session, "t", ["text", "text"])


def test_numbers_hash_as_in_the_server(session: Session) -> None:
    session.execute("CREATE TABLE t (d numeric, s numeric(12,4), f float8, g float4)")
    session.execute(
        """INSERT INTO t VALUES (1.10, 1.1, -0.0, '-0'), (100, 100, 'NaN', 'NaN'), ('NaN', 'NaN', 0.1, 0.1),
           ('Infinity', 0, 'Infinity', '-Infinity'), (0.000, -0.5, 5e-324, 1e-45),
           (-1200.00, 1200, 1.7976931348623157e308, 3.4028235e38),
           (repeat('9', 100)::numeric + 0.50, NULL, NULL, NULL), (NULL, 0.0001, 1e20, 16777217)"""
    )
    assert_equal_digests(session, "t", ["decimal", "decimal", "float64", "float32"])


def test_random_floats_hash_as_in_the_server(session: Session) -> None:
    session.execute("SELECT setseed(0.5)")
    session.execute(
        "CREATE TABLE t AS SELECT (random() - 0.5) * 10 ^ (random() * 600 - 300) AS f, "
        "((random() - 0.5) * 10 ^ (random() * 70 - 35))::float4 AS g FROM generate_series(1, 5000)"
    )
    assert_equal_digests(session, "t", ["float64", "float32"])


def test_a_float_that_becomes_numeric_hashes_as_the_server_writes_it_out(session: Session) -> None:
    session.execute("SELECT setseed(0.25)")
    session.execute(
        "CREATE TABLE f AS SELECT ((random() - 0.5) * 10 ^ (random() * 100 - 50)) AS v FROM generate_series(1, 2000) "
        "UNION ALL SELECT unnest(ARRAY[0, -0.0, 1e20, 1e300, 'NaN', 'Infinity']::float8[])"
    )
    session.execute("CREATE TABLE n AS SELECT v::text::numeric AS v FROM f")
    column = [DigestColumn("v", "decimal")]
    assert digest_batch(read(session, "f"), column) == digest_by_server(session, "n", column)


def test_an_empty_batch_has_the_digest_of_no_rows() -> None:
    assert digest_batch(pa.record_batch({"a": pa.array([], pa.string())}), [DigestColumn("a", "text")]) == Digest()


def test_parts_add_up_in_any_order() -> None:
    values = [None if n % 5 == 0 else str(n) for n in range(1000)]
    shuffled = random.Random(1).sample(values, 1000)
    columns = [DigestColumn("a", "text")]
    whole = digest_batch(pa.record_batch({"a": pa.array(values)}), columns)
    parts = [
        digest_batch(pa.record_batch({"a": pa.array(shuffled[at : at + 300])}), columns) for at in range(0, 1000, 300)
    ]
    assert sum(parts, Digest()) == whole
    assert whole.rows == 1000


@pytest.mark.parametrize(
    ("one", "other"),
    [(["", "a"], [None, "a"]), (["1.10"], ["1.1"]), (["a", "a"], ["a"]), (["ab", ""], ["a", "b"])],
)
def test_unequal_rows_have_unequal_digests(one: list[str | None], other: list[str | None]) -> None:
    columns = [DigestColumn("a", "text")]
    assert digest_batch(pa.record_batch({"a": pa.array(one, pa.string())}), columns) != digest_batch(
        pa.record_batch({"a": pa.array(other, pa.string())}), columns
    )


def test_values_that_move_between_rows_or_columns_change_the_digest() -> None:
    columns = [DigestColumn("a", "text"), DigestColumn("b", "text")]
    right = digest_batch(pa.record_batch({"a": ["1", "2"], "b": ["x", "y"]}), columns)
    assert digest_batch(pa.record_batch({"a": ["1", "2"], "b": ["y", "x"]}), columns) != right
    assert digest_batch(pa.record_batch({"a": ["x", "y"], "b": ["1", "2"]}), columns) != right


def test_large_text_and_slices_hash_like_plain_text() -> None:
    columns = [DigestColumn("a", "text"), DigestColumn("f", "float64"), DigestColumn("d", "decimal")]
    data = {"a": ["p", "q", None, "r"], "f": ["0.5", "1", None, "NaN"], "d": ["1.0", "2e3", None, "NaN"]}
    plain = pa.record_batch({name: pa.array(values, pa.string()) for name, values in data.items()})
    large = pa.record_batch({name: pa.array(values, pa.large_string()) for name, values in data.items()})
    assert digest_batch(large.slice(1, 3), columns) == digest_batch(plain.slice(1, 3), columns)
    assert digest_batch(plain.slice(0, 1), columns) + digest_batch(plain.slice(1, 3), columns) == digest_batch(
        plain, columns
    )


@pytest.mark.parametrize("form", ["decimal", "float32", "float64"])
def test_text_that_is_no_number_is_rejected_without_showing_it(form: str) -> None:
    with pytest.raises(DataRejected, match="column amount") as caught:
        canonical_text(pa.array(["secret"]), DigestColumn("amount", form))
    assert "secret" not in str(caught.value)


def test_a_form_that_only_a_server_knows_is_a_defect() -> None:
    with pytest.raises(Defect, match="native"):
        canonical_text(pa.array(["1"]), DigestColumn("a", "native"))
