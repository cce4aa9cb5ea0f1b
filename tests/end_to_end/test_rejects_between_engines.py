"""Rejects where values travel as interchange text: as csv bytes, or through transformations."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from tests.end_to_end.conftest import Jobs
from tests.end_to_end.engine_places import OpenPlace, job
from tests.end_to_end.engines import Row, make_rows
from tests.end_to_end.test_rejects import replayed

TAKEN = (2, 41, 97)
NO_NUMBER = 50


@pytest.mark.parametrize(
    ("source", "destination"), [("POSTGRES", "MYSQL"), ("MYSQL", "POSTGRES"), ("POSTGRES", "SQLITE")], ids=str.lower
)
def test_rows_whose_keys_are_taken_are_rejects_until_they_are_free(
    source: str, destination: str, engine: OpenPlace, jobs: Jobs
) -> None:
    rows = make_rows(100)
    origin, arrival = engine(source)(), engine(destination)()
    origin.fill(rows)
    arrival.fill([other(row) for row in rows if row[0] in TAKEN])
    job_id = jobs.post(job(origin, arrival, {}, maxRejects=5))
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended["tables"][0]["message"]
    [table] = ended["tables"]
    assert (table["rows"], table["rejected"], table["proved"]) == (97, 3, True), table
    rejects = jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["rejects"]
    assert [(reject["row"], reject["key"]["id"], reject["stage"]) for reject in rejects] == [
        (key - 1, str(key), "load") for key in TAKEN
    ]
    assert all(reject["reason"] and reject["code"] for reject in rejects)
    with arrival.session() as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"DELETE FROM {arrival.table} WHERE name = 'taken'")
        connection.commit()
    assert replayed(jobs, job_id)["loaded"] == 3
    assert arrival.rows() == rows


def test_rows_that_a_transformation_refuses_are_kept_as_they_came(engine: OpenPlace, jobs: Jobs) -> None:
    rows = make_rows(100)
    origin, arrival = engine("POSTGRES")(), engine("SQLITE")()
    origin.fill(rows)
    number = f"CASE WHEN id = {NO_NUMBER} THEN CAST(name AS INTEGER) ELSE active END"
    step = {"type": "EXPRESSION", "column": "active", "expression": number, "resultType": "integer"}
    job_id = jobs.post(job(origin, arrival, {"transformations": [step]}, maxRejects=1))
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended["tables"][0]["message"]
    assert (ended["rows"], ended["rejected"], ended["tables"][0]["proved"]) == (99, 1, True)
    assert arrival.rows() == [row for row in rows if row[0] != NO_NUMBER]
    [reject] = jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["rejects"]
    assert (reject["stage"], reject["row"], reject["values"]["name"]) == ("transform", NO_NUMBER - 1, rows[49][1])
    assert replayed(jobs, job_id) == {"loaded": 0, "rejected": 1, "proved": True}
    assert arrival.rows() == [row for row in rows if row[0] != NO_NUMBER]


@pytest.mark.parametrize("destination", ["MYSQL", "DUCKDB"], ids=str.lower)
def test_rows_in_the_way_of_a_unique_index_are_moved_out_and_come_back_when_it_is_gone(
    destination: str, engine: OpenPlace, jobs: Jobs
) -> None:
    rows = make_rows(100)
    origin, arrival = engine("POSTGRES")(), engine(destination)()
    origin.fill(rows)
    with origin.session() as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"CREATE UNIQUE INDEX one_note ON {origin.table} (taken)")
        connection.commit()
    step = {"type": "EXPRESSION", "column": "taken", "expression": "CASE WHEN id % 50 = 0 THEN NULL ELSE taken END"}
    fixed = {"type": "EXPRESSION", "column": "taken", "expression": f"coalesce(taken, TIMESTAMP '{rows[6][3]}')"}
    job_id = jobs.post(job(origin, arrival, {"transformations": [step, fixed]}, maxRejects=2))
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended["tables"][0]["message"]
    assert (ended["rows"], ended["rejected"], ended["tables"][0]["proved"]) == (98, 2, True)
    rejects = jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["rejects"]
    assert [(reject["key"]["id"], reject["stage"], reject["batch"]) for reject in rejects] == [
        ("50", "finish", -1),
        ("100", "finish", -1),
    ]
    ddl = " ".join(jobs.certificate(job_id)["tables"][0]["ddl"])
    built = re.search(r"UNIQUE INDEX [`\"](?P<name>\w+)", ddl)
    assert built is not None, ddl
    with arrival.session() as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"DROP INDEX {built['name']}" + (f" ON {arrival.table}" if destination == "MYSQL" else ""))
        connection.commit()
    assert replayed(jobs, job_id) == {"loaded": 2, "rejected": 0, "proved": True}
    assert [row[0] for row in arrival.rows()] == [row[0] for row in rows]


@pytest.mark.parametrize("destination", ["POSTGRES", "MYSQL", "SQLITE"], ids=str.lower)
def test_an_upsert_loads_the_first_row_of_a_key_and_no_replay_puts_another_in_its_place(
    destination: str, engine: OpenPlace, jobs: Jobs
) -> None:
    rows = make_rows(100)
    origin, arrival = engine("POSTGRES")(), engine(destination)()
    origin.fill(rows)
    arrival.fill([other(row) for row in rows if row[0] in TAKEN])
    step = {"type": "EXPRESSION", "column": "id", "expression": "CASE WHEN id = 50 THEN 49 ELSE id END"}
    spec = job(origin, arrival, {"loadMode": "upsert", "transformations": [step]}, maxRejects=1)
    warnings = jobs.http.post("/api/jobs/plan", json=spec).json()["tables"][0]["warnings"]
    assert any("nobody keeps the key (id) unique" in warning for warning in warnings), warnings
    job_id = jobs.post(spec)
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended["tables"][0]["message"]
    assert (ended["rows"], ended["rejected"], ended["tables"][0]["proved"]) == (99, 1, True)
    [reject] = jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["rejects"]
    assert (reject["row"], reject["code"]) == (49, "21000")
    assert replayed(jobs, job_id) == {"loaded": 0, "rejected": 1, "proved": True}
    assert arrival.rows() == [row for row in rows if row[0] != 50]


def other(row: Row) -> Row:
    """A row of the same key."""
    return row[0], "taken", *row[2:]
