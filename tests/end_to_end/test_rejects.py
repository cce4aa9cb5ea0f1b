"""Rows that the destination refuses: isolated, kept, counted, listed, replayed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from api.cli import Exit
from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import until
from tests.end_to_end.test_cli_commands import sterna
from tests.independent_comparison import assert_equal

MILLION = 1_000_000
AT_LOAD, IN_FINISH = 20, 17
REJECTED = AT_LOAD + IN_FINISH
SOURCE = f"""
CREATE TABLE people (id int PRIMARY KEY, email text, age int);
INSERT INTO people SELECT n, 'p' || n || '@example.com', n % 100 FROM generate_series(1, {MILLION}) AS n;
UPDATE people SET age = -1 WHERE id % 50000 = 7;
"""
DESTINATION = f"""
CREATE TABLE people (id int NOT NULL, email text, age int CONSTRAINT grown CHECK (age >= 0));
INSERT INTO people SELECT 50 * n, 'here before', 1 FROM generate_series(1, {IN_FINISH}) AS n;
"""


def books(jobs: Jobs, job_id: str) -> dict[str, int]:
    rows: dict[str, int] = jobs.certificate(job_id)["tables"][0]["rows"]
    return rows


def test_37_bad_rows_of_a_million_are_kept_the_others_proved_and_a_replay_loads_them(
    databases: Databases, jobs: Jobs
) -> None:
    databases.prepare(SOURCE)
    with databases.connect_destination() as connection:
        connection.execute(DESTINATION)
    job_id = jobs.post(databases.spec([{"sourceTable": "people"}], maxRejects=REJECTED))
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended["tables"][0]["message"]
    table: dict[str, Any] = ended["tables"][0]
    assert (table["rows"], table["rejected"], table["proved"]) == (MILLION - REJECTED, REJECTED, True)
    rows = books(jobs, job_id)
    assert rows["loaded"] + rows["rejected"] == rows["extracted"] == rows["countedAtSource"] == MILLION

    listed = jobs.http.get(f"/api/jobs/{job_id}/rejects", params={"table": "people"}).json()
    assert (listed["total"], len(listed["rejects"])) == (REJECTED, REJECTED)
    found = Counter((reject["stage"], reject["code"]) for reject in listed["rejects"])
    assert found == {("load", "23514"): AT_LOAD, ("finish", "23505"): IN_FINISH}
    by_id = {int(reject["key"]["id"]): reject for reject in listed["rejects"]}
    assert {id for id, reject in by_id.items() if reject["stage"] == "load"} == set(range(7, MILLION, 50_000))
    assert {id for id, reject in by_id.items() if reject["stage"] == "finish"} == set(range(50, 900, 50))
    assert by_id[7]["constraint"] == "grown"
    assert "people_pkey" in by_id[50]["reason"]
    assert by_id[50]["values"] == {"id": "50", "email": "p50@example.com", "age": "50"}
    page = jobs.http.get(f"/api/jobs/{job_id}/rejects", params={"offset": 30, "limit": 5}).json()["rejects"]
    assert page == listed["rejects"][30:35]

    with databases.connect_destination() as connection:
        connection.execute("DELETE FROM people WHERE email = 'here before' AND id <> 50")
    assert replayed(jobs, job_id) == {"loaded": 16, "rejected": 21, "proved": True}
    reasons = [reject["code"] for reject in jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["rejects"]]
    assert Counter(reasons) == {"23514": AT_LOAD, "23505": 1}
    with databases.connect_destination() as connection:
        connection.execute("DELETE FROM people WHERE email = 'here before'; ALTER TABLE people DROP CONSTRAINT grown")
    assert replayed(jobs, job_id) == {"loaded": 21, "rejected": 0, "proved": True}
    rows = books(jobs, job_id)
    assert (rows["loaded"], rows["rejected"], rows["extracted"]) == (MILLION, 0, MILLION)
    assert jobs.certificate(job_id)["verdict"] == "PROVED"
    assert jobs.progress(job_id)["tables"][0]["rejected"] == 0
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.people")
    again = jobs.http.post(f"/api/jobs/{job_id}/rejects/replay")
    assert again.status_code == 409, again.text


def replayed(jobs: Jobs, job_id: str, **request: Any) -> dict[str, Any]:
    """What a replay says at its end."""
    jobs.http.post(f"/api/jobs/{job_id}/rejects/replay", json=request).raise_for_status()
    states: list[dict[str, Any]] = []

    def ended() -> bool:
        states.append(jobs.http.get(f"/api/jobs/{job_id}/rejects/replay").json())
        return bool(states[-1]["status"] != "RUNNING")

    until(ended, 60)
    assert states[-1]["status"] == "COMPLETED", states[-1]
    return {name: states[-1][name] for name in ("loaded", "rejected", "proved")}


def test_one_reject_too_many_parks_the_table_and_says_which_rows(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    databases.prepare(
        "CREATE TABLE words (id int PRIMARY KEY, word text);"
        "INSERT INTO words SELECT n, CASE WHEN n % 100 > 3 THEN 'x' END FROM generate_series(1, 200) AS n"
    )
    with databases.connect_destination() as connection:
        connection.execute("CREATE TABLE words (id int PRIMARY KEY, word text, CHECK (word IS NOT NULL))")
    spec = databases.spec(
        [{"sourceTable": "words", "transformations": [{"type": "DATA_MASK", "columns": ["word"], "maskChar": "x"}]}]
    )
    job_id = jobs.post(spec)
    table = jobs.wait(job_id)["tables"][0]
    assert table["status"] == "PARKED"
    assert "public.words refuses 8 rows, and maxRejects leaves room for none" in table["message"]
    assert "words_word_check" in table["message"]
    shown = sterna(stack, "rejects", job_id[:8], "--values")
    assert "8 rejects" in shown.stdout
    assert '{"id": "1", "word": null}' in shown.stdout
    assert sterna(stack, "replay", job_id[:8]).exit_code == Exit.REFUSED

    with databases.connect_destination() as connection:
        connection.execute("ALTER TABLE words DROP CONSTRAINT words_word_check")
    jobs.command(job_id, "retry")
    assert jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")["tables"][0]["rejected"] == 0
    assert sterna(stack, "rejects", job_id[:8]).stdout == "0 rejects\n"
