"""Rows arrive exactly once in databases that only SQLAlchemy knows."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.canonical import digest_batch
from connectors.contract import Credentials
from connectors.sqlalchemy import table_lock
from connectors.sqlalchemy.connector import Sqlalchemy
from connectors.sqlalchemy.options import SqlalchemyOptions
from core.errors import AccessDenied, Contended, DataRejected, Defect, InvalidConfiguration, NotFound, Unavailable
from core.value_type import ValueType
from deploy.local.mariadb_server import MariadbServer
from deploy.local.postgres_server import free_port
from tests.firebird_server import FirebirdServer
from tests.sqlalchemy.conftest import Arriving, Place

COLUMNS = {
    "id": ValueType(kind="integer"),
    "name": ValueType(kind="text", length=40),
    "note": ValueType(kind="text"),
    "price": ValueType(kind="decimal", precision=12, scale=2),
    "root": ValueType(kind="float64"),
    "data": ValueType(kind="binary"),
    "day": ValueType(kind="date"),
    "moment": ValueType(kind="timestamp", fraction=3),
    "flag": ValueType(kind="boolean"),
}
ROWS: list[tuple[str | None, ...]] = [
    ("1", "é🙂'\"%:x ", "x" * 20_000, "-0.05", "5e-324", "\\x00ff", "0001-01-01", "1582-10-10 01:02:03.004", "t"),
    ("9223372036854775807", "", "", "9999999999.99", "0.1", "\\x", "9999-12-31", "1857-01-01 23:59:59.999", "f"),
    ("-5", None, None, None, None, None, None, None, None),
]
ROOT = Path(__file__).parent.parent.parent
LOADER = """
import asyncio, sys
from connectors.contract import LedgerEntry
from connectors.contract import Credentials
from core.schema import Digest
from tests.sqlalchemy.conftest import Arriving, Place
from tests.sqlalchemy.test_copies import COLUMNS, ROWS

async def load(place):
    arriving = Arriving(place, COLUMNS)
    await arriving.create()
    begun = await arriving.begin()

    async def parts():
        yield arriving.batch(ROWS)
        print("written", flush=True)
        await asyncio.sleep(600)

    entry = LedgerEntry("job", "table", begun.load, 0, Digest(rows=3))
    await place.connector().load_arrow(arriving.target, entry, parts(), lambda _: None)

