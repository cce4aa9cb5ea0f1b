"""Different values never hash alike, and NULL like none of them: digests of single values on a real server."""

from __future__ import annotations

import psycopg
import pytest

from connectors.contract import (
    Credentials,
    DigestColumn,
    DigestMethod,
    Selection,
)
from connectors.postgres.connector import Postgres
from connectors.postgres.hashing import RECORD_HASH
from connectors.postgres.options import PostgresOptions
from core.ranges import WholeTable
from core.schema import Digest, TableName
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

LOOKALIKES = {
    "numeric": ["1.10", "-1.10", "1.1", "NaN", "0", "0.00", "Infinity", "-Infinity"],
    "numeric(12,2)": ["1.10", "-1.10", "NaN", "0"],
    "bigint": ["-1", "4294967295", "0", "1", "-4294967296", "4294967296", "-9223372036854775808"],
    # Microseconds from 2000 on that differ in the high half of the 64 bits as -1 and 4294967295 do.
    "timestamp": ["1999-12-31 23:59:59.999999", "2000-01-01 01:11:34.967295", "2000-01-01", "infinity", "-infinity"],
    "timestamptz": ["1999-12-31 23:59:59.999999+00", "2000-01-01 01:11:34.967295+00", "infinity", "-infinity"],
    # 1 and 2^32 microseconds fold to the same 32 bits.
    "time": ["00:00:00.000001", "01:11:34.967296", "00:00:00", "24:00:00"],
    "pg_lsn": ["0/1", "1/0", "0/0", "FFFFFFFF/FFFFFFFF", "FFFFFFFE/1"],
    "xid8": ["1", "4294967296", "0"],
    "money": ["0.00", "42949672.96", "-0.01"],
    "integer": ["0", "-1", "1"],
    "smallint": ["0", "-1"],
    "oid": ["0", "4294967295"],
    "boolean": ["true", "false"],
    "date": ["2000-01-01", "infinity", "-infinity"],
    "double precision": ["0", "-0", "NaN"],
    "text": ["", " ", "0"],
    "varchar(3)": ["", " "],
    "char(3)": ["", "a"],
    "name": ["", "a"],
    "bytea": ["", "\\x00", "\\x0000"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"],
    "macaddr": ["00:00:00:00:00:00", "00:00:00:00:00:01"],
    "macaddr8": ["00:00:00:00:00:00:00:00", "00:00:00:00:00:00:00:01"],
    "big_number": ["-1", "4294967295"],
}


class Hashed:
    """A database whose tables are hashed by the product, each column in the form that the product chose."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        options = PostgresOptions(host="127.0.0.1", port=server.port, database=name, user=server.user)
        self._connector = Postgres(options, Credentials(), "test")

    async def prove(self, table: str) -> tuple[Digest, dict[int, int], DigestMethod, Selection]:
        """Digest and row hashes of a table, and how they were made."""
        name = TableName(schema_name="public", name=table)
        description = (await self._connector.describe_tables([name]))[name]
        columns = tuple(
            DigestColumn(column.name, self._connector.digest_form(column, RECORD_HASH))
            for column in description.columns
        )
        method = DigestMethod(RECORD_HASH, columns)
        selection = Selection(description, [column.name for column in columns])
        async with self._connector.reading(None) as reader:
            digest = await reader.digest(selection, WholeTable(), method)
            return digest, await reader.row_hashes(selection, WholeTable(), method), method, selection

    async def examples(self, table: str) -> list[dict[str, str]]:
        """An example row for each hash of a table."""
        _, hashes, method, selection = await self.prove(table)
        async with self._connector.reading(None) as reader:
            return await reader.example_rows(selection, WholeTable(), method, list(hashes))


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, new_database: NewDatabase) -> str:
    name = new_database()
    with connect(postgres, name) as connection:
        connection.execute("CREATE DOMAIN big_number AS bigint")
    return name


@pytest.fixture
def hashed(postgres: PostgresServer, database: str) -> Hashed:
    return Hashed(postgres, database)


def create(server: PostgresServer, database: str, table: str, native: str, values: list[str | None]) -> None:
    with connect(server, database) as connection:
        connection.execute(f"CREATE TABLE {table} (value {native}, other int)".encode())
        with connection.cursor() as cursor:
            for value in values:
                insert = psycopg.sql.SQL("INSERT INTO {} VALUES ({}, 7)")
                cursor.execute(insert.format(psycopg.sql.Identifier(table), psycopg.sql.Literal(value)))


@pytest.mark.parametrize("native", LOOKALIKES)
async def test_values_of_a_type_and_null_have_hashes_of_their_own(
    postgres: PostgresServer, database: str, hashed: Hashed, native: str
) -> None:
    table = f"t_{list(LOOKALIKES).index(native)}"
    create(postgres, database, table, native, [*LOOKALIKES[native], None])
    digest, hashes, _, _ = await hashed.prove(table)
    assert digest.rows == len(LOOKALIKES[native]) + 1
    assert len(hashes) == digest.rows, "two values hash alike"


async def test_example_rows_show_values_and_not_their_bytes(
    postgres: PostgresServer, database: str, hashed: Hashed
) -> None:
    create(postgres, database, "shown", "bigint", ["-1", None])
    found = await hashed.examples("shown")
    assert sorted(str(row["value"]) for row in found) == ["-1", "None"]
