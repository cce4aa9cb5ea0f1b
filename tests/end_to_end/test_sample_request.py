"""The sample request of the design from its acceptance to its certificate, verbatim but for host names."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.end_to_end import sample_users
from tests.end_to_end.conftest import Jobs, is_final_or_needs_attention
from tests.end_to_end.observation import in_flight, open_client, staged
from tests.end_to_end.sample_places import READER, SamplePlaces, sample_places
from tests.oracle_server.server import OracleLogin, OracleServer
from tests.sample_request import SAMPLE

STAGES = ("control", "extract", "transform", "load", "load", "validate")


@pytest.fixture
def places(postgres: PostgresServer, oracle_server: OracleServer) -> Iterator[SamplePlaces]:
    with sample_places(postgres, oracle_server) as standing:
        yield standing


@pytest.fixture
def sample_stack(places: SamplePlaces) -> Iterator[LocalStack]:
    """A stack whose workers are told where Vault is; the API is told nothing of it."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        workers = dict.fromkeys([*(f"worker-{stage}" for stage in STAGES), "worker-load-2"], places.environment)
        with LocalStack(
            Path(folder) / "stack", process_environment=workers, stages=STAGES, restart_dead=False
        ) as running:
            yield running


def loaded_batches(oracle: OracleLogin) -> int:
    """As Oracle's ledger has them."""
    with oracle.connect() as connection, connection.cursor() as cursor:
        cursor.execute('SELECT COUNT(*) FROM sterna_ledger WHERE "NUMBER" >= 0')
        ((count,),) = cursor.fetchall()
    return int(count)


async def kill_the_worker_that_loads(stack: LocalStack, job_id: str, jobs: Jobs) -> str:
    """Kills the load worker that has the table's rows in hand, and returns its name."""
    begun = jobs.wait(job_id, lambda found: is_final_or_needs_attention(found) or _moves(found))
    assert _moves(begun), begun
    workflow_id = f"migration/{job_id}/{jobs.table(job_id, '')['tableId']}"
    client = await open_client(stack)
    deadline = time.monotonic() + 120
    while True:
        for name in ("worker-load", "worker-load-2"):
            if "load_batches" in await in_flight(client, workflow_id, stack.process(name).pid):
                stack.kill(name)
                return name
        assert time.monotonic() < deadline, jobs.progress(job_id)
        await asyncio.sleep(0.02)


async def test_the_sample_request_moves_its_rows_and_proves_them_though_the_load_worker_is_killed(
    places: SamplePlaces, sample_stack: LocalStack
) -> None:
    jobs = Jobs(sample_stack)
    for deviation in places.deviations:
        print(f"not as the request has it: {deviation}")
    if not places.deviations:
        hosts = {side: {**places.request[side], "host": SAMPLE[side]["host"]} for side in ("source", "destination")}
        assert {**places.request, **hosts} == SAMPLE
    with places.connect_source() as source:
        sample_users.fill(source, READER)
        expected = sample_users.expected(source)
    job_id = jobs.post(places.request)
    killed = await kill_the_worker_that_loads(sample_stack, job_id, jobs)
    assert loaded_batches(places.oracle) == 0
    print(f"killed {killed} in the middle of its batch")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED", seconds=200)
    assert [table["proved"] for table in ended["tables"]] == [True]
    with places.oracle.connect() as connection:
        found = sample_users.found(connection)
    assert len(found) == sample_users.ROWS
    assert found == expected
    certificate = jobs.certificate(job_id)
    assert certificate["verdict"] == "PROVED"
    assert staged(sample_stack, job_id) == []
    assert files_with(places.canaries, sample_stack.folder) == []


def _moves(progress: dict[str, Any]) -> bool:
    """The table's workflow has begun: it has a load."""
    return any(table["stage"] == "moving rows" for table in progress["tables"])


def files_with(words: list[str], folder: Path) -> list[str]:
    """Files of a folder that hold one of the words: logs, documents, Temporal's history, the config store."""
    needles = [word.encode() for word in words]
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and _holds(file, needles)]


def _holds(file: Path, needles: list[bytes]) -> bool:
    content = file.read_bytes()
    return any(needle in content for needle in needles)
