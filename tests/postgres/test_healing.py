"""Rows loaded in place of others, and digests by key, where PostgreSQL has something of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.base import ComparesKeys
from connectors.contract import (
    CANONICAL_DIGEST,
    Credentials,
    DigestColumn,
    DigestMethod,
    KeyBuckets,
    LedgerEntry,
    LoadBeginning,
    Loaded,
    LoadTarget,
    Selection,
)
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from core.errors import InvalidConfiguration
from core.key_spans import KeySpans
from core.ranges import WholeTable
from core.schema import Digest, TableName
from core.value_type import ValueType
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

TABLE = TableName(schema_name="public", name="t")


class Destination:
    """The table `t` with four rows, one of them without a key."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        self._server, self._database = server, database
        options = PostgresOptions(host="127.0.0.1", port=server.port, database=database, user=server.user)
        self.connector = Postgres(options, Credentials(), "test")
        self.execute("CREATE TABLE t (id bigint UNIQUE, j json); INSERT INTO t VALUES (1, '1'), (2, '2'), (9, '3')")
        self.execute("INSERT INTO t VALUES (NULL, '4')")

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        with connect(self._server, self._database) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    async def heal(self, rows: bytes, spans: KeySpans) -> Loaded:
        await self.connector.prepare_ledger()
        begun = await self.connector.begin_load(
            LoadBeginning("job", "table", 1, "1"), LoadTarget(TABLE, []), replace=False
        )
        target = LoadTarget(TABLE, ["id", "j"], as_text=True, in_place_of=spans)
        entry = LedgerEntry("job", "table", begun.load, 3, Digest(rows=rows.count(b"\n")))
        return await self.connector.load_native(target, entry, _parts(rows), lambda moved: None)


async def _parts(rows: bytes) -> AsyncIterator[bytes]:
    yield rows


@pytest.fixture
def destination(postgres: PostgresServer, new_database: NewDatabase) -> Destination:
    return Destination(postgres, new_database())


async def test_rows_without_a_key_go_where_the_span_says_so(destination: Destination) -> None:
    healed = await destination.heal(b"2\t5\n", KeySpans(column="id", spans=[(2, 3), (8, 20)], nulls=True))
    assert destination.execute("SELECT id, j::text FROM t ORDER BY id") == [(1, "1"), (2, "5")]
    assert healed.digest.rows == 1 - 3
    assert destination.execute("SELECT rows FROM sterna_ledger WHERE number = 3") == [(-2,)]


async def test_a_foreign_key_that_would_take_other_rows_along_is_refused(destination: Destination) -> None:
    destination.execute(
        "CREATE TABLE others (t_id bigint REFERENCES t (id) ON DELETE CASCADE); INSERT INTO others VALUES (2)"
    )
    with pytest.raises(
        InvalidConfiguration, match=r"foreign key others_t_id_fkey of public.others .* Drop that foreign key"
    ):
        await destination.heal(b"2\t5\n", KeySpans(column="id", spans=[(2, 3)]))
    assert destination.execute("SELECT t_id FROM others") == [(2,)]
    assert destination.execute("SELECT number FROM sterna_ledger WHERE number >= 0") == []


async def test_documents_that_only_sterna_can_hash_are_told_apart_by_key(destination: Destination) -> None:
    integer = ValueType(kind="integer")
    columns = (DigestColumn("id", "text", integer, "bigint"), DigestColumn("j", "json", ValueType(kind="json"), "json"))
    schema = (await destination.connector.describe_tables([TABLE]))[TABLE]
    async with destination.connector.reading(None) as session:
        assert isinstance(session, ComparesKeys)
        found = await session.bucket_digests(
            Selection(schema, ["id", "j"]),
            WholeTable(),
            DigestMethod(CANONICAL_DIGEST, columns),
            KeyBuckets("id", 1, 8),
        )
    assert {bucket: digest.rows for bucket, digest in found.items()} == {0: 2, 1: 1, None: 1}
