from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from deploy.local.stack import LocalStack
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, open_client, until
from tests.independent_comparison import assert_equal

BATCHES = 3000
ROWS = 30_000
LARGEST_PAYLOAD = 64 * 1024
"""Bytes; Temporal refuses more than 2 MB."""


@pytest.fixture
def jobs(breakable_stack: LocalStack) -> Jobs:
    """Its Temporal server suggests to continue as new early."""
    return Jobs(breakable_stack)


async def executions(client: Client, workflow_id: str) -> list[str]:
    """Run ids of a workflow, oldest first."""
    query = f"WorkflowId = '{workflow_id}'"
    found = [execution async for execution in client.list_workflows(query)]
    return [execution.run_id for execution in sorted(found, key=lambda execution: execution.start_time)]


async def events(client: Client, workflow_id: str, run_id: str | None = None) -> list[HistoryEvent]:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    return [event async for event in handle.fetch_history_events()]


def payload_sizes(message: Any) -> list[int]:
    """Bytes of every payload anywhere in a history event."""
    if isinstance(message, Payload):
        return [len(message.data)]
    sizes = []
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if hasattr(value, "ListFields"):
            values = [value]
        else:
            values = value.values() if field.message_type.GetOptions().map_entry else value
        sizes += [size for part in values if hasattr(part, "ListFields") for size in payload_sizes(part)]
    return sizes


async def test_a_table_of_3000_batches_arrives_over_several_executions_with_small_payloads(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0)
    with databases.connect_destination() as connection:
        connection.execute("DROP TRIGGER brake ON numbers")
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": ROWS // BATCHES}], parallelBatches=8))
    ended = jobs.wait(job_id, seconds=180)
    assert ended["status"] == "COMPLETED", ended
    assert len(ledger(databases)) == ended["tables"][0]["batches"] >= BATCHES
    assert len({number for _, number, _ in ledger(databases)}) == len(ledger(databases))
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.numbers")

    client = await open_client(breakable_stack)
    workflow_id = f"migration/{job_id}/{ended['tables'][0]['tableId']}"
    runs = await executions(client, workflow_id)
    assert len(runs) >= 4
    histories = [await events(client, workflow_id, run_id) for run_id in runs]
    histories.append(await events(client, f"migration/{job_id}"))
    assert max(size for history in histories for event in history for size in payload_sizes(event)) < LARGEST_PAYLOAD


async def test_a_plan_of_100000_batches_starts_with_small_payloads(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    table = BrakedTable(databases, "numbers", 100_000)
    table.create(0)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 1}]))
    until(lambda: ledger(databases))
    assert jobs.table(job_id, "numbers")["batches"] >= 100_000
    jobs.command(job_id, "cancel")
    jobs.wait(job_id)
    client = await open_client(breakable_stack)
    history = await events(client, f"migration/{job_id}")
    history += await events(client, f"migration/{job_id}/{jobs.table(job_id, 'numbers')['tableId']}")
    assert max(size for event in history for size in payload_sizes(event)) < LARGEST_PAYLOAD


async def test_pause_resume_and_a_lost_snapshot_survive_continue_as_new(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.005)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 20}], parallelBatches=8))
    client = await open_client(breakable_stack)
    until(lambda: ledger(databases))
    for epoch in (1, 2, 3):
        jobs.command(job_id, "pause", {"release": epoch == 2})
        until(lambda: jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "PAUSED")
        jobs.command(job_id, "resume")
        until(lambda: jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "ACTIVE")
        done = len(ledger(databases))
        until(lambda done=done: len(ledger(databases)) != done)
    table.brake(0)
    ended = jobs.wait(job_id, seconds=180)
    assert (ended["status"], ended["snapshot"]["epoch"], ended["tables"][0]["copies"]) == ("COMPLETED", 2, 2)
    assert len(await executions(client, f"migration/{job_id}/{ended['tables'][0]['tableId']}")) >= 2
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.numbers")


async def test_extract_and_load_of_one_batch_are_the_work_of_different_processes(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    BrakedTable(databases, "numbers", 1000).create(0)
    ended = jobs.run(databases.spec([{"sourceTable": "numbers"}]))
    client = await open_client(breakable_stack)
    history = await events(client, f"migration/{ended['jobId']}/{ended['tables'][0]['tableId']}")
    kinds = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    }
    workers = {
        kinds[event.activity_task_started_event_attributes.scheduled_event_id]: (
            event.activity_task_started_event_attributes.identity.split("@")[0]
        )
        for event in history
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    }
    assert workers["extract_batches"] == str(breakable_stack.process("worker-extract").pid)
    loaders = {str(breakable_stack.process(name).pid) for name in ("worker-load", "worker-load-2")}
    assert workers["load_batches"] in loaders
