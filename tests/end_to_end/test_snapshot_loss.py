from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import sql

from tests.conftest import connect
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, sessions, until
from tests.independent_comparison import multiset

ROWS = 40_000
CHANGES = (
    "UPDATE numbers SET word = md5(random()::text) "
    "WHERE id IN (SELECT floor(random() * 40000) FROM generate_series(1, 50));"
    "DELETE FROM numbers WHERE id = (SELECT 1 + floor(random() * 40000));"
    "INSERT INTO numbers SELECT 1000000 + floor(random() * 1000000), 'new'"
)


@contextmanager
def being_written(databases: Databases) -> Iterator[None]:
    """Somebody changes the source all the time."""
    stop = threading.Event()

    def write() -> None:
        with databases.connect_source() as connection:
            while not stop.wait(0.02):
                connection.execute(CHANGES)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def as_of(databases: Databases, snapshot: dict[str, Any]) -> tuple[int, str]:
    """The source's rows as the job's snapshot shows them to a session that is not Sterna's."""
    with databases.connect_source() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot["id"].split("@")[0]))
        return multiset(connection, "public.numbers", ["id", "word"])


def begin(databases: Databases, jobs: Jobs) -> tuple[BrakedTable, str]:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.2)
    return table, jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": ROWS // 40}]))


def arrived(databases: Databases) -> tuple[int, str]:
    with databases.connect_destination() as connection:
        return multiset(connection, "public.numbers", ["id", "word"])


def test_a_source_that_changes_arrives_as_of_the_certificates_moment(databases: Databases, jobs: Jobs) -> None:
    table, job_id = begin(databases, jobs)
    with being_written(databases):
        until(lambda: ledger(databases))
        snapshot = jobs.progress(job_id)["snapshot"]
        expected = as_of(databases, snapshot)
        table.brake(0.02)
        assert jobs.wait(job_id)["status"] == "COMPLETED"
    assert arrived(databases) == expected
    with databases.connect_source() as source:
        assert multiset(source, "public.numbers") != expected
    assert jobs.certificate(job_id)["tables"][0]["moment"] == snapshot


def test_a_lost_snapshot_is_replaced_and_its_table_is_read_again_as_a_whole(databases: Databases, jobs: Jobs) -> None:
    table, job_id = begin(databases, jobs)
    with being_written(databases):
        until(lambda: ledger(databases))
        lost = jobs.progress(job_id)["snapshot"]
        with connect(databases.server, databases.source) as connection:
            ended = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name LIKE 'sterna keeper%' AND datname = current_database()"
            ).fetchone()
        assert ended == (1,)
        snapshot = until(lambda: newer(jobs, job_id, lost))
        expected = as_of(databases, snapshot)
        table.brake(0.02)
        assert jobs.wait(job_id)["status"] == "COMPLETED"
    assert arrived(databases) == expected
    certificate = jobs.certificate(job_id)
    assert [found["epoch"] for found in certificate["snapshots"]] == [1, 2]
    assert (certificate["tables"][0]["moment"], certificate["tables"][0]["copies"]) == (snapshot, 2)
    assert certificate["verdict"] == "PROVED"


def kill_keeper(databases: Databases, jobs: Jobs, job_id: str) -> None:
    with connect(databases.server, databases.source) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name LIKE 'sterna keeper%' AND datname = current_database()"
        ).fetchone()
    assert ended == (1,)


def release(databases: Databases, jobs: Jobs, job_id: str) -> None:
    jobs.command(job_id, "pause", {"release": True})
    until(lambda: not sessions(databases))
    jobs.command(job_id, "resume")


@pytest.mark.parametrize("lose", [kill_keeper, release])
def test_rows_with_a_key_outlive_their_snapshot_and_are_healed_to_the_next_one(
    databases: Databases, jobs: Jobs, lose: Callable[[Databases, Jobs, str], None]
) -> None:
    table = BrakedTable(databases, "numbers", ROWS, keyed=True)
    table.create(0.2)
    job_id = jobs.post(databases.spec([{"sourceTable": "numbers", "batchSize": ROWS // 40}]))
    with being_written(databases):
        until(lambda: len(ledger(databases)) >= 12)
        lost = jobs.progress(job_id)["snapshot"]
        before = ledger(databases)
        lose(databases, jobs, job_id)
        snapshot = until(lambda: newer(jobs, job_id, lost))
        expected = as_of(databases, snapshot)
        table.brake(0.02)
        assert jobs.wait(job_id)["status"] == "COMPLETED"
    assert arrived(databases) == expected
    certificate = jobs.certificate(job_id)
    (evidence,) = certificate["tables"]
    assert (certificate["verdict"], evidence["moment"], evidence["copies"]) == ("PROVED", snapshot, 1)
    after = ledger(databases)
    assert set(before) <= set(after), "what was loaded before stays"
    assert {load for load, _, _ in after} == {1}
    (healed,) = evidence["healed"]
    assert healed["changed"] > 0
    assert healed["missing"] + healed["changed"] < ROWS - sum(rows for _, _, rows in before) // 2
    assert evidence["rows"]["inLedger"] == evidence["rows"]["countedAtSource"] == expected[0]


def newer(jobs: Jobs, job_id: str, lost: dict[str, Any]) -> dict[str, Any] | None:
    snapshot: dict[str, Any] = jobs.progress(job_id)["snapshot"]
    return snapshot if snapshot["epoch"] > lost["epoch"] else None
