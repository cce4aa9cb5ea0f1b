"""The PostgreSQL that Debian ships (15 in Debian 12) beside the newest: tables go up and down, both prove one sum."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.contract import (
    Credentials,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LoadBeginning,
    LoadTarget,
    Selection,
)
from connectors.postgres.connector import Postgres
from connectors.postgres.hashing import RECORD_HASH
from connectors.postgres.options import PostgresOptions
from core.ranges import WholeTable
from core.schema import Digest, TableName
from deploy.local.postgres_server import PostgresServer
from tests.conftest import connect

INSTALLED = Path("/usr/lib/postgresql")
TABLE = TableName(schema_name="public", name="mixed")
COLUMNS = {
    "id": ("bigint PRIMARY KEY", "'1'", "'-9223372036854775808'"),
    "small": ("smallint", "'-1'", "NULL"),
    "amount": ("numeric", "'-1.10'", "'NaN'"),
    "price": ("numeric(12,2) DEFAULT 0.5", "'1.1'", "'0'"),
    "ratio": ("double precision", "'-0'", "'NaN'"),
    "code": ("char(5)", "'a'", "''"),
    "name": ("varchar(20) NOT NULL UNIQUE", "'ä 🙂'", "''"),
    "note": ("text", "E'tab\\t\\n\\\\N'", "NULL"),
    "raw": ("bytea", "'\\x00ff'", "''"),
    "day": ("date", "'0044-03-15 BC'", "'infinity'"),
    "at": ("timestamp", "'1999-12-31 23:59:59.999999'", "'-infinity'"),
    "moment": ("timestamptz", "'2024-03-31 01:30:00+00'", "NULL"),
    "clock": ("timetz", "'24:00:00+02'", "NULL"),
    "span": ("interval", "'1 year 2 mons -3 days 04:05:06.7'", "'30 days'"),
    "key": ("uuid", "'00000000-0000-0000-0000-000000000001'", "NULL"),
    "tags": ("text[]", "'[0:1]={a,NULL}'", "'{}'"),
    "body": ("jsonb", """'{"a": [1.10, null]}'""", "'null'"),
    "host": ("inet", "'10.0.0.0/8'", "NULL"),
}


@pytest.fixture(scope="module")
def older() -> Iterator[PostgresServer]:
    """A private server of Debian's release; skips where it is not installed."""
    programs = sorted(INSTALLED.glob("*/bin/initdb"))
    if not programs:
        pytest.skip("no older PostgreSQL is installed (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres-older", binaries=programs[0].parent)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.mark.parametrize("upwards", [True, False])
async def test_a_table_goes_from_one_release_to_another_and_is_proved(
    postgres: PostgresServer, older: PostgresServer, upwards: bool
) -> None:
    sides = (older, postgres) if upwards else (postgres, older)
    database = f"releases_{upwards}".lower()
    for server in sides:
        with connect(server, "postgres") as connection:
            connection.execute(f"CREATE DATABASE {database}")
    _fill(sides[0], database)
    source, destination = (_connector(server, database) for server in sides)
    table = (await source.describe_tables([TABLE]))[TABLE]
    names = [column.name for column in table.columns]
    ddl = destination.table_ddl(table, TABLE, {name: name for name in names}, {TABLE: TABLE}, {})
    assert await destination.create([ddl]) == {}
    method = DigestMethod(
        RECORD_HASH, tuple(DigestColumn(one.name, source.digest_form(one, RECORD_HASH)) for one in table.columns)
    )
    pieces: list[bytes] = []

    async def keep(piece: bytes) -> None:
        pieces.append(piece)

    async with source.reading(None) as reader:
        rows = await reader.read_native(Selection(table, names), WholeTable(), keep)
        expected = await reader.digest(Selection(table, names), WholeTable(), method)
    await _load(destination, LoadTarget(TABLE, names), pieces, Digest(rows=rows, total=expected.total))
    await destination.build([*ddl.keys, *ddl.checks], 1)
    assert await destination.digest_table(TABLE, method) == expected
    assert expected.rows == 2
    assert _texts(sides[0], database) == _texts(sides[1], database)
    arrived = (await destination.describe_tables([TABLE]))[TABLE]
    assert [column.type for column in arrived.columns] == [column.type for column in table.columns]
    assert (arrived.primary_key, arrived.unique_keys) == (table.primary_key, table.unique_keys)


async def _load(destination: Postgres, target: LoadTarget, pieces: list[bytes], digest: Digest) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    await destination.prepare_ledger()
    begun = await destination.begin_load(LoadBeginning("job", "table", 1, "1"), target, replace=False)
    await destination.load_native(
        target, LedgerEntry("job", "table", begun.load, 0, digest), parts(), lambda moved: None
    )


def _fill(server: PostgresServer, database: str) -> None:
    columns = ", ".join(f"{name} {column[0]}" for name, column in COLUMNS.items())
    with connect(server, database) as connection:
        connection.execute(f"CREATE TABLE mixed ({columns})".encode())
        for row in (1, 2):
            connection.execute(f"INSERT INTO mixed VALUES ({', '.join(one[row] for one in COLUMNS.values())})".encode())


def _texts(server: PostgresServer, database: str) -> list[tuple[object, ...]]:
    with connect(server, database) as connection:
        return connection.execute("SELECT t::text FROM mixed AS t ORDER BY id").fetchall()


def _connector(server: PostgresServer, database: str) -> Postgres:
    options = PostgresOptions(host="127.0.0.1", port=server.port, database=database, user=server.user)
    return Postgres(options, Credentials(), "test")
