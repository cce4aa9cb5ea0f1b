"""Jobs between engines of different kinds, each proved by Sterna and by a comparison that shares no code with it; the
load worker is killed in the middle of every one."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing

import pytest
from temporalio.client import Client

from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import FINAL, Jobs, is_final_or_needs_attention
from tests.end_to_end.engine_places import OpenPlace, job
from tests.end_to_end.engines import make_rows
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

LOAD_WORKERS = ("worker-load", "worker-load-2")
HEALED_PAIRS = (("POSTGRES", "MYSQL"), ("MYSQL", "POSTGRES"), ("POSTGRES", "DUCKDB"))


@pytest.fixture
def jobs(breakable_stack: LocalStack) -> Jobs:
    return Jobs(breakable_stack)


async def kill_in_mid_table(stack: LocalStack, jobs: Jobs, job_id: str) -> tuple[str, int, int]:
    """Kills the load worker that loads a batch of the table: a file may be with one of them all the time. Its name, the
    batches loaded by then, and all of them."""
    begun = jobs.wait(
        job_id,
        lambda found: is_final_or_needs_attention(found) or any(table["batchesDone"] for table in found["tables"]),
    )
    assert begun["tables"], begun
    table = begun["tables"][0]
    workflow_id = f"migration/{job_id}/{table['tableId']}"
    client = await open_client(stack)
    deadline = time.monotonic() + 60
    while not (busy := await _loading(stack, client, workflow_id)):
        assert time.monotonic() < deadline, "no worker has anything to load"
        assert (now := jobs.table(job_id, ""))["status"] == "RUNNING", now
        await asyncio.sleep(0.02)
    stack.kill(busy[0])
    after = jobs.table(job_id, "")
    return busy[0], after["batchesDone"], after["batches"]


async def _loading(stack: LocalStack, client: Client, workflow_id: str) -> list[str]:
    return [
        name for name in LOAD_WORKERS if "load_batches" in await in_flight(client, workflow_id, stack.process(name).pid)
    ]


@pytest.mark.parametrize(("source", "destination"), PAIRS, ids=lambda name: name.lower())
async def test_a_killed_load_worker_loses_nothing_and_doubles_nothing_between_engines(
    source: str,
    destination: str,
    engine: OpenPlace,
    jobs: Jobs,
    breakable_stack: LocalStack,
) -> None:
    origin, arrival = engine(source)(), engine(destination)()
    rows = make_rows(ROWS)
    origin.fill(rows)
    job_id = jobs.post(job(origin, arrival, {"batchSize": BATCH_ROWS}, parallelBatches=PARALLEL))
    killed, done, batches = await kill_in_mid_table(breakable_stack, jobs, job_id)
    breakable_stack.restart(killed)
    assert 0 < done < batches
    print(f"{source} → {destination}: killed {killed} in mid-load, {done} of {batches} batches loaded")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED", seconds=120)
    assert ended["tables"][0]["proved"], ended
    assert arrival.rows() == rows
    assert staged(breakable_stack, job_id) == []


@pytest.mark.parametrize(("source", "destination"), HEALED_PAIRS, ids=lambda name: name.lower())
def test_rows_that_differ_are_loaded_anew_between_engines(
    source: str,
    destination: str,
    engine: OpenPlace,
    jobs: Jobs,
    breakable_stack: LocalStack,
) -> None:
    """Somebody writes into the destination while no worker is there to prove it."""
    origin, arrival = engine(source)(), engine(destination)()
    rows = make_rows(ROWS // 10)
    origin.fill(rows)
    breakable_stack.kill("worker-validate")
    try:
        job_id = jobs.post(job(origin, arrival, {"batchSize": BATCH_ROWS, "heal": True}))
        jobs.wait(job_id, lambda found: any(table["stage"] == "validating" for table in found["tables"]))
        with arrival.session() as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"DELETE FROM {arrival.table} WHERE id = 10")
            cursor.execute(f"UPDATE {arrival.table} SET note = 'meddled' WHERE id IN (30, 31)")
            cursor.execute(
                f"INSERT INTO {arrival.table} SELECT id + 90000, name, amount, taken, active, note "
                f"FROM {arrival.table} WHERE id < 4"
            )
            connection.commit()
    finally:
        breakable_stack.restart("worker-validate")
    ended = jobs.wait(job_id, lambda found: found["status"] in FINAL, seconds=120)
    assert ended["tables"][0]["proved"], ended
    assert arrival.rows() == rows
    (healed,) = jobs.certificate(job_id)["tables"][0]["healed"]
    assert [healed[name] for name in ("missing", "extra", "changed")] == [1, 3, 2]
    assert staged(breakable_stack, job_id) == []
