"""A batch is in the table once, whatever is killed or stopped; nothing is loaded where it could not be taken back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.contract import LedgerEntry, LoadRef
from core.errors import AccessDenied, DataMismatch, DataRejected, Defect, InvalidConfiguration, MigrationError
from core.schema import Digest
from core.value_type import ValueType
from tests.mysql.conftest import Arriving, Database

COLUMNS = {"id": ValueType(kind="integer"), "v": ValueType(kind="text")}
FIRST, SECOND = [("1", "one"), ("2", None)], [("3", ""), ("4", "four")]

LOADER = """
import asyncio, sys
from types import SimpleNamespace
from connectors.contract import LedgerEntry
from core.schema import Digest
from tests.mysql.conftest import Arriving, Database
from tests.mysql.test_exactly_once import COLUMNS

async def main():
    database = Database(SimpleNamespace(port=int(sys.argv[1]), user="root"), sys.argv[2])
    arriving = await Arriving(database, "t", dict(COLUMNS)).prepare()

    async def parts():
        for start in range(0, 60_000, 20_000):
            yield arriving.batch([(str(number), "x" * 100) for number in range(start, start + 20_000)])
        print("written", flush=True)
        await asyncio.sleep(600)

    entry = LedgerEntry("job", "t", int(sys.argv[3]), 0, Digest(rows=60_000))
    await database.connector().load_arrow(arriving.target, entry, parts(), lambda _: None)

asyncio.run(main())
"""


@pytest.fixture
async def arriving(database: Database) -> Arriving:
    database.run("CREATE TABLE t (id BIGINT PRIMARY KEY, v LONGTEXT)")
    return await Arriving(database, "t", dict(COLUMNS)).prepare()


def loader_in_mid_transaction(arriving: Arriving, load: int) -> subprocess.Popen[str]:
    database = arriving.database
    loader = subprocess.Popen(
        [sys.executable, "-c", LOADER, str(database.server.port), database.name, str(load)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert loader.stdout is not None
    assert loader.stdout.readline() == "written\n"
    return loader


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_loader_killed_or_stopped_in_mid_transaction_leaves_nothing(
    arriving: Arriving, number: signal.Signals
) -> None:
    """A stopped one still holds its transaction: its successor ends it."""
    begun = await arriving.begin()
    loader = loader_in_mid_transaction(arriving, begun.load)
    loader.send_signal(number)
    try:
        if number == signal.SIGKILL:
            assert loader.wait() == -signal.SIGKILL
        loaded = await asyncio.wait_for(arriving.load(begun.load, 0, FIRST), 30)
    finally:
        loader.kill()
        loader.wait()
    assert not loaded.repeated
    assert arriving.database.rows("SELECT * FROM t ORDER BY id") == [["1", "one"], ["2", "NULL"]]
    assert arriving.database.rows("SELECT `rows` FROM sterna_ledger WHERE number = 0") == [["2"]]


async def test_a_batch_that_is_recorded_is_not_loaded_again(arriving: Arriving) -> None:
    begun = await arriving.begin()
    first = await arriving.load(begun.load, 0, FIRST)
    again = await arriving.load(begun.load, 0, SECOND)
    assert again.repeated
    assert again.digest == first.digest
    assert arriving.database.run("SELECT COUNT(*) FROM t") == "2\n"
    (row,) = await arriving.database.connector().ledger_rows(LoadRef("job", "t", begun.load))
    assert (row.number, row.digest) == (0, first.digest)


async def test_batches_are_loaded_side_by_side(arriving: Arriving) -> None:
    begun = await arriving.begin()
    batches = [[(str(number * 100 + row), "v") for row in range(100)] for number in range(6)]
    await asyncio.gather(*(arriving.load(begun.load, number, rows) for number, rows in enumerate(batches)))
    assert arriving.database.run("SELECT COUNT(*), COUNT(DISTINCT id) FROM t") == "600\t600\n"
    connector = arriving.database.connector()
    recorded = await connector.ledger_rows(LoadRef("job", "t", begun.load))
    total = sum((row.digest for row in recorded), Digest())
    assert await connector.digest_load(arriving.name, arriving.proof, LoadRef("job", "t", begun.load)) == total


async def test_a_load_waits_for_the_batches_of_the_one_before(arriving: Arriving) -> None:
    """The beginning of a load holds the table alone: a straggler's rows are either seen or refused."""
    begun = await arriving.begin()
    going = asyncio.Event()

    async def slow() -> AsyncIterator[pa.RecordBatch]:
        yield arriving.batch(FIRST)
        going.set()
        await asyncio.sleep(1)

    entry = LedgerEntry("job", "t", begun.load, 0, Digest(rows=2))
    loading = asyncio.create_task(
        arriving.database.connector().load_arrow(arriving.target, entry, slow(), lambda _: None)
    )
    await going.wait()
    anew = await arriving.begin("2")
    assert loading.done()
    assert anew.load == begun.load + 1
    assert arriving.database.run("SELECT COUNT(*) FROM t") == "0\n"
    with pytest.raises(Defect, match="has begun"):
        await arriving.load(begun.load, 1, SECOND)


