"""Rows that refer to none, and rows that refer to these, become rejects where their foreign keys are built."""

from __future__ import annotations

from typing import Any

from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.test_rejects import replayed

SOURCE = """
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE);
CREATE TABLE items (id int PRIMARY KEY, "order" int REFERENCES orders ON DELETE SET NULL, note text);
CREATE TABLE parts (id int PRIMARY KEY, whole int REFERENCES parts ON DELETE CASCADE);
INSERT INTO customers SELECT n FROM generate_series(1, 20) AS n;
INSERT INTO orders SELECT n, n FROM generate_series(1, 20) AS n;
INSERT INTO items SELECT n, n FROM generate_series(1, 20) AS n;
INSERT INTO items VALUES (21, NULL);
INSERT INTO parts SELECT n, nullif(n - 1, 0) FROM generate_series(1, 20) AS n;
SET session_replication_role = replica;
DELETE FROM customers WHERE id = 7;
DELETE FROM orders WHERE id = 9;
DELETE FROM parts WHERE id = 18;
SET session_replication_role = DEFAULT;
"""
TABLES = [{"sourceTable": name} for name in ("customers", "orders", "items", "parts")]
KEYS = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"


def by_name(progress: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {table["name"].rpartition(".")[2]: table for table in progress["tables"]}


def test_orphans_and_what_refers_to_them_become_rejects_and_their_tables_are_proved_without_them(
    databases: Databases, jobs: Jobs
) -> None:
    databases.prepare(SOURCE)
    job_id = jobs.post(databases.spec(TABLES, maxRejects=2))
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", [table["message"] for table in ended["tables"]]
    assert {name: (table["rows"], table["rejected"], table["proved"]) for name, table in by_name(ended).items()} == {
        "customers": (19, 0, True),
        "orders": (18, 1, True),
        "items": (19, 2, True),
        "parts": (17, 2, True),
    }
    rejects = jobs.http.get(f"/api/jobs/{job_id}/rejects").json()["rejects"]
    assert {(reject["table"], reject["key"]["id"], reject["stage"], reject["code"]) for reject in rejects} == {
        ("public.orders", "7", "finish", "23503"),
        ("public.items", "7", "finish", "23503"),
        ("public.items", "9", "finish", "23503"),
        ("public.parts", "19", "finish", "23503"),
        ("public.parts", "20", "finish", "23503"),
    }
    certificate = jobs.certificate(job_id)
    assert (certificate["verdict"], certificate["rejected"]) == ("PROVED", 5)
    for table in certificate["tables"]:
        assert table["rows"]["loaded"] + table["rows"]["rejected"] == table["rows"]["countedAtSource"], table
    with databases.connect_destination() as connection:
        assert connection.execute(KEYS).fetchone() == (3,)
        assert connection.execute('SELECT count(*) FROM items WHERE "order" IS NULL').fetchone() == (1,)
        connection.execute("INSERT INTO customers VALUES (7); INSERT INTO parts VALUES (18, 17)")
    replay = replayed(jobs, job_id, tables=["orders", "items"])
    assert replay == {"loaded": 2, "rejected": 1, "proved": True}


def test_more_orphans_than_may_be_rejected_park_their_table_until_the_rows_they_refer_to_are_there(
    databases: Databases, jobs: Jobs
) -> None:
    databases.prepare(SOURCE)
    job_id = jobs.post(databases.spec(TABLES[:3], maxRejects=1))
    parked = jobs.wait(job_id)
    found = by_name(parked)
    assert "public.items refuses 2 rows, and maxRejects leaves room for 1" in found["items"]["message"]
    assert (found["orders"]["status"], found["orders"]["rejected"]) == ("COMPLETED", 1)
    with databases.connect_destination() as connection:
        connection.execute("INSERT INTO orders VALUES (9, 9)")
    jobs.command(job_id, "retry")
    ended = jobs.wait(job_id, lambda found: found["status"] == "COMPLETED")
    assert {name: table["rejected"] for name, table in by_name(ended).items()} == {
        "customers": 0,
        "orders": 1,
        "items": 1,
    }
    with databases.connect_destination() as connection:
        assert connection.execute(KEYS).fetchone() == (2,)
