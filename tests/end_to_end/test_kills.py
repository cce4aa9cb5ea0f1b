from __future__ import annotations

import asyncio
import signal
import time

import pytest

from deploy.local.stack import LocalStack
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import in_flight, ledger, open_client, running, sessions, staged, until
from tests.independent_comparison import assert_equal

ROWS = 1_000_000
BATCH_ROWS = 10_000
SLOW_READING = "(SELECT pg_catalog.pg_sleep(0.2)::text) IS NOT NULL"
"""Evaluated once for each query: it holds up every extraction, and changes no row."""
VICTIMS = (
    *("worker-load", "worker-extract", "temporal", "worker-load-2", "worker-extract"),
    *("worker-load", "temporal", "worker-load-2", "worker-extract", "worker-load"),
)


@pytest.fixture
def jobs(breakable_stack: LocalStack) -> Jobs:
    return Jobs(breakable_stack)


async def busy_with(stack: LocalStack, workflow_id: str, name: str) -> list[str]:
    """Waits until a process has activities of this workflow in hand, and names them.

    The Temporal server has in hand what any worker has.
    """
    names = [found for found in stack.own_programs if found != "api"] if name == "temporal" else [name]
    deadline = time.monotonic() + 60
    client = await open_client(stack)
    while True:
        found = [
            activity
            for activity in await in_flight(client, workflow_id, *(stack.process(each).pid for each in names))
            if activity in ("extract_batches", "load_batches")
        ]
        if found:
            return found
        assert time.monotonic() < deadline, f"{name} has nothing to do"
        await asyncio.sleep(0.05)


async def assert_exactly_once(databases: Databases, stack: LocalStack, job_id: str, rows: int) -> None:
    """Source and destination are equal, the ledger's newest load sums up to the rows, nothing is left over."""
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert assert_equal(source, destination, "public.numbers") == rows
    batches = ledger(databases)
    newest = max(load for load, _, _ in batches)
    assert sum(counted for load, _, counted in batches if load == newest) == rows
    assert staged(stack, job_id) == []
    assert sessions(databases) == []
    client = await open_client(stack)
    deadline = time.monotonic() + 20
    while left := await running(client, job_id):
        assert time.monotonic() < deadline, left


async def test_ten_kills_in_the_middle_of_a_table_of_a_million_rows_change_no_row(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    stack = breakable_stack
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(1)
    spec = {"sourceTable": "numbers", "batchSize": BATCH_ROWS, "whereClause": SLOW_READING}
    job_id = jobs.post(databases.spec([spec], parallelBatches=64))
    until(lambda: ledger(databases))
    entry = jobs.table(job_id, "numbers")
    done = 0
    for victim in VICTIMS:
        until(lambda done=done: len(ledger(databases)) > done)
        activities = await busy_with(stack, f"migration/{job_id}/{entry['tableId']}", victim)
        stack.kill(victim)
        done = len(ledger(databases))
        print(f"killed {victim} with {', '.join(activities)} in flight; {done} of {entry['batches']} batches loaded")
        assert 0 < done < entry["batches"]
        stack.restart(victim)
    assert len(ledger(databases)) < entry["batches"]
    table.brake(0)
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED", seconds=180)
    assert (ended["tables"][0]["proved"], ended["tables"][0]["copies"]) == (True, 1)
    await assert_exactly_once(databases, stack, job_id, ROWS)


async def test_a_killed_control_worker_takes_the_snapshot_with_it_and_the_table_is_copied_again(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    stack = breakable_stack
    table = BrakedTable(databases, "numbers", 40_000)
    table.create(0.5)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 100}]))  # not all read at once
    until(lambda: ledger(databases))
    client = await open_client(stack)
    victim = stack.process("worker-control").pid
    assert await in_flight(client, f"migration/{job_id}", victim) == ["keep_snapshot"]
    stack.kill("worker-control")
    done = len(ledger(databases))
    print(f"killed worker-control with keep_snapshot in flight; {done} batches loaded")
    assert 0 < done < 128, "batches that are in flight may all have been read"
    databases.prepare("UPDATE numbers SET word = 'changed' WHERE id % 2 = 0")
    table.brake(0)
    stack.restart("worker-control")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")
    assert (ended["snapshot"]["epoch"], ended["tables"][0]["copies"]) == (2, 2)
    await assert_exactly_once(databases, stack, job_id, 40_000)


async def test_a_stopped_load_worker_loses_its_batches_to_another_and_loads_nothing_twice_when_it_awakes(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    stack = breakable_stack
    table = BrakedTable(databases, "numbers", 12_000)
    table.create(12)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 1000}], parallelBatches=12))
    held = until(lambda: found if len(found := table.braked()) == 8 else None)
    workflow_id = f"migration/{job_id}/{jobs.table(job_id, 'numbers')['tableId']}"
    assert await busy_with(stack, workflow_id, "worker-load") == ["load_batches"] * 4
    stack.kill("worker-load", signal.SIGSTOP)
    try:
        table.brake(0)
        assert jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")["tables"][0]["proved"]
        with databases.connect_destination() as connection:
            left = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", (held,)).fetchone()
        assert left == (0,)
    finally:
        stack.kill("worker-load", signal.SIGCONT)
    await asyncio.sleep(3)
    await assert_exactly_once(databases, stack, job_id, 12_000)
    assert jobs.run(databases.spec([{"sourceTable": "numbers"}], loadMode="replace"))["rows"] == 12_000
