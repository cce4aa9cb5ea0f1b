"""Incremental jobs: a later run reads what is new, and goes on from where the last proved one ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.cli import Exit
from deploy.local.mariadb_server import MariadbServer
from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase
from tests.end_to_end.conftest import FINAL, Databases, Jobs
from tests.end_to_end.engines import (
    DuckdbEngine,
    Engine,
    MariadbEngine,
    PostgresEngine,
    SqliteEngine,
    make_rows,
)
from tests.end_to_end.test_cli_commands import sterna
from tests.end_to_end.test_load_modes import run_again
from tests.end_to_end.test_rejects import replayed
from tests.independent_comparison import assert_equal, assert_same_rows

SOURCE = """
CREATE TABLE changing (id int PRIMARY KEY, name text, at timestamptz);
INSERT INTO changing SELECT i, 'name ' || i, timestamptz '2024-01-01' + i * interval '1 minute'
FROM generate_series(1, 40) AS i;
INSERT INTO changing VALUES (41, 'without', NULL);
CREATE TABLE growing (id bigint, name text);
INSERT INTO growing SELECT i, 'name ' || i FROM generate_series(1, 40) AS i;
ANALYZE;
"""
CHANGING = {
    "sourceTable": "changing",
    "batchSize": 7,
    "loadMode": "upsert",
    "whereClause": "name <> 'nobody' OR name IS NULL",
    "incremental": {"column": "at", "overlap": "2 minutes"},
}
GROWING = {"sourceTable": "growing", "incremental": {"column": "id"}}
CHANGES = """
INSERT INTO changing VALUES (42, 'new', '2024-01-02'), (43, 'late by a minute', '2024-01-01 00:39'),
    (44, 'too late', '2024-01-01 00:20'), (45, NULL, NULL), (46, 'nobody', '2024-01-02');
UPDATE changing SET name = 'changed', at = '2024-01-02' WHERE id = 3;
DELETE FROM changing WHERE id = 4;
INSERT INTO growing SELECT i, 'name ' || i FROM generate_series(41, 45) AS i;
"""


def evidence(jobs: Jobs, job_id: str) -> dict[str, dict[str, Any]]:
    """The certificate's tables by destination name."""
    return {table["destination"]: table for table in jobs.certificate(job_id)["tables"]}


def start(jobs: Jobs, job_id: str) -> dict[str, Any]:
    """A run that may end in any way."""
    run = jobs.progress(job_id)["run"]
    jobs.command(job_id, "start")
    return jobs.wait(job_id, lambda told: told["run"] > run and told["status"] in FINAL)


def run_by_schedule(stack: LocalStack, jobs: Jobs, job_id: str) -> None:
    """Gives the job a schedule by the command line, lets it start the second run now, and waits for the proof."""
    weekly = sterna(stack, "schedule", job_id, "--cron", "0 3 * * sun", "--timezone", "Europe/Berlin")
    assert f"{job_id}  test: 0 3 * * sun Europe/Berlin" in weekly.output
    assert sterna(stack, "schedule", job_id, "--now").exit_code == Exit.DONE
    progress = jobs.wait(job_id, lambda told: told["run"] == 2 and told["status"] in FINAL)
    assert progress["status"] == "COMPLETED", progress
    assert "run 2" in sterna(stack, "schedule", job_id, "--pause", "--note", "enough").output
    assert sterna(stack, "schedule", job_id, "--now", "--delete").exit_code == Exit.WRONG_USE
    assert job_id in sterna(stack, "schedules").output
    assert sterna(stack, "schedule", job_id, "--delete").exit_code == Exit.DONE
    assert sterna(stack, "schedule", job_id).exit_code == Exit.REFUSED


