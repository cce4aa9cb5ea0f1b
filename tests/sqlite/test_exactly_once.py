"""A batch is in the file once, whatever is killed; a load that begins anew never takes other people's rows along."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.contract import LedgerEntry, LoadRef
from core.errors import DataMismatch, DataRejected, Defect, InvalidConfiguration
from core.schema import Digest
from core.value_type import ValueType
from tests.sqlite.conftest import Arriving, Database

NewFile = Callable[[str], Database]
COLUMNS = {"id": ValueType(kind="integer"), "v": ValueType(kind="text")}
FIRST, SECOND = [("1", "one"), ("2", None)], [("3", ""), ("4", "four")]

DYING_LOADER = """
import asyncio, sys
from pathlib import Path
from tests.sqlite.conftest import Arriving, Database
from connectors.contract import LedgerEntry
from core.schema import Digest
from core.value_type import ValueType
from tests.sqlite.test_exactly_once import COLUMNS

async def main():
    arriving = Arriving(Database(Path(sys.argv[1])), dict(COLUMNS))
    await arriving.create()

    async def parts():
        for start in range(0, 60_000, 20_000):
            yield arriving.batch([(str(number), "x" * 100) for number in range(start, start + 20_000)])
        print("written", flush=True)
        await asyncio.sleep(600)

    entry = LedgerEntry("job", "table", int(sys.argv[2]), 0, Digest(rows=60_000))
    await arriving.database.connector().load_arrow(arriving.target, entry, parts(), lambda _: None)

