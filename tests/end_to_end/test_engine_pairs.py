"""Jobs between engines of different kinds, each proved by Sterna and by a comparison that shares no code with it; the
load worker is killed in the middle of every one."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase
from tests.end_to_end.conftest import Jobs, is_final_or_needs_attention
from tests.end_to_end.engines import (
    DuckdbEngine,
    Engine,
    FirebirdEngine,
    MariadbEngine,
    OracleEngine,
    PostgresEngine,
    SnowflakeEngine,
    SqliteEngine,
    make_rows,
)
from tests.end_to_end.observation import in_flight, open_client, staged

ROWS = 6_000
PARALLEL = 20
"""So many that an activity takes few batches, and the kill finds one in hand."""
BATCH_ROWS = 150
PAIRS = (
    ("POSTGRES", "MYSQL"),
    ("MYSQL", "POSTGRES"),
    ("POSTGRES", "ORACLE"),
    ("ORACLE", "POSTGRES"),
    ("POSTGRES", "SNOWFLAKE"),
    ("SQLITE", "POSTGRES"),
    ("POSTGRES", "DUCKDB"),
    ("MYSQL", "SQLALCHEMY"),
)

OpenPlace = Callable[[str], Callable[[], Engine]]


@pytest.fixture
def jobs(breakable_stack: LocalStack) -> Jobs:
    return Jobs(breakable_stack)


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path, new_database: NewDatabase) -> OpenPlace:
    """Makes an empty place for the table in an engine; its server starts with the first use."""

    def secret(username: str, password: str) -> str:
        file = tmp_path / f"{username}.json"
        file.write_text(json.dumps({"username": username, "password": password}))
        return f"file:{file}"

    def mariadb() -> Engine:
        server, name = request.getfixturevalue("mariadb"), f"pair_{secrets.token_hex(4)}"
        place = MariadbEngine(server.port, server.user, name)
        place.create_database()
        return place

    def oracle() -> Engine:
        login = request.getfixturevalue("oracle_server").login()
        side = {"type": "ORACLE", **login.options, "secretsRef": secret(login.user, login.password)}
        return OracleEngine(login.connect, side)

    def snowflake() -> Engine:
        server = request.getfixturevalue("snowflake")
        name = server.new_database()
        side = {"type": "SNOWFLAKE", **server.options(name), "secretsRef": f"file:{server.secret_file()}"}
        return SnowflakeEngine(lambda: server.connect(name), side)

    def firebird() -> Engine:
        server = request.getfixturevalue("firebird")
        place = f"127.0.0.1:{server.port}/{server.create_database(f'pair_{secrets.token_hex(4)}')}"
        side = {
            "type": "SQLALCHEMY",
            "url": f"firebird+firebird://{place}",
            "secretsRef": secret(server.user, server.password),
        }
        return FirebirdEngine({"database": f"inet://{place}", "user": server.user, "password": server.password}, side)

    def postgres() -> Engine:
        server = request.getfixturevalue("postgres")
        return PostgresEngine(server.port, server.user, new_database())

    return {
        "POSTGRES": postgres,
        "MYSQL": mariadb,
        "ORACLE": oracle,
        "SNOWFLAKE": snowflake,
        "SQLALCHEMY": firebird,
        "SQLITE": lambda: SqliteEngine(tmp_path / "readings.sqlite"),
        "DUCKDB": lambda: DuckdbEngine(tmp_path / "readings.duckdb"),
    }.__getitem__


async def kill_in_mid_table(stack: LocalStack, jobs: Jobs, job_id: str) -> tuple[int, int]:
    """Kills the first load worker while it loads a batch of the table; the batches loaded by then, and all of them."""
    begun = jobs.wait(
        job_id,
        lambda found: is_final_or_needs_attention(found) or any(table["batchesDone"] for table in found["tables"]),
    )
    assert begun["tables"], begun
    table = begun["tables"][0]
    workflow_id = f"migration/{job_id}/{table['tableId']}"
    client = await open_client(stack)
    deadline = time.monotonic() + 60
    while "load_batches" not in await in_flight(client, workflow_id, stack.process("worker-load").pid):
        assert time.monotonic() < deadline, "the worker has nothing to load"
        assert (now := jobs.table(job_id, ""))["status"] == "RUNNING", now
        await asyncio.sleep(0.02)
    stack.kill("worker-load")
    after = jobs.table(job_id, "")
    return after["batchesDone"], after["batches"]


@pytest.mark.parametrize(("source", "destination"), PAIRS, ids=lambda name: name.lower())
async def test_a_killed_load_worker_loses_nothing_and_doubles_nothing_between_engines(
    source: str,
    destination: str,
    engine: Callable[[str], Callable[[], Engine]],
    jobs: Jobs,
    breakable_stack: LocalStack,
) -> None:
    origin, arrival = engine(source)(), engine(destination)()
    rows = make_rows(ROWS)
    origin.fill(rows)
    job_id = jobs.post(job(origin, arrival, {"batchSize": BATCH_ROWS}, parallelBatches=PARALLEL))
    try:
        done, batches = await kill_in_mid_table(breakable_stack, jobs, job_id)
        assert 0 < done < batches
        print(f"{source} → {destination}: killed worker-load in mid-load, {done} of {batches} batches loaded")
    finally:
        breakable_stack.restart("worker-load")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED", seconds=120)
    assert ended["tables"][0]["proved"], ended
    assert arrival.rows() == rows
    assert staged(breakable_stack, job_id) == []


def job(origin: Engine, arrival: Engine, table: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A job that moves the table of all these tests."""
    return {
        "name": "readings",
        "source": origin.side(),
        "destination": arrival.side(),
        "tables": [{"sourceTable": origin.named, **table}],
        "options": options,
    }