def test_a_second_run_loads_what_is_new_and_keeps_what_is_deleted(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    databases.prepare(SOURCE)
    job_id = jobs.run(databases.spec([CHANGING, GROWING]))["jobId"]
    first = evidence(jobs, job_id)
    assert {name: (table["rows"]["extracted"], table["load"]) for name, table in first.items()} == {
        "public.changing": (41, 1),
        "public.growing": (40, 1),
    }
    with databases.connect_source() as source, databases.connect_destination() as destination:
        source.execute(CHANGES)
        run_by_schedule(stack, jobs, job_id)
        second = evidence(jobs, job_id)
        changing, growing = second["public.changing"], second["public.growing"]
        # Rows 42 and 3, 43 within the overlap, and 39 and 40 again.
        assert changing["rows"] == {
            "extracted": 5, "loaded": 5, "countedAtSource": 5, "inLedger": 5, "atDestination": 5, "rejected": 0,
        }  # fmt: skip
        assert (changing["proved"], changing["load"], changing["incremental"]["pass"]) == (True, 2, 2)
        assert (growing["rows"]["extracted"], growing["rows"]["atDestination"], growing["load"]) == (5, 5, 2)
        assert "2024-01-0" not in str(changing["incremental"])
        assert assert_equal(source, destination, "public.growing") == 45
        seen = "SELECT id, name, at FROM changing"
        unseen = f"{seen} WHERE id NOT IN (44, 45, 46) UNION ALL SELECT 4, 'name 4', '2024-01-01 00:04+00'"
        assert assert_same_rows(source, unseen, destination, seen) == 43

        run_again(jobs, job_id)
        assert evidence(jobs, job_id)["public.growing"]["rows"]["extracted"] == 0


@pytest.mark.parametrize("destination", ["MYSQL", "SQLITE", "DUCKDB"])
def test_passes_go_on_between_engines(
    destination: str,
    postgres: PostgresServer,
    mariadb: MariadbServer,
    new_database: NewDatabase,
    jobs: Jobs,
    tmp_path: Path,
) -> None:
    """Into engines whose rows do not tell who wrote them."""
    maria = MariadbEngine(mariadb.port, mariadb.user, f"passes_{secrets.token_hex(4)}")
    maria.create_database()
    source: Engine = maria
    places: dict[str, Callable[[], Engine]] = {
        "MYSQL": lambda: maria,
        "SQLITE": lambda: SqliteEngine(tmp_path / "readings.sqlite"),
        "DUCKDB": lambda: DuckdbEngine(tmp_path / "readings.duckdb"),
    }
    arrived = places[destination]()
    if source is arrived:
        source = PostgresEngine(postgres.port, postgres.user, new_database())
    rows = make_rows(60)
    source.fill(rows[:50])
    table = {
        "sourceTable": source.named,
        "loadMode": "upsert",
        "batchSize": 20,
        "incremental": {"column": "taken", "overlap": "1 day"},
    }
    job_id = jobs.run({"name": "passes", "source": source.side(), "destination": arrived.side(), "tables": [table]})[
        "jobId"
    ]
    assert arrived.rows() == rows[:50]
    changed = [(*row[:1], "changed", *row[2:]) for row in rows[48:]]
    with source.session() as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"DELETE FROM {source.table} WHERE id > 48")
        marks = ", ".join(source.marks())
        cursor.executemany(f"INSERT INTO {source.table} VALUES ({marks})", [source.bound(row) for row in changed])
        connection.commit()
    run_again(jobs, job_id)
    (part,) = jobs.certificate(job_id)["tables"]
    assert (part["rows"]["extracted"], part["rows"]["atDestination"], part["load"]) == (12, 12, 2)
    assert arrived.rows() == [*rows[:48], *changed]


def test_a_pass_whose_proof_fails_does_not_move_the_watermark_on(databases: Databases, jobs: Jobs) -> None:
    """The rows that an unproved pass appended are taken away by the next."""
    databases.prepare(SOURCE)
    job_id = jobs.run(databases.spec([CHANGING, GROWING]))["jobId"]
    with databases.connect_source() as source, databases.connect_destination() as destination:
        source.execute(CHANGES)
        for table in ("changing", "growing"):
            destination.execute(
                f"CREATE FUNCTION spoil_{table}() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN NEW.name := 'spoiled'; RETURN NEW; END$$;"
                f"CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW "
                f"EXECUTE FUNCTION spoil_{table}()"
            )
        spoiled = start(jobs, job_id)
        assert {table["status"] for table in spoiled["tables"]} == {"FAILED"}
        (spoiled_rows,) = destination.execute("SELECT count(*) FROM growing WHERE name = 'spoiled'").fetchone() or (0,)
        assert spoiled_rows == 5, "the fault did not land"
        destination.execute("DROP TRIGGER spoil ON changing; DROP TRIGGER spoil ON growing")

        run_again(jobs, job_id)

        passes = evidence(jobs, job_id)
        assert {name: table["rows"]["extracted"] for name, table in passes.items()} == {
            "public.changing": 5,
            "public.growing": 5,
        }
        assert {table["incremental"]["pass"] for table in passes.values()} == {2}
        assert assert_equal(source, destination, "public.growing") == 45
        changed = "SELECT id, name, at FROM changing WHERE id IN (3, 39, 40, 42, 43)"
        assert assert_same_rows(source, changed, destination, changed) == 5


def test_a_pass_with_rejects_leaves_the_watermark_until_the_rows_are_in(databases: Databases, jobs: Jobs) -> None:
    """One table is replayed, which moves its watermark on; the next run reads the other's rejected row again."""
    databases.prepare(SOURCE)
    changing = {**CHANGING, "incremental": {"column": "at"}}
    job_id = jobs.run(databases.spec([changing, GROWING], maxRejects=1))["jobId"]
    with databases.connect_source() as source, databases.connect_destination() as destination:
        source.execute(
            "INSERT INTO changing VALUES (50, 'bad', '2024-01-02'), (51, 'good', '2024-01-03');"
            "INSERT INTO growing VALUES (50, 'bad'), (51, 'good')"
        )
        for table in ("changing", "growing"):
            destination.execute(f"ALTER TABLE {table} ADD CONSTRAINT good CHECK (name <> 'bad')")
        told = run_again(jobs, job_id)["tables"]
        assert all("the watermark stays where it was: the next run reads" in table["message"] for table in told)
        destination.execute("ALTER TABLE growing DROP CONSTRAINT good; ALTER TABLE changing DROP CONSTRAINT good")
        assert replayed(jobs, job_id, tables=["growing"]) == {"loaded": 1, "rejected": 0, "proved": True}
        source.execute("UPDATE changing SET name = 'mended' WHERE id = 50")

        run_again(jobs, job_id)

        passes = evidence(jobs, job_id)
        assert {name: table["rows"]["extracted"] for name, table in passes.items()} == {
            "public.changing": 2,
            "public.growing": 0,
        }
        assert_equal(source, destination, "public.growing")
        assert_equal(source, destination, "public.changing")


