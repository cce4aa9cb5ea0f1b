"""Other processes may read and write the file meanwhile: Sterna waits for them, and not for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from connectors.contract import Selection
from connectors.sql import lock_holders
from core.errors import Contended, InvalidConfiguration, NotFound
from core.value_type import ValueType
from tests.sqlite.conftest import Arriving, Database

NewFile = Callable[[str], Database]


async def test_a_load_waits_until_the_file_is_free(new_file: NewFile) -> None:
    arriving = Arriving(new_file("destination"), {"id": ValueType(kind="integer")})
    await arriving.create()
    begun = await arriving.begin()
    with closing(sqlite3.connect(arriving.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        loading = asyncio.create_task(arriving.load(begun.load, 0, [("1",)]))
        done, _ = await asyncio.wait([loading], timeout=0.2)
        assert not done
        other.execute("COMMIT")
        assert (await loading).digest.rows == 1


async def test_a_commit_waits_for_readers(new_file: NewFile) -> None:
    arriving = Arriving(new_file("destination"), {"id": ValueType(kind="integer")})
    await arriving.create()
    begun = await arriving.begin()
    arriving.database.insert("t", [(5,), (6,)])
    with closing(sqlite3.connect(arriving.database.path, isolation_level=None)) as reader:
        cursor = reader.execute("SELECT * FROM t")
        cursor.fetchone()
        loading = asyncio.create_task(arriving.load(begun.load, 0, [("1",)]))
        done, _ = await asyncio.wait([loading], timeout=0.2)
        assert not done
        cursor.close()
        assert (await loading).digest.rows == 1
    assert arriving.database.rows("SELECT count(*) FROM t") == [(3,)]


async def test_a_file_that_stays_locked_is_contended_after_the_timeout(new_file: NewFile) -> None:
    database = new_file("destination")
    database.run("CREATE TABLE t (id)")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(Contended, match="database is locked"):
            await database.connector(lock_timeout=0.3).prepare_ledger()
        assert time.monotonic() - started < 5


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO t VALUES (1)")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_a_stopped_process_that_keeps_its_lock_is_named(journal: str, new_file: NewFile) -> None:
    database = new_file("destination")
    database.run(f"PRAGMA journal_mode = {journal}", "CREATE TABLE t (id)")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(database.path)], **pipes) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Contended, match=rf"held by process {holder.pid} \(stopped\)"):
                await database.connector(lock_timeout=0.3).prepare_ledger()
        finally:
            holder.kill()
    await database.connector().prepare_ledger()


async def test_a_login_to_a_locked_file_ends_soon_enough_to_say_why(
    new_file: NewFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_file("source")
    database.run("CREATE TABLE t (id)")
    monkeypatch.setattr(lock_holders, "CHECK_SECONDS", 0.3)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Contended, match="database is locked"):
            await asyncio.wait_for(database.connector(lock_timeout=60).check(), 20)


async def test_one_reading_sees_one_moment(new_file: NewFile) -> None:
    database = new_file("source")
    database.run("PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    schema = await database.describe("t")
    async with database.connector().reading(None) as reader:
        selection = Selection(schema, ["id"], interchange=True)
        assert await reader.count(selection) == 1
        database.run("INSERT INTO t VALUES (2)")
        assert await reader.count(selection) == 1


async def test_a_source_that_is_missing_is_refused_and_not_made(new_file: NewFile) -> None:
    database = new_file("source")
    assert (await database.connector().check()).warnings == ("the file is not there yet",)
    with pytest.raises(NotFound, match="there is no file"):
        await database.connector().list_tables(["*"], [])
    with pytest.raises(NotFound, match="there is no file"):
        async with database.connector().reading(None):
            pass
    assert not database.path.exists()


async def test_a_file_that_is_no_database_is_named_as_such(new_file: NewFile) -> None:
    database = new_file("source")
    database.path.write_text("id,name\n" * 200, encoding="utf-8")
    with pytest.raises(InvalidConfiguration, match="not a database"):
        await database.connector().check()


async def test_reading_changes_nothing_whatever_the_where_clause_says(new_file: NewFile) -> None:
    database = new_file("source")
    database.run("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    schema = await database.describe("t")
    for clause in ("1 = 1); DELETE FROM t; SELECT (1", "id = ?", "id =", "nope = 1", '"nope" = 1 AND `nope` = 2'):
        with pytest.raises((InvalidConfiguration, NotFound)):
            await database.connector().check_selection(Selection(schema, ["id"], clause, interchange=True))
    await database.connector().check_selection(Selection(schema, ["id"], "id > 0 -- all", interchange=True))
    assert database.rows("SELECT count(*) FROM t") == [(1,)]
