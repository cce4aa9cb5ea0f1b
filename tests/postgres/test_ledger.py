"""The ledger on a real server: each batch once, whoever comes twice or late."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from connectors.contract import (
    Credentials,
    LedgerEntry,
    LoadBeginning,
    LoadRef,
    LoadTarget,
)
from connectors.postgres import ledger
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import LIVENESS_SETTINGS
from core.errors import Contended, DataMismatch, Defect
from core.schema import Digest, TableName
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

TARGET = LoadTarget(TableName(schema_name="public", name="numbers"), ["i"], as_text=True)


@pytest.fixture
def database(postgres: PostgresServer, new_database: NewDatabase) -> str:
    name = new_database()
    with connect(postgres, name) as connection:
        connection.execute("CREATE TABLE numbers (i int)")
    return name


@pytest.fixture
async def destination(postgres: PostgresServer, database: str) -> Postgres:
    connector = build(postgres, database)
    await connector.prepare_ledger()
    return connector


def build(postgres: PostgresServer, database: str) -> Postgres:
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database=database, user=postgres.user)
    return Postgres(options, Credentials(), "test")


async def begin(destination: Postgres, token: str, *, run: int = 1, replace: bool = False) -> int:
    beginning = LoadBeginning("job", "table", run, token)
    return (await destination.begin_load(beginning, TARGET, replace=replace)).load


def entry(load: int, number: int, rows: int) -> LedgerEntry:
    return LedgerEntry("job", "table", load, number, Digest(rows=rows, total="7"))


async def parts(*pieces: bytes, wait_for: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if wait_for is not None:
        await wait_for.wait()


def count(postgres: PostgresServer, database: str, where: str = "") -> int:
    with connect(postgres, database) as connection:
        found = connection.execute(f"SELECT count(*) FROM numbers {where}").fetchone()
    assert found is not None
    return int(str(found[0]))


async def load(destination: Postgres, what: LedgerEntry, source: AsyncIterator[bytes]) -> bool:
    return (await destination.load_native(TARGET, what, source, lambda moved: None)).repeated


async def test_the_same_batch_is_loaded_once(destination: Postgres, postgres: PostgresServer, database: str) -> None:
    number = await begin(destination, "1")
    assert not await load(destination, entry(number, 0, 2), parts(b"1\n2\n"))
    assert await load(destination, entry(number, 0, 2), parts(b"1\n2\n"))
    assert count(postgres, database) == 2


async def test_a_row_count_that_differs_rolls_rows_and_ledger_back(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    number = await begin(destination, "1")
    with pytest.raises(DataMismatch):
        await load(destination, entry(number, 0, 3), parts(b"1\n2\n"))
    assert count(postgres, database) == 0
    assert await destination.ledger_rows(LoadRef("job", "table", number)) == []


async def test_the_same_token_keeps_the_load_and_a_new_one_takes_its_rows_away(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    first = await begin(destination, "1")
    await load(destination, entry(first, 0, 1), parts(b"1\n"))
    assert await begin(destination, "1") == first
    assert count(postgres, database) == 1
    assert await begin(destination, "2") == first + 1
    assert count(postgres, database) == 0


async def test_a_new_copy_spares_rows_that_stood_before(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    with connect(postgres, database) as connection:
        connection.execute("INSERT INTO numbers VALUES (100), (101)")
    first = await begin(destination, "1")
    await load(destination, entry(first, 0, 3), parts(b"1\n2\n3\n"))
    await begin(destination, "2")
    assert count(postgres, database) == 2
    assert count(postgres, database, "WHERE i >= 100") == 2


async def test_another_run_appends_or_replaces_as_it_is_told(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    first = await begin(destination, "1")
    await load(destination, entry(first, 0, 1), parts(b"1\n"))
    second = await begin(destination, "2", run=2)
    await load(destination, entry(second, 0, 1), parts(b"1\n"))
    assert count(postgres, database) == 2
    third = await begin(destination, "3", run=3, replace=True)
    await load(destination, entry(third, 0, 1), parts(b"1\n"))
    assert count(postgres, database) == 1


async def test_a_predecessor_that_holds_the_batch_is_ended(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    number = await begin(destination, "1")
    for_ever = asyncio.Event()
    stalled = asyncio.create_task(load(destination, entry(number, 0, 1), parts(b"1\n", wait_for=for_ever)))
    await asyncio.sleep(0.5)
    assert not await load(build(postgres, database), entry(number, 0, 1), parts(b"1\n"))
    for_ever.set()
    with contextlib.suppress(Exception):
        await stalled
    assert count(postgres, database) == 1


async def test_a_straggler_of_an_earlier_load_cannot_write_into_the_new_one(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    first = await begin(destination, "1")
    for_ever = asyncio.Event()
    straggler = asyncio.create_task(load(destination, entry(first, 0, 1), parts(b"1\n", wait_for=for_ever)))
    await asyncio.sleep(0.5)
    await begin(build(postgres, database), "2")
    for_ever.set()
    with contextlib.suppress(Exception):
        await straggler
    with pytest.raises(Defect):
        await load(destination, entry(first, 1, 1), parts(b"2\n"))
    assert count(postgres, database) == 0


async def test_a_new_copy_into_an_empty_table_spares_rows_that_came_since(
    destination: Postgres, postgres: PostgresServer, database: str
) -> None:
    first = await begin(destination, "1")
    await load(destination, entry(first, 0, 1), parts(b"1\n"))
    with connect(postgres, database) as connection:
        connection.execute("INSERT INTO numbers VALUES (100)")
    second = await begin(destination, "2")
    assert count(postgres, database, "WHERE i < 100") == 0
    await load(destination, entry(second, 0, 1), parts(b"2\n"))
    await begin(destination, "3")
    assert count(postgres, database) == count(postgres, database, "WHERE i = 100") == 1


async def test_a_table_that_others_read_is_not_emptied_and_does_not_hold_them_up(
    destination: Postgres, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "EMPTYING_LOCK_TIMEOUT", "200ms")
    with connect(postgres, database) as reader:
        reader.execute("INSERT INTO numbers VALUES (100)")
        with reader.transaction():
            reader.execute("SELECT count(*) FROM numbers")
            async with asyncio.timeout(20):
                with pytest.raises(Contended):
                    await begin(destination, "1", replace=True)
    assert count(postgres, database) == 1
    await begin(destination, "1", replace=True)
    assert count(postgres, database) == 0


async def test_a_batch_that_meets_a_locked_table_ends_as_contended(
    destination: Postgres, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await begin(destination, "1")
    monkeypatch.setitem(LIVENESS_SETTINGS, "lock_timeout", "200ms")
    with connect(postgres, database) as other, other.transaction():
        other.execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(20):
            with pytest.raises(Contended):
                await load(destination, entry(number, 0, 1), parts(b"1\n"))


async def test_a_predecessor_is_ended_by_a_session_that_works_as_another_role(
    postgres: PostgresServer, database: str
) -> None:
    with connect(postgres, database) as connection:
        connection.execute(f"""
            CREATE ROLE {database}_owner NOLOGIN;
            CREATE ROLE {database}_login LOGIN IN ROLE {database}_owner;
            GRANT CREATE, USAGE ON SCHEMA public TO {database}_owner;
            ALTER TABLE numbers OWNER TO {database}_owner;
        """)  # type: ignore[arg-type]
    options = PostgresOptions(
        host="127.0.0.1",
        port=postgres.port,
        database=database,
        user=f"{database}_login",
        role=f"{database}_owner",
    )
    destination = Postgres(options, Credentials(), "test")
    await destination.prepare_ledger()
    number = await begin(destination, "1")
    for_ever = asyncio.Event()
    stalled = asyncio.create_task(load(destination, entry(number, 0, 1), parts(b"1\n", wait_for=for_ever)))
    await asyncio.sleep(0.5)
    assert not await load(destination, entry(number, 0, 1), parts(b"1\n"))
    for_ever.set()
    with contextlib.suppress(Exception):
        await stalled
    assert count(postgres, database) == 1