async def test_a_load_that_is_cancelled_leaves_neither_rows_nor_session(arriving: Arriving) -> None:
    begun = await arriving.begin()
    going = asyncio.Event()

    async def endless() -> AsyncIterator[pa.RecordBatch]:
        yield arriving.batch(FIRST)
        going.set()
        await asyncio.sleep(600)

    entry = LedgerEntry("job", "t", begun.load, 0, Digest(rows=2))
    loading = asyncio.create_task(
        arriving.database.connector().load_arrow(arriving.target, entry, endless(), lambda _: None)
    )
    await going.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    sessions = f"SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{arriving.database.name}'"
    for _ in range(50):
        if arriving.database.run(f"{sessions} AND id <> CONNECTION_ID()") == "0\n":
            break
        await asyncio.sleep(0.1)
    assert arriving.database.run(f"{sessions} AND id <> CONNECTION_ID()") == "0\n"
    assert arriving.database.run("SELECT COUNT(*) FROM t") == "0\n"


async def test_a_load_that_is_cancelled_while_it_waits_for_bytes_lets_go_of_them(arriving: Arriving) -> None:
    begun = await arriving.begin()
    going, ended = asyncio.Event(), []

    async def endless() -> AsyncIterator[bytes]:
        yield b"1,one\n"
        going.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    entry = LedgerEntry("job", "t", begun.load, 0, Digest(rows=1))
    loading = asyncio.create_task(
        arriving.database.connector().load_native(arriving.target, entry, endless(), lambda _: None)
    )
    await going.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert ended == ["cancelled"]
    assert not (await arriving.load(begun.load, 0, FIRST)).repeated


async def test_a_source_that_fails_in_mid_load_leaves_nothing(arriving: Arriving) -> None:
    begun = await arriving.begin()

    async def failing() -> AsyncIterator[bytes]:
        yield b"1,one\n2,two\n"
        raise Defect("the staged batch is damaged")

    entry = LedgerEntry("job", "t", begun.load, 0, Digest(rows=2))
    with pytest.raises(Defect, match="damaged"):
        await arriving.database.connector().load_native(arriving.target, entry, failing(), lambda _: None)
    assert arriving.database.run("SELECT COUNT(*) FROM t") == "0\n"
    assert not (await arriving.load(begun.load, 0, FIRST)).repeated


async def test_rows_that_a_trigger_drops_are_noticed(arriving: Arriving) -> None:
    trigger = "IF NEW.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no 2 here'; END IF"
    arriving.database.run(f"DELIMITER //\nCREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW {trigger} //")
    begun = await arriving.begin()
    with pytest.raises(DataRejected, match="error 1644"):
        await arriving.load(begun.load, 0, FIRST)
    assert arriving.database.run("SELECT COUNT(*) FROM t") == "0\n"


async def test_a_count_that_differs_rolls_back(arriving: Arriving) -> None:
    begun = await arriving.begin()
    with pytest.raises(DataMismatch, match="3 rows were extracted, the destination took 2"):
        await arriving.load_bytes(begun.load, 0, 3, [b"1,one\n", b"2,NULL\n"])
    assert arriving.database.run("SELECT COUNT(*) FROM t") == "0\n"


