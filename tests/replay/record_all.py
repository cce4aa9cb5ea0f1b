"""Records a history of everything a job can go through, from the commit that is checked out: `python -m
tests.replay.record_all`. README.md of this folder says when that is right."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import connect
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, until
from tests.replay.record import record, recorded_commit

Scenario = Callable[[Databases, Jobs], str]


def straight(databases: Databases, jobs: Jobs) -> str:
    """Two tables and a foreign key, nothing special."""
    databases.prepare(
        "CREATE TABLE parent (id int PRIMARY KEY);"
        "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1)"
    )
    return jobs.post(databases.spec({"include": ["public.*"]}))


def continued(databases: Databases, jobs: Jobs) -> str:
    """A table that continues as new, by way of the transform stage."""
    BrakedTable(databases, "numbers", 3000).create(0)
    identity = {"type": "COLUMN_MAP", "mapping": {"word": "word"}}
    table = {"sourceTable": "numbers", "batchSize": 50, "transformations": [identity]}
    return jobs.post(databases.spec([table], parallelBatches=30))


def paused(databases: Databases, jobs: Jobs) -> str:
    """Paused with release in mid-load, then copied again under a new snapshot."""
    table, job_id = _begin(databases, jobs)
    jobs.command(job_id, "pause", {"release": True})
    until(lambda: jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "PAUSED")
    table.brake(0)
    jobs.command(job_id, "resume")
    return job_id


def parked(databases: Databases, jobs: Jobs) -> str:
    """A table that cannot begin, is mended and retried."""
    BrakedTable(databases, "numbers", 100).create(0)
    with databases.connect_destination() as connection:
        connection.execute("ALTER TABLE numbers DROP COLUMN word")
        job_id = jobs.post(databases.spec([{"sourceTable": "numbers"}]))
        jobs.wait(job_id)
        connection.execute("ALTER TABLE numbers ADD COLUMN word text")
    jobs.command(job_id, "retry")
    return job_id


def cancelled(databases: Databases, jobs: Jobs) -> str:
    """Cancelled in mid-load."""
    _, job_id = _begin(databases, jobs)
    jobs.command(job_id, "cancel")
    return job_id


def healed(databases: Databases, jobs: Jobs) -> str:
    """The snapshot is let go in mid-load while the source changes, and its rows are healed to the next one."""
    table = BrakedTable(databases, "numbers", 2000, keyed=True)
    table.create(0.2)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 100, "heal": True}]))
    until(lambda: ledger(databases))
    jobs.command(job_id, "pause", {"release": True})
    until(lambda: jobs.http.get(f"/api/jobs/{job_id}").json()["status"] == "PAUSED")
    databases.prepare("UPDATE numbers SET word = 'changed' WHERE id % 100 = 7; DELETE FROM numbers WHERE id % 500 = 3")
    table.brake(0)
    jobs.command(job_id, "resume")
    return job_id


def rejected(databases: Databases, jobs: Jobs) -> str:
    """Rows are refused by the load and by a key in finish, then loaded by a replay."""
    databases.prepare(
        "CREATE TABLE people (id int PRIMARY KEY, age int);"
        "INSERT INTO people SELECT i, CASE WHEN i % 100 = 7 THEN -1 ELSE i END FROM generate_series(1, 1000) AS i"
    )
    with databases.connect_destination() as connection:
        connection.execute(
            "CREATE TABLE people (id int NOT NULL, age int CONSTRAINT grown CHECK (age >= 0));"
            "INSERT INTO people VALUES (50, 1)"
        )
    job_id = jobs.post(databases.spec([{"sourceTable": "people", "batchSize": 200}], maxRejects=20))
    jobs.wait(job_id, lambda progress: progress["status"] == "COMPLETED")
    with databases.connect_destination() as connection:
        connection.execute("DELETE FROM people WHERE id = 50 AND age = 1; ALTER TABLE people DROP CONSTRAINT grown")
    jobs.http.post(f"/api/jobs/{job_id}/rejects/replay").raise_for_status()
    until(lambda: jobs.http.get(f"/api/jobs/{job_id}/rejects/replay").json()["status"] == "COMPLETED")
    return job_id


def passed_twice(databases: Databases, jobs: Jobs) -> str:
    """An incremental table, upserted: everything, then what is new."""
    databases.prepare(
        "CREATE TABLE changing (id int PRIMARY KEY, at int);"
        "INSERT INTO changing SELECT i, i FROM generate_series(1, 99) AS i"
    )
    table = {"sourceTable": "changing", "loadMode": "upsert", "incremental": {"column": "at", "overlap": 1}}
    job_id = jobs.post(databases.spec([table]))
    jobs.wait(job_id, lambda progress: progress["status"] == "COMPLETED")
    databases.prepare("INSERT INTO changing VALUES (100, 100); UPDATE changing SET at = 101 WHERE id = 5")
    jobs.command(job_id, "start")
    jobs.wait(job_id, lambda progress: progress["run"] == 2)
    return job_id


def limited(databases: Databases, jobs: Jobs) -> str:
    """Held to a rate, until an operator lifts it."""
    BrakedTable(databases, "numbers", 4000).create(0)
    tables = [{"sourceTable": "numbers", "batchSize": 100}]
    job_id = jobs.post(databases.spec(tables, maxRowsPerSecond=400, parallelBatches=2))
    until(lambda: len(ledger(databases)) > 3)
    jobs.http.patch(
        f"/api/jobs/{job_id}/limits", json={"maxRowsPerSecond": None, "parallelBatches": 8}
    ).raise_for_status()
    return job_id


def _begin(databases: Databases, jobs: Jobs) -> tuple[BrakedTable, str]:
    table = BrakedTable(databases, "numbers", 4000)
    table.create(0.2)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": 100}]))
    until(lambda: ledger(databases))
    return table, job_id


SCENARIOS = (straight, continued, paused, parked, cancelled, healed, rejected, passed_twice, limited)


def main() -> None:
    recorded_commit()
    with tempfile.TemporaryDirectory(prefix="sterna-record-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        options = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=200")
        try:
            with LocalStack(Path(folder) / "stack", temporal_options=options) as stack:
                for scenario in SCENARIOS:
                    _record(server, stack, scenario)
        finally:
            server.stop()


def _record(server: PostgresServer, stack: LocalStack, scenario: Scenario) -> None:
    name, jobs = scenario.__name__, Jobs(stack)
    with connect(server, "postgres") as connection:
        for side in ("source", "destination"):
            connection.execute(f"CREATE DATABASE {name}_{side}")
    job_id = scenario(Databases(server, f"{name}_source", f"{name}_destination"), jobs)
    jobs.wait(job_id, lambda progress: progress["status"] in ("COMPLETED", "CANCELLED"))
    for path in asyncio.run(record(stack.temporal_address, job_id, name)):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