asyncio.run(main())
"""


@pytest.fixture
async def arriving(new_file: NewFile) -> Arriving:
    made = Arriving(new_file("destination"), dict(COLUMNS))
    await made.create()
    return made


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_a_loader_killed_in_mid_transaction_leaves_nothing(new_file: NewFile, journal: str) -> None:
    database = new_file("destination")
    database.run(f"PRAGMA journal_mode = {journal}")
    arriving = Arriving(database, dict(COLUMNS))
    await arriving.create()
    begun = await arriving.begin()

    loader = subprocess.Popen(
        [sys.executable, "-c", DYING_LOADER, str(database.path), str(begun.load)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert loader.stdout is not None
    assert loader.stdout.readline() == "written\n"
    loader.send_signal(signal.SIGKILL)
    assert loader.wait() == -signal.SIGKILL

    assert await database.connector().count_rows(arriving.name) == 0
    loaded = await arriving.load(begun.load, 0, FIRST)
    assert not loaded.repeated
    assert database.rows("SELECT * FROM t ORDER BY id") == [(1, "one"), (2, None)]
    assert database.rows("PRAGMA journal_mode") == [(journal,)]


async def test_a_batch_that_is_recorded_is_not_loaded_again(arriving: Arriving) -> None:
    begun = await arriving.begin()
    first = await arriving.load(begun.load, 0, FIRST)
    again = await arriving.load(begun.load, 0, SECOND)

    assert again.repeated
    assert again.digest == first.digest
    assert arriving.database.rows("SELECT count(*) FROM t") == [(2,)]
    (row,) = await arriving.database.connector().ledger_rows(LoadRef("job", "table", begun.load))
    assert (row.number, row.digest) == (0, first.digest)


async def test_a_batch_that_two_workers_load_at_once_is_loaded_once(arriving: Arriving) -> None:
    begun = await arriving.begin()
    outcomes = await asyncio.gather(*(arriving.load(begun.load, 0, FIRST) for _ in range(4)))
    assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True, True]
    assert arriving.database.rows("SELECT count(*) FROM t") == [(2,)]


async def test_a_refused_row_takes_its_whole_batch_back(arriving: Arriving) -> None:
    arriving.database.run("CREATE UNIQUE INDEX once ON t (id)")
    begun = await arriving.begin()
    with pytest.raises(DataRejected, match=r"UNIQUE constraint failed: t\.id"):
        await arriving.load(begun.load, 0, [*FIRST, FIRST[0]])
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]
    assert arriving.database.rows("SELECT count(*) FROM sterna_ledger WHERE number = 0") == [(0,)]


@pytest.mark.parametrize("action", ["REPLACE", "IGNORE", "ROLLBACK"])
async def test_a_key_that_stands_is_refused_whatever_its_table_does_about_it(action: str, new_file: NewFile) -> None:
    arriving = Arriving(new_file("destination"), {"id": ValueType(kind="integer"), "v": ValueType(kind="text")})
    arriving.database.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT {action}, v TEXT)")
    await arriving.create()
    arriving.database.insert("t", [(7, "stood before")])
    begun = await arriving.begin()
    with pytest.raises(DataRejected, match="UNIQUE constraint failed"):
        await arriving.load(begun.load, 0, [("1", "new"), ("7", "new")])
    assert arriving.database.rows("SELECT id, v FROM t") == [(7, "stood before")]


async def test_a_trigger_that_drops_rows_is_noticed(arriving: Arriving) -> None:
    arriving.database.run("CREATE TRIGGER drops BEFORE INSERT ON t WHEN new.id = 2 BEGIN SELECT RAISE(IGNORE); END")
    begun = await arriving.begin()
    with pytest.raises(DataMismatch, match="2 rows were extracted, the destination took 1"):
        await arriving.load(begun.load, 0, FIRST)
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]


async def test_the_same_token_gets_the_same_load_and_another_one_starts_over(arriving: Arriving) -> None:
    first = await arriving.begin("1")
    await arriving.load(first.load, 0, FIRST)
    assert await arriving.begin("1") == first
    assert arriving.database.rows("SELECT count(*) FROM t") == [(2,)]

    second = await arriving.begin("2")
    assert second.load == first.load + 1
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]
    with pytest.raises(Defect, match=f"batch 1 belongs to load {first.load}, but load {second.load} has begun"):
        await arriving.load(first.load, 1, SECOND)
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]


async def test_rows_that_stood_before_are_kept_and_do_not_count(arriving: Arriving) -> None:
    arriving.database.insert("t", [(10, "before"), (11, None)])
    begun = await arriving.begin()
    assert (begun.rows_before, begun.emptied) == (2, False)
    loaded = await arriving.load(begun.load, 0, FIRST)

    connector, load = arriving.database.connector(), LoadRef("job", "table", begun.load)
    assert await connector.digest_load(arriving.name, arriving.proof, load) == loaded.digest
    arriving.database.run("UPDATE t SET v = 'changed' WHERE id = 10")
    changed = await connector.digest_load(arriving.name, arriving.proof, load)
    assert changed.rows == loaded.digest.rows
    assert changed.total != loaded.digest.total


async def test_a_load_that_cannot_be_told_from_other_rows_is_not_taken_away(arriving: Arriving) -> None:
    arriving.database.insert("t", [(10, "before")])
    begun = await arriving.begin("1")
    await arriving.load(begun.load, 0, FIRST)

    with pytest.raises(InvalidConfiguration, match=r"rows of an earlier attempt \(2\) and others \(1\)") as refused:
        await arriving.begin("2")
    assert "replace" in refused.value.remedy
    assert arriving.database.rows("SELECT count(*) FROM t") == [(3,)]


async def test_rows_that_an_application_added_are_not_taken_away(arriving: Arriving) -> None:
    begun = await arriving.begin("1")
    await arriving.load(begun.load, 0, FIRST)
    arriving.database.insert("t", [(10, "of an application")])
    with pytest.raises(InvalidConfiguration, match=r"others \(1\)"):
        await arriving.begin("2")
    assert arriving.database.rows("SELECT count(*) FROM t") == [(3,)]


async def test_a_load_that_wrote_nothing_starts_over_beside_other_rows(arriving: Arriving) -> None:
    arriving.database.insert("t", [(10, "before")])
    first = await arriving.begin("1")
    second = await arriving.begin("2")
    assert (second.load, second.rows_before) == (first.load + 1, 1)
    loaded = await arriving.load(second.load, 0, FIRST)
    load = LoadRef("job", "table", second.load)
    assert await arriving.database.connector().digest_load(arriving.name, arriving.proof, load) == loaded.digest


async def test_replace_empties_the_table_for_each_run(arriving: Arriving) -> None:
    arriving.database.insert("t", [(10, "before")])
    first = await arriving.begin("1", replace=True)
    assert (first.rows_before, first.emptied) == (0, True)
    await arriving.load(first.load, 0, FIRST)
    second = await arriving.begin("2", run=2, replace=True)
    assert second.load == first.load + 1
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]


async def test_a_cancelled_load_ends_its_statement_and_frees_the_file(arriving: Arriving) -> None:
    begun = await arriving.begin()
    started = asyncio.Event()

    async def parts():  # type: ignore[no-untyped-def]
        yield arriving.batch(FIRST)
        started.set()
        await asyncio.sleep(600)

    entry = LedgerEntry("job", "table", begun.load, 0, Digest(rows=2))
    connector = arriving.database.connector()
    loading = asyncio.create_task(connector.load_arrow(arriving.target, entry, parts(), lambda _: None))
    await started.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    arriving.database.run("BEGIN IMMEDIATE", "COMMIT")
    assert arriving.database.rows("SELECT count(*) FROM t") == [(0,)]
    assert not any(str(arriving.database.path) in _target(link) for link in Path(f"/proc/{os.getpid()}/fd").iterdir())


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


async def test_replace_leaves_rows_of_other_tables_alone(arriving: Arriving) -> None:
    """Whatever foreign keys say: they do not act in Sterna's sessions."""
    database = arriving.database
    database.run(
        "CREATE UNIQUE INDEX t_id ON t (id)",
        "CREATE TABLE others (t INTEGER REFERENCES t (id) ON DELETE CASCADE)",
        "INSERT INTO t VALUES (1, 'x')",
        "INSERT INTO others VALUES (1)",
    )
    assert (await arriving.begin(replace=True)).emptied
    assert database.rows("SELECT (SELECT count(*) FROM t), count(*) FROM others") == [(0, 1)]