def test_rejects_of_an_appended_pass_are_replayed_before_the_next_one_where_rows_cannot_be_told_apart(
    databases: Databases, mariadb: MariadbServer, jobs: Jobs
) -> None:
    maria = MariadbEngine(mariadb.port, mariadb.user, f"passes_{secrets.token_hex(4)}")
    maria.create_database()
    databases.prepare(SOURCE)
    spec = {**databases.spec([GROWING], maxRejects=1), "destination": maria.side()}
    job_id = jobs.run(spec)["jobId"]
    databases.prepare("INSERT INTO growing VALUES (50, 'bad'), (51, 'good')")
    with maria.session() as connection, closing(connection.cursor()) as cursor:
        cursor.execute("ALTER TABLE growing ADD CONSTRAINT good CHECK (name <> 'bad')")
        run_again(jobs, job_id)
        databases.prepare("INSERT INTO growing VALUES (60, 'later')")
        jobs.command(job_id, "start")
        parked = jobs.wait(job_id, lambda told: told["run"] == 3 and bool(told["attention"]))
        assert "cancel this one, replay those and start again" in parked["attention"]
        jobs.command(job_id, "cancel")
        jobs.wait(job_id, lambda told: told["status"] == "CANCELLED")
        cursor.execute("ALTER TABLE growing DROP CONSTRAINT good")
        assert jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["total"] == 0
        assert jobs.http.get(f"/api/jobs/{job_id}/rejects", params={"run": 2}).json()["total"] == 1
        assert replayed(jobs, job_id, run=2) == {"loaded": 1, "rejected": 0, "proved": True}
        run_again(jobs, job_id)
        assert [table["rows"]["extracted"] for table in evidence(jobs, job_id).values()] == [1]
        connection.commit()
        cursor.execute("SELECT count(*), count(DISTINCT id) FROM growing")
        assert cursor.fetchone() == (43, 43)


def test_tables_by_pattern_are_read_from_their_last_watermarks_on(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(
        "CREATE TABLE one (id int PRIMARY KEY, v text); INSERT INTO one SELECT n, 'a' FROM generate_series(1, 9) AS n;"
        "CREATE TABLE two (id int PRIMARY KEY); INSERT INTO two SELECT generate_series(1, 5)"
    )
    selection = {"include": ["public.*"], "incremental": {"column": "id", "overlap": 2}}
    refused = jobs.http.post("/api/jobs", json=databases.spec(selection))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "tables.incremental.overlap")
    job_id = jobs.run(databases.spec({**selection, "loadMode": "upsert"}))["jobId"]
    reached = jobs.http.get(f"/api/jobs/{job_id}/watermarks").raise_for_status().json()
    assert sorted((one["table"], one["column"], one["watermark"], one["passes"], one["run"]) for one in reached) == [
        ("public.one", "id", "9", 1, 1),
        ("public.two", "id", "5", 1, 1),
    ]
    with databases.connect_source() as source, databases.connect_destination() as destination:
        source.execute("INSERT INTO one VALUES (10, 'b'); UPDATE one SET v = 'c' WHERE id = 9")
        run_again(jobs, job_id)
        assert {name: table["rows"]["extracted"] for name, table in evidence(jobs, job_id).items()} == {
            "public.one": 3,
            "public.two": 2,
        }
        assert assert_equal(source, destination, "public.one") == 10


def test_a_column_that_cannot_be_a_watermark_parks_its_table(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(SOURCE)
    wrong = [
        {"sourceTable": "changing", "incremental": {"column": "name"}},
        {**CHANGING, "destinationTable": "other", "incremental": {"column": "id", "overlap": "1 hour"}},
        {**CHANGING, "destinationTable": "third", "incremental": {"column": "At"}},
    ]
    plan = jobs.http.post("/api/jobs/plan", json=databases.spec(wrong)).json()
    reasons = " ".join(problem["reason"] for problem in plan["problems"])
    assert "the watermark column public.changing.name is of type text" in reasons
    assert "the watermark column public.changing.id holds numbers, the overlap is a time" in reasons
    assert "table public.changing has no column At" in reasons


def test_the_plan_says_what_incremental_runs_do_not_see(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(SOURCE)
    (table,) = jobs.http.post("/api/jobs/plan", json=databases.spec([CHANGING])).json()["tables"]
    warnings = " ".join(table["warnings"])
    assert "deleted at the source stay" in warnings
    assert "whose at is NULL are read by the first run only" in warnings