async def test_rows_cut_anywhere_arrive_whole(arriving: Arriving) -> None:
    """Parts of bulk bytes end where they end."""
    begun = await arriving.begin()
    csv = '1,"é,""\n"\n2,NULL\n3,"NULL"\n4,""\n'.encode()
    await arriving.load_bytes(begun.load, 0, 4, [csv[position : position + 1] for position in range(len(csv))])
    assert await arriving.database.read("t") == [["1", 'é,"\n'], ["2", None], ["3", "NULL"], ["4", ""]]


@pytest.mark.parametrize("engine", ["MyISAM", "Aria TRANSACTIONAL=0", "MEMORY"])
async def test_engines_without_transactions_are_refused(database: Database, engine: str) -> None:
    database.run(f"CREATE TABLE t (id BIGINT, v VARCHAR(10)) ENGINE={engine}")
    arriving = await Arriving(database, "t", dict(COLUMNS)).prepare()
    with pytest.raises(InvalidConfiguration, match=engine.split()[0]):
        await arriving.begin()


async def test_foreign_keys_hold_while_rows_arrive(arriving: Arriving) -> None:
    database = arriving.database
    database.run("CREATE TABLE c (id BIGINT PRIMARY KEY, v BIGINT, FOREIGN KEY (v) REFERENCES t (id))")
    child = await Arriving(database, "c", {"id": COLUMNS["id"], "v": COLUMNS["id"]}).prepare()
    begun = await child.begin()
    with pytest.raises(MigrationError, match="a foreign key has no row to refer to"):
        await child.load(begun.load, 0, [("1", "5")])
    assert database.run("SELECT COUNT(*) FROM c") == "0\n"


async def test_the_server_never_gets_a_file_of_the_worker(database: Database, tmp_path: Path) -> None:
    """LOCAL INFILE lets a server ask for any file; the connection has data of its own to give, or none."""
    secret = tmp_path / "secret"
    secret.write_text("1\n")
    database.run("CREATE TABLE t (id BIGINT)")
    with pytest.raises(RuntimeError, match="local_infile"):
        async with database.connector().open_session("test") as session:
            await session.execute(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE t")
    assert database.run("SELECT COUNT(*) FROM t") == "0\n"


async def test_a_missing_privilege_is_named(arriving: Arriving) -> None:
    database = arriving.database
    database.run(f"CREATE USER reader_{database.name}; GRANT SELECT ON {database.name}.* TO reader_{database.name}")
    begun = await arriving.begin()
    entry = LedgerEntry("job", "t", begun.load, 0, Digest())

    async def nothing() -> AsyncIterator[pa.RecordBatch]:
        return
        yield

    connector = database.connector(user=f"reader_{database.name}")
    with pytest.raises(AccessDenied, match="INSERT"):
        await connector.load_arrow(arriving.target, entry, nothing(), lambda _: None)


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
async def test_replace_leaves_rows_of_other_tables_alone(arriving: Arriving, action: str) -> None:
    """A DELETE would take them along, in silence; the table's own foreign key may act."""
    database = arriving.database
    database.run(
        "CREATE TABLE c (id BIGINT PRIMARY KEY, t BIGINT NULL, up BIGINT, "
        f"CONSTRAINT acting FOREIGN KEY (t) REFERENCES t (id) ON DELETE {action}, "
        "FOREIGN KEY (up) REFERENCES c (id) ON DELETE CASCADE); "
        "INSERT INTO t VALUES (1, 'x'); INSERT INTO c VALUES (1, 1, NULL), (2, NULL, 1)"
    )
    with pytest.raises(InvalidConfiguration, match=r"acting of test_\d+\.c"):
        await arriving.begin(replace=True)
    assert database.rows("SELECT * FROM c ORDER BY id") == [["1", "1", "NULL"], ["2", "NULL", "1"]]
    child = await Arriving(database, "c", {"id": COLUMNS["id"]}).prepare()
    assert (await child.begin(replace=True)).emptied
    assert (await arriving.begin()).rows_before == 1
