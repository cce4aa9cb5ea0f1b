"""One process at a time may write the file: Sterna's wait for each other, and a killed one leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.duckdb.turn import Turn
from connectors.sql import lock_holders
from core.errors import AccessDenied, Contended, InvalidConfiguration, NotFound, Unavailable
from core.schema import Digest
from tests.duckdb.conftest import Arriving, Database, NewFile

HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("open", flush=True)
sys.stdin.readline()
"""
LOADER = """
import asyncio, sys
from pathlib import Path
from tests.duckdb.conftest import Arriving, Database
from core.schema import Digest

async def load(source, destination):
    arriving = Arriving(destination, await source.describe("t"))
    await arriving.create()
    begun = await arriving.begin()
    part, *_ = await source.read("t")

    async def parts():
        yield part
        print("written", flush=True)
        await asyncio.sleep(600)
        yield part

    from connectors.contract import LedgerEntry
    entry = LedgerEntry("job", "table", begun.load, 0, Digest(rows=2 * part.num_rows))
    await destination.connector().load_arrow(arriving.target, entry, parts(), lambda _: None)

asyncio.run(load(*(Database(Path(path)) for path in sys.argv[1:])))
"""
KILLED = """
import os, signal, sys, duckdb
connection = duckdb.connect(sys.argv[1])
for statement in ("CREATE TABLE t (i INTEGER)", "CHECKPOINT", "INSERT INTO t SELECT range FROM range(1000)"):
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""
BUSY = """
import asyncio, itertools, sys
from connectors.contract import Credentials
from connectors.duckdb.connector import Duckdb
from connectors.duckdb.options import DuckdbOptions

async def main():
    connector = Duckdb(DuckdbOptions(path=sys.argv[1]), Credentials(), "busy")
    opened = asyncio.Event()

    async def work():
        while True:
            async with connector.open_session("working"):
                opened.set()
                await asyncio.sleep(0.2)

    first = asyncio.create_task(work())
    await opened.wait()
    await asyncio.sleep(0.1)
    second = asyncio.create_task(work())  # there is always one that has the file open
    print("open", flush=True)
    await asyncio.gather(first, second)

