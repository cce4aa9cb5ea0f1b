"""The keeper and those who read under its snapshot: the right moment or none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.contract import Credentials, Selection
from connectors.postgres import snapshot
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from core.errors import Contended, NotFound, SnapshotGone
from core.schema import TableName
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

RELATIONS = """
CREATE TABLE t (id int); INSERT INTO t VALUES (1);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE VIEW looked_at AS SELECT * FROM t;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM t;
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE away (id int) SERVER nowhere;
"""


@pytest.fixture
def database(postgres: PostgresServer, new_database: NewDatabase) -> str:
    name = new_database()
    with connect(postgres, name) as connection:
        connection.execute(RELATIONS)
    return name


@pytest.fixture
def source(postgres: PostgresServer, database: str) -> Postgres:
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database=database, user=postgres.user)
    return Postgres(options, Credentials(), "test")


def tables(*names: str) -> Sequence[TableName]:
    return [TableName(schema_name="public", name=name) for name in names]


async def count(source: Postgres, moment: str | None) -> int:
    (name,) = tables("t")
    selection = Selection((await source.describe_tables([name]))[name], ["id"])
    async with source.reading(moment) as reader:
        return await reader.count(selection)


async def test_a_snapshot_is_read_as_it_was_and_is_gone_with_its_keeper(
    source: Postgres, postgres: PostgresServer, database: str
) -> None:
    async with source.keeping_snapshot(tables("t")) as keeper:
        with connect(postgres, database) as connection:
            connection.execute("INSERT INTO t VALUES (2)")
        assert (await count(source, keeper.taken.id), await count(source, None)) == (1, 2)
    with pytest.raises(SnapshotGone):
        await count(source, keeper.taken.id)


async def test_an_id_that_stands_for_another_moment_is_gone(
    source: Postgres, postgres: PostgresServer, database: str
) -> None:
    """As after a restart of the server, when another session's snapshot has the id."""
    async with source.keeping_snapshot([]) as before:
        pass
    with connect(postgres, database) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    async with source.keeping_snapshot([]) as after:
        exported, moment = after.taken.id.split("@")
        assert moment != before.taken.id.split("@")[1]
        with pytest.raises(SnapshotGone):
            await count(source, f"{exported}@{before.taken.id.split('@')[1]}")
        assert await count(source, after.taken.id) == 2


async def test_a_snapshot_with_transactions_in_flight_is_the_same_for_its_readers(
    source: Postgres, postgres: PostgresServer, database: str
) -> None:
    with connect(postgres, database) as writing, writing.transaction():
        writing.execute("INSERT INTO t VALUES (2)")
        with connect(postgres, database) as other:
            other.execute("INSERT INTO t VALUES (3)")
        async with source.keeping_snapshot(tables("t")) as keeper:
            assert await count(source, keeper.taken.id) == 2


async def test_the_keeper_locks_what_can_be_locked_and_leaves_the_rest(
    source: Postgres, postgres: PostgresServer, database: str
) -> None:
    async with source.keeping_snapshot(tables("t", "parts", "looked_at", "kept", "away")):
        with connect(postgres, database) as connection:
            locked = connection.execute(
                "SELECT relation::regclass::text FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE "
                "application_name LIKE 'sterna%' AND mode = 'AccessShareLock' AND datname = current_database() "
                "AND relation >= 16384"
            ).fetchall()
    assert {str(row[0]) for row in locked} == {"t", "parts", "looked_at"}


async def test_a_table_that_does_not_exist_is_not_found(source: Postgres) -> None:
    with pytest.raises(NotFound, match="missing"):
        async with source.keeping_snapshot(tables("t", "missing")):
            pass


@pytest.mark.parametrize("timeout", ["LOCK_TIMEOUT", "LOCKING_TIMEOUT"])
async def test_a_locked_table_does_not_hold_up_the_keeper(
    source: Postgres, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch, timeout: str
) -> None:
    monkeypatch.setattr(snapshot, timeout, "200ms")
    with connect(postgres, database) as other, other.transaction():
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Contended):
            async with source.keeping_snapshot(tables("t")):
                pass
