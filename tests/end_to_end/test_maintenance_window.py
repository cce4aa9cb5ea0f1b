from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, sessions, until


def test_a_job_outside_its_window_has_no_session_and_says_until_when_it_waits(databases: Databases, jobs: Jobs) -> None:
    BrakedTable(databases, "numbers", 10).create(0)
    opens = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=2)
    window = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M} UTC"
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers"}], maintenanceWindow=window))
    progress = jobs.wait(job_id, lambda progress: progress["waitingUntil"] is not None)
    assert datetime.fromisoformat(progress["waitingUntil"]) == opens
    assert progress["stage"] == f"waiting for the maintenance window until {opens:%Y-%m-%d %H:%M} UTC"
    assert (progress["status"], progress["attention"]) == ("ACTIVE", None)
    until(lambda: not sessions(databases))
    assert ledger(databases) == []
    jobs.command(job_id, "cancel")
    assert jobs.wait(job_id)["status"] == "CANCELLED"


def test_a_window_that_is_open_holds_nothing_up(databases: Databases, jobs: Jobs) -> None:
    BrakedTable(databases, "numbers", 10).create(0)
    jobs.run(databases.spec([{"sourceTable": "numbers"}], maintenanceWindow=["00:00-12:00 UTC", "12:00-24:00 UTC"]))
