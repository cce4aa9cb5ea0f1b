"""A replay that is stopped anywhere before its certificate is finished by the next one; runs and replays exclude each
other."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import in_flight, ledger, open_client, until
from tests.end_to_end.test_rejects import replayed
from tests.independent_comparison import assert_equal

LOADERS = ("worker-load", "worker-load-2")
SOURCE = """
CREATE TABLE people (id int PRIMARY KEY, age int);
INSERT INTO people SELECT n, CASE WHEN n % 20 = 7 THEN -1 ELSE n END FROM generate_series(1, 100) AS n
"""
DESTINATION = "CREATE TABLE people (id int PRIMARY KEY, age int CONSTRAINT grown CHECK (age >= 0))"


@pytest.fixture
def jobs(breakable_stack: LocalStack) -> Jobs:
    return Jobs(breakable_stack)


def post_replay(jobs: Jobs, job_id: str) -> None:
    response = jobs.http.post(f"/api/jobs/{job_id}/rejects/replay")
    assert response.status_code == 202, response.text


def waiting(jobs: Jobs, job_id: str) -> int:
    """Rejects that are listed."""
    total: int = jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["total"]
    return total


async def test_a_replay_that_loses_its_worker_and_is_terminated_twice_is_finished_by_the_next_one(
    databases: Databases, jobs: Jobs, breakable_stack: LocalStack
) -> None:
    stack, client = breakable_stack, await open_client(breakable_stack)
    databases.prepare(SOURCE)
    with databases.connect_destination() as connection:
        connection.execute(DESTINATION)
    job_id = jobs.post(databases.spec([{"sourceTable": "people"}], maxRejects=5))
    assert jobs.wait(job_id)["tables"][0]["rejected"] == 5
    workflow = f"replay/{job_id}"

    async def replaying() -> str | None:
        for name in LOADERS:
            if "replay_table" in await in_flight(client, workflow, stack.process(name).pid):
                return name
        return None

    with databases.connect_destination() as connection:
        connection.execute("ALTER TABLE people DROP CONSTRAINT grown")
    with databases.connect_destination() as blocker:
        blocker.autocommit = False
        blocker.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        post_replay(jobs, job_id)
        while (victim := await replaying()) is None:
            pass
        until(lambda: blocked(databases))
        stack.kill(victim)
        await client.get_workflow_handle(workflow).terminate("an operator's mistake")
        stack.restart(victim)
        post_replay(jobs, job_id)
        for command in ("start", "retry"):
            refused = jobs.http.post(f"/api/jobs/{job_id}/{command}")
            assert refused.status_code == 409, refused.text
        assert jobs.http.delete(f"/api/jobs/{job_id}").status_code == 409
        stack.kill("worker-validate")
        blocker.rollback()
    until(lambda: waiting(jobs, job_id) == 0)
    await client.get_workflow_handle(workflow).terminate("once more, before the proof")
    stack.restart("worker-validate")
    assert books(jobs, job_id)["rejected"] == 5, "the certificate was written too early for this test"

    assert replayed(jobs, job_id) == {"loaded": 5, "rejected": 0, "proved": True}
    assert books(jobs, job_id) == {"extracted": 100, "loaded": 100, "rejected": 0}
    assert sum(rows for _, _, rows in ledger(databases)) == 100
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.people")
    assert jobs.http.post(f"/api/jobs/{job_id}/rejects/replay").status_code == 409


def books(jobs: Jobs, job_id: str) -> dict[str, Any]:
    rows = jobs.certificate(job_id)["tables"][0]["rows"]
    return {name: rows[name] for name in ("extracted", "loaded", "rejected")}


def blocked(databases: Databases) -> bool:
    """A session of Sterna waits for a lock at the destination."""
    with databases.connect_source() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
            (databases.destination,),
        ).fetchone()
    return found is not None and found != (0,)
