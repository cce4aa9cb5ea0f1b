"""A batch is loaded once, whoever tries how often, and whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.contract import Loaded, LoadRef
from connectors.snowflake.options import SnowflakeOptions
from connectors.snowflake.session import open_session
from connectors.snowflake.writer import staged_name
from core.errors import Contended, DataMismatch, DataRejected, Defect
from tests.snowflake.loading import JOB, Loading, parts
from tests.snowflake_server.server import SnowflakeServer
from tests.snowflake_server.transactions import IDLE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="function")

ROWS = [[str(number)] for number in range(1000)]
NUMBER = "NUMBER(19,0)"


@pytest.fixture
def loading(snowflake: SnowflakeServer) -> Loading:
    return Loading(snowflake, snowflake.new_database(), [NUMBER])


async def test_a_repeated_batch_changes_nothing(loading: Loading) -> None:
    await loading.begin()
    first = await loading.load(ROWS)
    again = await loading.load(ROWS)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.digest == first.digest
    assert loading.rows() == 1000


async def test_two_loaders_of_one_batch_load_it_once(loading: Loading) -> None:
    await loading.begin()
    outcomes = await asyncio.gather(*(attempts(loading) for _ in range(3)))
    assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True]
    assert loading.rows() == 1000


async def attempts(loading: Loading) -> Loaded:
    """As Temporal tries: a loader may take another one for its predecessor and end it."""
    for _ in range(9):
        with contextlib.suppress(Contended):
            return await loading.load(ROWS)
    return await loading.load(ROWS)


@pytest.mark.parametrize("before", [True, False])
async def test_an_aborted_transaction_commits_nothing_and_says_so(loading: Loading, before: bool) -> None:
    options = SnowflakeOptions.model_validate(loading.server.options(loading.database))
    insert = f'INSERT INTO "PUBLIC"."{loading.name.name}" VALUES (1)'
    async with open_session(options, loading.server.credentials, "test", "testing") as session:
        await session.begin(name="batch")
        if not before:
            await session.execute(insert)
        async with open_session(options, loading.server.credentials, "test", "testing") as successor:
            await successor.end_predecessor("batch")
        if before:
            await session.execute(insert)
        with pytest.raises(Contended, match="aborted"):
            await session.commit()
    assert loading.rows() == 0


async def test_batches_load_side_by_side(loading: Loading) -> None:
    await loading.begin()
    await asyncio.gather(*(loading.load(ROWS, number) for number in range(6)))
    assert loading.rows() == 6000
    numbers = loading.query('SELECT "NUMBER" FROM "PUBLIC"."STERNA_LEDGER" WHERE "NUMBER" >= 0 ORDER BY 1')
    assert [int(number) for (number,) in numbers] == list(range(6))


async def test_a_loader_killed_before_its_ledger_row_leaves_nothing(loading: Loading) -> None:
    await loading.begin()
    options = json.dumps(loading.server.options(loading.database))
    user, password = loading.server.credentials.username, loading.server.credentials.password
    command = [sys.executable, "-m", "tests.snowflake.killed_loader", options, str(user), str(password)]
    with subprocess.Popen(
        [*command, loading.name.name, "1000"], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"COPIED\n"
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert loading.rows() == 0
    began = time.monotonic()
    loaded = await loading.load(ROWS)
    assert not loaded.repeated
    assert time.monotonic() - began < IDLE_SECONDS, "the successor waited for the dead one's transaction to time out"
    assert loading.rows() == 1000


async def test_a_straggler_of_an_earlier_load_writes_nothing(loading: Loading) -> None:
    await loading.begin("1")
    begun = await loading.begin("2")
    assert begun.load == 2
    with pytest.raises(Defect, match="load 2 has begun"):
        await loading.load(ROWS, load=1)
    assert loading.rows() == 0


async def test_a_new_token_takes_away_what_the_run_wrote(loading: Loading) -> None:
    await loading.begin("1")
    await loading.load(ROWS)
    begun = await loading.begin("2")
    assert (begun.load, begun.rows_before) == (2, 0)
    assert loading.rows() == 0
    await loading.load(ROWS, load=2)
    assert loading.rows() == 1000


async def test_a_file_that_snowflake_remembers_is_loaded_when_the_ledger_lacks_it(loading: Loading) -> None:
    await loading.begin()
    await loading.load(ROWS)
    loading.query('DELETE FROM "PUBLIC"."ROWS_IN"')
    loading.query('DELETE FROM "PUBLIC"."STERNA_LEDGER" WHERE "NUMBER" = 0')
    loaded = await loading.load(ROWS)
    assert not loaded.repeated
    assert loading.rows() == 1000


async def test_a_batch_of_another_size_than_was_extracted_is_rolled_back(loading: Loading) -> None:
    await loading.begin()
    entry = loading.entry(999)
    with pytest.raises(DataMismatch, match="999 rows were extracted"):
        await loading.connector.load_arrow(loading.target, entry, parts(ROWS, 1), lambda size: None)
    assert loading.rows() == 0
    assert await loading.connector.ledger_rows(LoadRef(JOB, "ROWS_IN", 1)) == []


@pytest.mark.parametrize(
    ("native", "text"),
    [
        ("NUMBER(5,2)", "1234.5"),
        ("NUMBER(5,2)", "1.005"),
        ("NUMBER(5,2)", "secret"),
        ("VARCHAR(3)", "secret"),
        ("BINARY(2)", "\\x736563726574"),
        ("TIMESTAMP_NTZ(3)", "10000-01-01 00:00:00"),
        ("DATE", "0044-03-15 BC"),
        ("TIME(6)", "24:00:00"),
        ("VARIANT", '{"secret": 1234567890123456789012345678901234567890.1}'),
        ("NUMBER(5,0) NOT NULL", None),
    ],
)
async def test_a_value_that_does_not_fit_is_refused(snowflake: SnowflakeServer, native: str, text: str | None) -> None:
    loading = Loading(snowflake, snowflake.new_database(), [native])
    await loading.begin()
    with pytest.raises(DataRejected) as refused:
        await loading.load([[text]])
    assert "secret" not in str(refused.value)
    assert loading.rows() == 0


async def test_the_stage_holds_nothing_after_a_load_or_a_failed_one(loading: Loading) -> None:
    await loading.begin()
    await loading.load(ROWS)
    assert loading.query("LIST @~/sterna") == []
    with pytest.raises(DataMismatch):
        await loading.connector.load_arrow(loading.target, loading.entry(999, 1), parts(ROWS, 1), lambda size: None)
    assert loading.query("LIST @~/sterna") == []


async def test_a_new_load_takes_off_the_stage_what_a_dead_worker_left(loading: Loading, tmp_path: Path) -> None:
    await loading.begin("1")
    (tmp_path / "3.parquet").write_bytes(b"rows")
    for load in (1, 10):
        place = f"@~/sterna/{staged_name(loading.entry(1, 3, load))}"
        loading.query(f"PUT 'file://{tmp_path / '3.parquet'}' {place} AUTO_COMPRESS = FALSE")
    assert (await loading.begin("2")).load == 2
    ((left,),) = loading.query("LIST @~/sterna")
    assert left.endswith("/10/3.parquet")