asyncio.run(main())
"""
ROOT = Path(__file__).parent.parent.parent


@contextmanager
def started(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def rows_of(database: Database, rows: int) -> None:
    database.run(f"CREATE TABLE t AS SELECT range AS id, 'row ' || range AS v FROM range({rows})")


async def arriving_in(database: Database, source: Database) -> Arriving:
    rows_of(source, 10)
    arriving = Arriving(database, await source.describe("t"))
    await arriving.create()
    return arriving


@pytest.mark.parametrize("mode", ["read", "write"])
async def test_a_load_waits_for_the_process_that_has_the_file_open(mode: str, new_file: NewFile) -> None:
    source, destination = new_file("source"), new_file("destination")
    arriving = await arriving_in(destination, source)
    begun = await arriving.begin()
    parts = await source.read("t")
    with started(HOLDER, str(destination.path), mode) as holder:
        loading = asyncio.create_task(arriving.load(begun.load, 0, parts))
        done, _ = await asyncio.wait([loading], timeout=0.5)
        assert not done
        holder.communicate("\n")
        assert (await loading).digest.rows == 10
    assert destination.rows("SELECT count(*) FROM t") == [(10,)]


async def test_a_worker_whose_sessions_overlap_lets_another_one_in(new_file: NewFile) -> None:
    source, destination = new_file("source"), new_file("destination")
    arriving = await arriving_in(destination, source)
    begun = await arriving.begin()
    parts = await source.read("t")
    with started(BUSY, str(destination.path)):
        for number in range(3):
            assert (await arriving.load(begun.load, number, parts, lock_timeout=10)).digest.rows == 10


async def test_who_is_stopped_while_waiting_for_the_file_keeps_nobody_out(new_file: NewFile) -> None:
    source, destination = new_file("source"), new_file("destination")
    arriving = await arriving_in(destination, source)
    begun = await arriving.begin()
    parts = await source.read("t")
    with Turn(str(destination.path), make=True) as turn:
        assert turn.take()
        assert (await arriving.load(begun.load, 0, parts, lock_timeout=1)).digest.rows == 10


async def test_a_file_that_stays_open_elsewhere_is_contended(new_file: NewFile) -> None:
    database = new_file("destination")
    rows_of(database, 1)
    with started(HOLDER, str(database.path), "write"):
        begun = time.monotonic()
        with pytest.raises(Contended, match="Could not set lock"):
            await database.connector(lock_timeout=0.3).prepare_ledger()
        assert time.monotonic() - begun < 10


async def test_a_stopped_process_that_keeps_the_file_is_named(new_file: NewFile) -> None:
    database = new_file("destination")
    rows_of(database, 1)
    with started(HOLDER, str(database.path), "write") as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        with pytest.raises(Contended, match=rf"held by process {holder.pid} \(stopped\)"):
            await database.connector(lock_timeout=0.3).prepare_ledger()


async def test_a_login_to_a_file_that_is_kept_open_ends_soon_enough_to_say_why(
    new_file: NewFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_file("destination")
    rows_of(database, 1)
    monkeypatch.setattr(lock_holders, "CHECK_SECONDS", 0.3)
    with started(HOLDER, str(database.path), "write") as holder:
        checking = asyncio.wait_for(database.connector(lock_timeout=60).check(), 20)
        with pytest.raises(Contended, match=f"held by process {holder.pid}"):
            await checking


async def test_readers_of_several_processes_read_at_once(new_file: NewFile) -> None:
    database = new_file("source")
    rows_of(database, 10)
    with started(HOLDER, str(database.path), "read"):
        assert sum(part.num_rows for part in await database.read("t")) == 10


async def test_readers_and_writers_of_one_process_share_the_file(new_file: NewFile) -> None:
    source, destination = new_file("source"), new_file("destination")
    arriving = await arriving_in(destination, source)
    begun = await arriving.begin()
    parts = await source.read("t")
    loads = [arriving.load(begun.load, number, parts) for number in range(4)]
    proofs = [destination.connector(lock_timeout=30).count_rows(arriving.schema.name) for _ in range(4)]
    outcomes = await asyncio.gather(*loads, *proofs, return_exceptions=True)
    assert not [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert destination.rows("SELECT count(*) FROM t") == [(40,)]


async def test_a_worker_killed_within_a_load_leaves_nothing_of_it(new_file: NewFile) -> None:
    source, destination = new_file("source"), new_file("destination")
    rows_of(source, 50_000)
    with started(LOADER, str(source.path), str(destination.path)) as loader:
        os.kill(loader.pid, signal.SIGKILL)
        assert loader.wait() == -signal.SIGKILL
    assert destination.rows("SELECT count(*) FROM t") == [(0,)]
    assert destination.rows("SELECT count(*) FROM sterna_ledger WHERE number >= 0") == [(0,)]
    arriving = Arriving(destination, await source.describe("t"))
    await arriving.create()
    parts = await source.read("t")
    first = await arriving.load(1, 0, parts)
    again = await arriving.load(1, 0, parts)
    assert (first.repeated, again.repeated) == (False, True)
    assert first.digest == again.digest
    assert destination.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(50_000, 50_000)]


async def test_a_straggler_of_an_earlier_load_cannot_commit_into_the_next_one(new_file: NewFile) -> None:
    source, destination = new_file("source"), new_file("destination")
    arriving = await arriving_in(destination, source)
    old = await arriving.begin("1")
    parts = await source.read("t")
    written, go_on = asyncio.Event(), asyncio.Event()

    async def stalled() -> None:
        async def slowly():  # type: ignore[no-untyped-def]
            yield parts[0]
            written.set()
            await go_on.wait()

        from connectors.contract import LedgerEntry

        entry = LedgerEntry("job", "table", old.load, 0, Digest(rows=10))
        await destination.connector().load_arrow(arriving.target, entry, slowly(), lambda _: None)

    straggler = asyncio.create_task(stalled())
    await written.wait()
    new = await arriving.begin("2")
    assert new.load == old.load + 1
    go_on.set()
    with pytest.raises(Contended):
        await straggler
    assert destination.rows("SELECT count(*) FROM t") == [(0,)]
    assert (await arriving.load(new.load, 0, parts)).digest.rows == 10


async def test_a_key_that_two_sessions_bring_at_once_is_contended_and_not_quoted(new_file: NewFile) -> None:
    database = new_file("destination")
    database.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    connector = database.connector()
    async with connector.open_session("first") as first, connector.open_session("second") as second:
        for session in (first, second):
            await session.begin()
            await session.execute("INSERT INTO t VALUES (424242)")
        await first.commit()
        with pytest.raises(Contended) as refused:
            await second.commit()
        await second.rollback()
    assert "424242" not in str(refused.value)
    assert database.rows("SELECT count(*) FROM t") == [(1,)]


async def test_a_missing_source_is_refused_and_not_made(new_file: NewFile) -> None:
    database = new_file("source")
    assert (await database.connector().check()).warnings == ("the file is not there yet",)
    with pytest.raises(NotFound, match="there is no file"):
        await database.connector().list_tables(["*"], [])
    assert not database.path.exists()


async def test_a_file_of_another_kind_is_refused(new_file: NewFile) -> None:
    database = new_file("source")
    database.path.write_text("no database " * 1000)
    with pytest.raises(InvalidConfiguration, match="not a valid DuckDB"):
        await database.connector().check()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises((NotFound, AccessDenied), match="there is no folder"):
        await Database(tmp_path / "nowhere" / "file.duckdb").connector().check()


async def test_cancelling_ends_the_statement(new_file: NewFile) -> None:
    database = new_file("source")
    rows_of(database, 1)
    schema = await database.describe("t")
    from connectors.contract import Selection

    async def count() -> None:
        slow = "(SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range * b.range % 7 = 3) = 1"
        async with database.connector().reading(None) as reader:
            await reader.count(Selection(schema, ["id"], where=slow, interchange=True))

    counting = asyncio.create_task(count())
    await asyncio.wait([counting], timeout=0.5)
    counting.cancel()
    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await counting
    assert time.monotonic() - begun < 20
    assert database.rows("SELECT count(*) FROM t") == [(1,)]


async def test_what_cannot_be_replayed_after_a_kill_is_no_matter_of_values(new_file: NewFile) -> None:
    database = new_file("destination")
    subprocess.run([sys.executable, "-c", KILLED, str(database.path)], check=False)
    log = Path(f"{database.path}.wal")
    log.write_bytes(log.read_bytes()[:-3] + b"\xff\xff\xff")
    with pytest.raises(Unavailable, match="cannot open the file"):
        await database.connector().check()
