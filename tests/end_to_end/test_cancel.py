from __future__ import annotations

import time

from deploy.local.stack import LocalStack
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, open_client, running, sessions, staged, until
from tests.independent_comparison import assert_equal

ROWS = 20_000


def begin(databases: Databases, jobs: Jobs) -> tuple[BrakedTable, str]:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.1)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 500}]))
    until(lambda: ledger(databases))
    table.brake(60)
    until(table.braked)
    return table, job_id


async def test_a_cancelled_job_leaves_nothing_running(databases: Databases, jobs: Jobs, stack: LocalStack) -> None:
    _, job_id = begin(databases, jobs)
    jobs.command(job_id, "cancel")
    assert jobs.wait(job_id)["status"] == "CANCELLED"
    assert jobs.table(job_id, "numbers")["status"] == "CANCELLED"
    assert sessions(databases) == []
    assert staged(stack, job_id) == []
    client = await open_client(stack)
    deadline = time.monotonic() + 20
    while left := await running(client, job_id):
        assert time.monotonic() < deadline, left


async def test_a_job_is_cancelled_while_a_pause_is_stopping_its_batches(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    _, job_id = begin(databases, jobs)
    jobs.command(job_id, "pause")
    jobs.command(job_id, "cancel")
    assert jobs.wait(job_id, seconds=40)["status"] == "CANCELLED"
    assert sessions(databases) == []


async def test_a_job_terminated_from_outside_is_retried_from_the_beginning(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    table, job_id = begin(databases, jobs)
    client = await open_client(stack)
    await client.get_workflow_handle(f"migration/{job_id}").terminate("by a test")
    table.brake(0)
    assert "terminated" in str(jobs.wait(job_id, lambda found: found["status"] == "FAILED", 40)["attention"])
    jobs.command(job_id, "retry")
    assert jobs.wait(job_id)["status"] == "COMPLETED"
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.numbers")
