"""What tests see of a running job from outside: sessions in PostgreSQL, executions in Temporal. Nothing of Sterna's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from deploy.local.stack import LocalStack
from tests.conftest import connect
from tests.end_to_end.conftest import Databases

Seen = TypeVar("Seen")


def until(look: Callable[[], Seen], seconds: float = 60, pause: float = 0.05) -> Seen:
    """Looks until what is seen is true, and returns it. Fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {seen!r}"
        time.sleep(pause)
    return seen


def sessions(databases: Databases) -> list[str]:
    """Application names of Sterna's sessions on source and destination."""
    with connect(databases.server, "postgres") as connection:
        found = connection.execute(
            "SELECT application_name FROM pg_stat_activity WHERE datname = ANY(%s) "
            "AND application_name LIKE 'sterna %%' ORDER BY 1",
            ([databases.source, databases.destination],),
        ).fetchall()
    return [str(name) for (name,) in found]


def ledger(databases: Databases, table_id: str | None = None) -> list[tuple[int, int, int]]:
    """Load, number and rows of every batch in the destination's ledger; empty while there is none."""
    with databases.connect_destination() as connection:
        if connection.execute("SELECT to_regclass('public.sterna_ledger')").fetchone() == (None,):
            return []
        found = connection.execute(
            "SELECT load, number, rows FROM public.sterna_ledger WHERE number >= 0 "
            "AND (%(table)s::text IS NULL OR table_id = %(table)s) ORDER BY load, number",
            {"table": table_id},
        ).fetchall()
    return [(int(str(load)), int(str(number)), int(str(rows))) for load, number, rows in found]


def staged(stack: LocalStack, job_id: str) -> list[Path]:
    """Everything that lies in staging for a job, unfinished objects too."""
    return [path for path in stack.staging.rglob("*") if job_id in str(path)]


async def open_client(stack: LocalStack) -> Client:
    return await Client.connect(stack.temporal_address, data_converter=pydantic_data_converter)


async def in_flight(client: Client, workflow_id: str, *pids: int) -> list[str]:
    """Activities of a workflow that the processes with these ids work on, as Temporal knows it."""
    described = await client.get_workflow_handle(workflow_id).describe()
    identities = tuple(f"{pid}@" for pid in pids)
    return [
        pending.activity_type.name
        for pending in described.raw_description.pending_activities
        if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        and pending.last_worker_identity.startswith(identities)
    ]


async def running(client: Client, job_id: str) -> list[str]:
    """Ids of the job's workflows, children too, that have not ended."""
    query = f"WorkflowId STARTS_WITH 'migration/{job_id}' AND ExecutionStatus = 'Running'"
    return [found.id async for found in client.list_workflows(query)]


def signal_by_command(stack: LocalStack, job_id: str, name: str, argument: dict[str, Any] | None = None) -> None:
    """As an operator does it, with the `temporal` command."""
    subprocess.run(
        [
            str(Path(sys.executable).with_name("temporal")),
            *("workflow", "signal", "--address", stack.temporal_address),
            *("--workflow-id", f"migration/{job_id}", "--name", name),
            *(("--input", json.dumps(argument)) if argument is not None else ()),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