url, user, password = sys.argv[1:]
asyncio.run(load(Place(url, Credentials(user, password), lambda sql: [], upper=True)))
"""


async def test_nasty_values_come_back_as_they_were(place: Place) -> None:
    arriving = Arriving(place, COLUMNS)
    await arriving.create()
    begun = await arriving.begin()
    await arriving.load(begun.load, 0, ROWS)
    assert await arriving.digest() == digest_batch(arriving.batch(ROWS), arriving.proof.columns)
    read = {row["id"]: tuple(row.values()) for row in await place.read("arriving")}
    for expected in ROWS:
        found = read[expected[0]]
        assert [float(found[4] or 0), *found[:3], *found[5:8]] == [
            float(expected[4] or 0),
            *expected[:3],
            *expected[5:8],
        ]
    names = await place.connector().list_tables(["*"], [])
    assert [name.name.lower() for name in names] == ["arriving"]


async def test_a_batch_is_loaded_once(place: Place) -> None:
    arriving = Arriving(place, COLUMNS)
    await arriving.create()
    begun = await arriving.begin()
    first = await arriving.load(begun.load, 0, ROWS)
    again = await arriving.load(begun.load, 0, ROWS)
    assert (first.repeated, again.repeated, first.digest == again.digest) == (False, True, True)
    quoted = f'"{arriving.name.name}"'
    assert place.ask(f"SELECT count(*) FROM {quoted}") == [(3,)]
    second = await arriving.begin("2")
    assert place.ask(f"SELECT count(*) FROM {quoted}") == [(0,)]
    with pytest.raises(Defect):
        await arriving.load(begun.load, 1, ROWS)
    assert not (await arriving.load(second.load, 0, ROWS)).repeated


async def test_a_refused_row_leaves_nothing_of_its_batch(place: Place) -> None:
    arriving = Arriving(place, COLUMNS)
    await arriving.create()
    begun = await arriving.begin()
    too_fine = [] if "sqlite" in place.url else [("3", "x", None, "1.005")]  # SQLite's decimals are texts
    for bad in (*too_fine, ("3", "x", None, "1", "1", "\\x", "2024-02-30"), ("1", None)):
        row = (*bad, *[None] * (len(COLUMNS) - len(bad)))
        with pytest.raises(DataRejected) as refused:
            await arriving.load(begun.load, 0, [*ROWS, row])
        assert "2024-02-30" not in str(refused.value)
    assert place.ask(f'SELECT count(*) FROM "{arriving.name.name}"') == [(0,)]


async def test_loads_of_one_table_follow_one_another(firebird_place: Place) -> None:
    arriving = Arriving(firebird_place, COLUMNS)
    await arriving.create()
    begun = await arriving.begin()
    rows = [[(str(number * 100 + row), *ROWS[0][1:]) for row in range(50)] for number in range(4)]
    outcomes = await asyncio.gather(
        *(arriving.load(begun.load, number, batch) for number, batch in enumerate(rows)), return_exceptions=True
    )
    lost = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Contended)]
    assert not [error for error in outcomes if isinstance(error, BaseException) and not isinstance(error, Contended)]
    for number in lost:
        await arriving.load(begun.load, number, rows[number])
    assert firebird_place.ask('SELECT count(*), count(DISTINCT "id") FROM ARRIVING') == [(200, 200)]


async def test_a_table_that_a_stopped_worker_holds_is_waited_for_no_longer_than_a_minute(
    postgres_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    arriving = Arriving(postgres_place, COLUMNS)
    await arriving.create()
    begun = await arriving.begin()
    monkeypatch.setattr(table_lock, "HOLD_SECONDS", 0.5)
    async with postgres_place.connector().open_session("stopped") as stopped:
        await stopped.begin()
        await stopped.hold_table(arriving.name, alone=False)
        with pytest.raises(Contended, match="another session holds arriving"):
            await asyncio.wait_for(arriving.load(begun.load, 0, ROWS), 20)
    assert (await arriving.load(begun.load, 0, ROWS)).digest.rows == len(ROWS)


async def test_a_worker_killed_within_a_load_leaves_nothing_of_it(firebird_place: Place) -> None:
    credentials = firebird_place.credentials
    arguments = [firebird_place.url, str(credentials.username), str(credentials.password)]
    with subprocess.Popen(
        [sys.executable, "-c", LOADER, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as loader:
        assert loader.stdout is not None
        assert loader.stdout.readline() == "written\n"
        os.kill(loader.pid, signal.SIGKILL)
        assert loader.wait() == -signal.SIGKILL
    arriving = Arriving(firebird_place, COLUMNS)
    await arriving.create()
    assert firebird_place.ask("SELECT count(*) FROM ARRIVING") == [(0,)]
    assert not (await arriving.load(1, 0, ROWS)).repeated
    assert (await arriving.load(1, 0, ROWS)).repeated
    assert firebird_place.ask("SELECT count(*) FROM ARRIVING") == [(3,)]


async def test_logins_that_fail_say_why(firebird: FirebirdServer, firebird_place: Place) -> None:
    from connectors.contract import Credentials

    wrong = Place(firebird_place.url, Credentials(firebird.user, "wrong"), firebird_place.ask)
    with pytest.raises(AccessDenied) as refused:
        await wrong.connector().check()
    assert "wrong" not in str(refused.value)
    nobody = firebird_place.url.replace(str(firebird.port), str(free_port()))
    with pytest.raises(Unavailable):
        await Place(nobody, firebird_place.credentials, firebird_place.ask).connector().check()
    missing = f"{firebird_place.url}.missing"
    with pytest.raises((NotFound, Unavailable)):
        await Place(missing, firebird_place.credentials, firebird_place.ask).connector().check()


async def test_a_firebird_database_without_utf8_is_refused(firebird: FirebirdServer, firebird_place: Place) -> None:
    path = firebird.create_database("latin", "ISO8859_1")
    url = f"firebird+firebird://127.0.0.1:{firebird.port}/{path}"
    with pytest.raises(InvalidConfiguration, match="character set is ISO8859_1"):
        await Place(url, firebird_place.credentials, firebird_place.ask).connector().check()


async def test_cancelling_ends_the_statement_in_the_server(firebird_place: Place) -> None:
    firebird_place.ask('CREATE TABLE "T" (ID INTEGER)')
    firebird_place.ask('INSERT INTO "T" VALUES (1)')
    schema = await firebird_place.describe("t")
    huge = ", ".join(f"rdb$fields AS f{number}" for number in range(5))
    from connectors.contract import Selection

    async def count() -> None:
        async with firebird_place.connector().reading(None) as reader:
            slow = f"(SELECT count(*) FROM {huge}) = 1"
            await reader.count(Selection(schema, ["ID"], where=slow, interchange=True))

    counting = asyncio.create_task(count())
    await asyncio.wait([counting], timeout=1)
    counting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting
    running = "SELECT count(*) FROM mon$statements WHERE mon$state = 1 AND mon$attachment_id <> CURRENT_CONNECTION"
    assert firebird_place.ask(running) == [(0,)]


async def test_names_keep_their_percent_signs(place: Place) -> None:
    arriving = Arriving(place, {"id %s": ValueType(kind="integer"), "100%%": ValueType(kind="json")}, table="50% %d")
    await arriving.create()
    begun = await arriving.begin()
    rows = [("1", '{"a": "5%"}')]
    await arriving.load(begun.load, 0, rows)
    assert [tuple(row.items()) for row in await place.read("50% %d")] == [(("id %s", "1"), ("100%%", rows[0][1]))]
    assert await arriving.digest() == digest_batch(arriving.batch(rows), arriving.proof.columns)


@pytest.mark.parametrize("query", ["autocommit=true", "init_command=SET default_storage_engine=Aria"])
async def test_a_database_that_does_not_roll_back_is_no_destination(query: str, mariadb: MariadbServer) -> None:
    """Its ledger would tell of batches whose rows never came."""
    url = f"mysql+pymysql://{mariadb.user}@127.0.0.1:{mariadb.port}/"
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql("CREATE OR REPLACE DATABASE no_rollback")
    options = SqlalchemyOptions.model_construct(url=f"{url}no_rollback?{query}")  # init_command is refused in a job
    destination = Sqlalchemy(options, Credentials(), "test")
    with pytest.raises(InvalidConfiguration, match="rolled back"):
        await destination.prepare_ledger()
    async with destination.open_session("looking") as session:
        assert await session.fetch("SELECT count(*) FROM sterna_ledger") == [(0,)]


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
@pytest.mark.parametrize("name", ["firebird_place", "postgres_place"])
async def test_replace_leaves_rows_of_other_tables_alone(
    action: str, name: str, request: pytest.FixtureRequest
) -> None:
    """A DELETE would take them along, in silence; the table's own foreign key may act."""
    place: Place = request.getfixturevalue(name)
    arriving = Arriving(place, {"id": ValueType(kind="integer")})
    await arriving.create()
    await arriving.load((await arriving.begin()).load, 0, [("1",)])
    table, schema = f'"{arriving.name.name}"', "" if place.upper else "aside."
    if schema:
        place.ask("CREATE SCHEMA aside")
    up = f'ALTER TABLE {table} ADD up BIGINT REFERENCES {table} ("id") ON DELETE CASCADE'
    place.ask(up)
    place.ask(
        f"CREATE TABLE {schema}others (t BIGINT, "
        f'CONSTRAINT acting FOREIGN KEY (t) REFERENCES {table} ("id") ON DELETE {action})'
    )
    place.ask(f"INSERT INTO {schema}others VALUES (1)")
    with pytest.raises(InvalidConfiguration, match=rf"(?i)the foreign key acting of {schema}others would") as refused:
        await arriving.begin("2", replace=True)
    assert refused.value.remedy.startswith("Drop that foreign key")
    assert place.ask(f"SELECT t FROM {schema}others") == [(1,)]
    place.ask(f"ALTER TABLE {schema}others DROP CONSTRAINT acting")
    await arriving.begin("2", replace=True)
    assert place.ask(f"SELECT count(*) FROM {table}") == [(0,)]
