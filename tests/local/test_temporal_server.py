"""The Temporal server of the stack on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from deploy.local.temporal_server import TemporalServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    temporal = TemporalServer(tmp_path)
    temporal.start()
    yield temporal
    temporal.stop()


async def test_a_killed_server_comes_back_with_its_workflows(server: TemporalServer) -> None:
    client = await Client.connect(server.address)
    await client.start_workflow("Anything", id="kept", task_queue="nobody-works-here")
    address = server.address

    server.kill()
    server.start()

    assert server.address == address
    kept = await (await Client.connect(address)).get_workflow_handle("kept").describe()
    assert kept.status is not None
    assert kept.status.name == "RUNNING"


async def test_jobs_can_be_searched_by_their_attributes(server: TemporalServer) -> None:
    client = await Client.connect(server.address)
    query = (
        'MigrationJobId = "x" AND MigrationStatus = "ACTIVE" AND MigrationSource = "a" AND MigrationDestination = "b"'
    )
    assert [found async for found in client.list_workflows(query)] == []


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = TemporalServer(tmp_path, options=["--no-such-option"])
    with pytest.raises(RuntimeError, match="no-such-option"):
        broken.start()
    broken.stop()
