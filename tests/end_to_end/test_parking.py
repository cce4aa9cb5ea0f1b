from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, sessions, until
from tests.independent_comparison import assert_equal
from tests.sample_request import SAMPLE

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON filling FOR EACH ROW WHEN (new.id > 15000) EXECUTE FUNCTION full_disk();
"""


def states(progress: dict[str, Any]) -> dict[str, str]:
    return {table["name"].split(" → ")[0].removeprefix("public."): table["status"] for table in progress["tables"]}


def test_only_tables_with_a_fault_park_and_retry_goes_on_where_they_stopped(databases: Databases, jobs: Jobs) -> None:
    tables = [BrakedTable(databases, name, 20_000) for name in ("sound", "secret", "narrow", "filling")]
    for table in tables:
        table.create(0)
    role = f"limited_{databases.source}"
    databases.prepare(
        f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};"
        f"REVOKE SELECT ON secret FROM {role}"
    )
    with databases.connect_destination() as connection:
        connection.execute("ALTER TABLE narrow DROP COLUMN word;" + FULL)
    spec = databases.spec([{"sourceTable": table.name, "batchSize": 1000} for table in tables])
    spec["source"]["user"] = role
    job_id = jobs.post(spec)
    expected = {"sound": "COMPLETED", "secret": "PARKED", "narrow": "PARKED", "filling": "PARKED"}
    jobs.wait(job_id, lambda found: states(found) == expected, 20)
    progress = jobs.progress(job_id)
    assert progress["status"] == "ACTIVE"
    for name, remedy in {"secret": "Grant", "narrow": "word", "filling": "Free disk space"}.items():
        assert remedy in jobs.table(job_id, f".{name} ")["message"]
        assert name in progress["attention"]
    filling = jobs.table(job_id, ".filling ")["tableId"]
    before = ledger(databases, filling)
    assert 0 < len(before) < 20

    databases.prepare(f"GRANT SELECT ON secret TO {role}")
    jobs.command(job_id, "retry", {"tables": ["secret"]})
    jobs.wait(job_id, lambda found: states(found) == {**expected, "secret": "COMPLETED"}, 60)
    with databases.connect_destination() as connection:
        connection.execute("ALTER TABLE narrow ADD COLUMN word text; DROP TRIGGER full_disk ON filling")
    jobs.command(job_id, "retry")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")
    assert ended["attention"] is None
    after = ledger(databases, filling)
    assert {load for load, _, _ in after} == {1}
    assert set(before) < set(after)
    with databases.connect_source() as source, databases.connect_destination() as destination:
        for table in tables:
            assert_equal(source, destination, f"public.{table.name}")


def test_a_retry_during_a_pause_begins_with_the_resume(databases: Databases, jobs: Jobs) -> None:
    table = BrakedTable(databases, "narrow", 1000)
    table.create(0)
    with databases.connect_destination() as connection:
        connection.execute("ALTER TABLE narrow DROP COLUMN word")
        job_id = jobs.post(databases.spec([{"sourceTable": "narrow"}]))
        jobs.wait(job_id, lambda found: states(found) == {"narrow": "PARKED"}, 60)
        jobs.command(job_id, "pause", {"release": True})
        until(lambda: jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "PAUSED")
        connection.execute("ALTER TABLE narrow ADD COLUMN word text")
    jobs.command(job_id, "retry")
    assert states(jobs.progress(job_id)) == {"narrow": "PENDING"}
    assert sessions(databases) == []
    jobs.command(job_id, "resume")
    assert jobs.wait(job_id)["status"] == "COMPLETED"


def test_a_foreign_key_that_does_not_hold_parks_its_table_and_is_built_after_the_mend(
    databases: Databases, jobs: Jobs
) -> None:
    databases.prepare(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, parent int);"
        "INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2);"
        "ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent"
    )
    tables = [{"sourceTable": "parent", "whereClause": "id = 1"}, {"sourceTable": "child"}]
    job_id = jobs.post(databases.spec(tables))
    jobs.wait(job_id, lambda found: states(found) == {"parent": "COMPLETED", "child": "PARKED"}, 60)
    with databases.connect_destination() as connection:
        connection.execute("INSERT INTO parent VALUES (2)")
    jobs.command(job_id, "retry")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")
    assert all(table["proved"] for table in ended["tables"])
    assert {load for load, _, _ in ledger(databases)} == {1}


def test_a_login_that_is_refused_holds_up_the_job_until_the_secret_is_mended(
    databases: Databases, jobs: Jobs, tmp_path: Path
) -> None:
    BrakedTable(databases, "numbers", 100).create(0)
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"username": "nobody_by_this_name", "password": "x"}))
    spec = databases.spec([{"sourceTable": "numbers"}])
    del spec["source"]["user"]
    spec["source"]["secretsRef"] = f"file:{secret}"
    job_id = jobs.post(spec)
    attention = jobs.wait(job_id, seconds=60)["attention"]
    assert "nobody_by_this_name" in attention
    assert "retry" in attention
    secret.write_text(json.dumps({"username": databases.server.user, "password": "x"}))
    jobs.command(job_id, "retry")
    assert jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")["attention"] is None


def test_the_sample_request_waits_with_the_hosts_it_cannot_reach_and_is_cancelled(jobs: Jobs) -> None:
    job_id = jobs.post(SAMPLE)
    waiting = jobs.wait(job_id, seconds=60)
    assert waiting["status"] == "ACTIVE"
    assert "pg-db.example.com" in waiting["attention"]
    assert "oracle-db.example.com" in waiting["attention"]
    jobs.command(job_id, "cancel")
    assert jobs.wait(job_id, lambda found: found["status"] == "CANCELLED")["attention"] is None
