"""Queues as operators see them, of a real Temporal server: one that nobody serves, and one whose workers are busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker
from typer.testing import CliRunner

from core.settings import Settings
from core.temporal_client import connect
from core.temporal_runtime import sdk_runtime
from deploy.cli import app
from tests.api.conftest import Json, until


@activity.defn
async def takes_long() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.2)


@workflow.defn(sandboxed=False)
class Crowd:
    @workflow.run
    async def run(self, tasks: dict[str, int]) -> None:
        waits = timedelta(minutes=5)
        for queue, count in tasks.items():
            for _ in range(count):
                workflow.start_activity(
                    takes_long, task_queue=queue, start_to_close_timeout=waits, heartbeat_timeout=timedelta(seconds=5)
                )
        await workflow.wait_condition(lambda: False)


@asynccontextmanager
async def crowded(client: Client, prefix: str) -> AsyncIterator[None]:
    """Six tasks for a load worker with two slots, three for transform workers, of which there is none."""
    own = await connect(
        address=client.service_client.config.target_host, runtime=sdk_runtime(timedelta(seconds=1)).runtime
    )
    control = Worker(own, task_queue=f"{prefix}-control", workflows=[Crowd])
    load = Worker(own, task_queue=f"{prefix}-load", activities=[takes_long], max_concurrent_activities=2)
    async with control, load:
        handle: WorkflowHandle[Crowd, None] = await own.start_workflow(
            Crowd.run, {f"{prefix}-load": 6, f"{prefix}-transform": 3}, id=prefix, task_queue=f"{prefix}-control"
        )
        yield
        await handle.terminate()


@pytest.mark.timeout(60)
async def test_queues_tell_what_waits_who_serves_and_what_to_do(
    api: httpx.AsyncClient, client: Client, settings: Settings
) -> None:
    prefix = settings.task_queue_prefix
    found: dict[str, Json] = {}
    answer: Json = {}

    async def crowd_is_seen() -> bool:
        nonlocal answer, found
        answer = (await api.get("/api/queues")).raise_for_status().json()
        found = {queue["name"]: queue for queue in answer["queues"] if queue["kind"] == "activities"}
        said = " ".join(advice["text"] for advice in answer["advice"])
        return "load is the bottleneck" in said and found[f"{prefix}-transform"]["backlog"] == 3

    async with crowded(client, prefix):
        await until(crowd_is_seen)
        shown = await asyncio.to_thread(CliRunner().invoke, app, ["queues", "--api", str(api.base_url)])
    load = found[f"{prefix}-load"]
    assert load["backlog"] == 4
    assert load["backlogAgeSeconds"] >= 3
    [worker] = load["workers"]
    assert (worker["slots"], worker["slotsUsed"]) == (2, 2)
    assert found[f"{prefix}-transform"]["workers"] == []
    assert [queue["stage"] for queue in answer["queues"] if queue["kind"] == "workflows"] == ["control"]
    said = {advice["queue"]: advice for advice in answer["advice"]}
    assert said[f"{prefix}-transform"]["level"] == "critical"
    assert "start one with `sterna worker --stages transform`" in said[f"{prefix}-transform"]["text"]
    assert "4 tasks wait" in said[f"{prefix}-load"]["text"]
    assert "1 worker is busy (2 of 2 slots): add load workers" in said[f"{prefix}-load"]["text"]
    assert shown.exit_code == 0, shown.output
    assert f"{prefix}-load" in shown.output
    assert "critical: no worker serves" in shown.output
