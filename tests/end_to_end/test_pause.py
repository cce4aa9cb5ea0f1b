from __future__ import annotations

import time

from deploy.local.stack import LocalStack
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, sessions, signal_by_command, until
from tests.independent_comparison import assert_equal

ROWS = 50_000
BATCHES = 50
WITHIN_SECONDS = 10
"""What DESIGN promises: by then a pause has stopped everything."""


def keeper_only(databases: Databases, job_id: str) -> bool:
    return sessions(databases) == [f"sterna keeper {job_id}"]


def begin(databases: Databases, jobs: Jobs, seconds: float = 30) -> tuple[BrakedTable, str]:
    """A job that has loaded some batches and stands in the middle of others, for so many seconds."""
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.1)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": ROWS // BATCHES}]))
    until(lambda: ledger(databases))
    table.brake(seconds)
    until(table.braked)
    return table, job_id


def assert_arrived(databases: Databases) -> None:
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.numbers")
        counted = source.execute("SELECT count(*) FROM public.numbers").fetchone()
    newest = max(load for load, _, _ in ledger(databases))
    assert (sum(rows for load, _, rows in ledger(databases) if load == newest),) == counted


def test_a_pause_by_the_temporal_command_leaves_the_keepers_session_alone(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    table, job_id = begin(databases, jobs)
    signal_by_command(stack, job_id, "pause", {})
    until(lambda: keeper_only(databases, job_id), WITHIN_SECONDS)
    until(lambda: jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "PAUSED", WITHIN_SECONDS)
    before, progress = ledger(databases), jobs.progress(job_id)
    assert 0 < len(before) < BATCHES
    assert progress["tables"][0]["stage"].startswith("paused")
    time.sleep(3)
    assert keeper_only(databases, job_id)
    assert ledger(databases) == before
    assert jobs.progress(job_id)["rows"] == progress["rows"]
    table.brake(0)
    signal_by_command(stack, job_id, "resume")
    ended = jobs.wait(job_id)
    assert (ended["status"], ended["tables"][0]["copies"]) == ("COMPLETED", 1)
    assert_arrived(databases)


def test_a_pause_with_release_leaves_no_session_and_the_table_is_copied_as_of_the_resume(
    databases: Databases, jobs: Jobs
) -> None:
    table, job_id = begin(databases, jobs)
    jobs.command(job_id, "pause", {"release": True})
    until(lambda: not sessions(databases), 20)
    table.brake(0)
    databases.prepare(
        "DELETE FROM numbers WHERE id % 3 = 0; UPDATE numbers SET word = 'changed' WHERE id % 3 = 1;"
        "INSERT INTO numbers VALUES (-1, 'late')"
    )
    jobs.command(job_id, "resume")
    ended = jobs.wait(job_id)
    assert (ended["status"], ended["snapshot"]["epoch"]) == ("COMPLETED", 2)
    assert jobs.certificate(job_id)["tables"][0]["copies"] == 2
    assert_arrived(databases)


def test_a_pause_stops_an_index_build_and_resume_builds_it(databases: Databases, jobs: Jobs) -> None:
    table = BrakedTable(databases, "numbers", 1000)
    table.create(0)
    databases.prepare("CREATE INDEX numbers_word ON numbers (word)")
    with databases.connect_destination() as blocker:
        with blocker.transaction():
            # A lock that loads do not meet but index builds do.
            blocker.execute("LOCK TABLE numbers IN ROW EXCLUSIVE MODE")
            job_id = jobs.post(databases.spec([{"sourceTable": "numbers"}]))
            until(lambda: any("finish" in name for name in sessions(databases)))
            jobs.command(job_id, "pause")
            until(lambda: not sessions(databases), WITHIN_SECONDS)
            assert jobs.table(job_id, "numbers")["stage"] == "paused (building keys and indexes)"
        jobs.command(job_id, "resume")
        assert jobs.wait(job_id)["status"] == "COMPLETED"
        assert blocker.execute("SELECT to_regclass('public.numbers_word') IS NOT NULL").fetchone() == (True,)


def test_a_pause_and_resume_at_once_leave_the_job_running(databases: Databases, jobs: Jobs) -> None:
    table, job_id = begin(databases, jobs, 2)
    for command in ("pause", "resume", "pause", "resume"):
        jobs.command(job_id, command)
    table.brake(0)
    assert jobs.wait(job_id)["status"] == "COMPLETED"
    assert jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "COMPLETED"
    assert_arrived(databases)
