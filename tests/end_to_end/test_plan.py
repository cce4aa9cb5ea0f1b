from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from api.plan_text import plan_lines
from tests.end_to_end.conftest import Databases, Jobs


def test_a_plan_shows_tables_batches_and_ddl_and_leaves_the_destination_alone(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(
        "CREATE TABLE customers (id int PRIMARY KEY, name varchar(40) NOT NULL);"
        "CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers);"
        "CREATE VIEW names AS SELECT name FROM customers;"
        "INSERT INTO customers SELECT i, 'n' || i FROM generate_series(1, 100) AS i; ANALYZE"
    )
    spec = databases.spec(
        [
            {
                "sourceTable": "customers",
                "destinationTable": "people",
                "transformations": [{"type": "COLUMN_MAP", "mapping": {"id": "person_id"}}],
            },
            {"sourceTable": "orders"},
            {"sourceTable": "missing"},
        ]
    )
    response = jobs.http.post("/api/jobs/plan", json=spec)

    assert response.status_code == 200, response.text
    plan = response.json()
    people, orders = plan["tables"]
    assert (people["destination"], people["estimatedRows"], people["batches"]) == ("public.people", 100, 1)
    assert any('FOREIGN KEY ("customer") REFERENCES "public"."people" ("person_id")' in sql for sql in orders["ddl"])
    assert [problem["table"] for problem in plan["problems"]] == ["public.missing → public.missing"]
    assert any(item["kind"] == "view" for item in plan["notCarried"])
    with databases.connect_destination() as destination:
        assert destination.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_plan_against_an_unreachable_host_says_which(databases: Databases, jobs: Jobs) -> None:
    spec = databases.spec([{"sourceTable": "customers"}])
    spec["destination"]["port"] = 1
    response = jobs.http.post("/api/jobs/plan", json=spec)
    assert response.status_code == 503
    assert "127.0.0.1:1" in response.json()["detail"]


def test_a_scanned_plan_counts_what_does_not_fit_and_moves_nothing(
    databases: Databases, jobs: Jobs, tmp_path: Path
) -> None:
    file = tmp_path / "people.sqlite"
    with closing(sqlite3.connect(file)) as source, source:
        source.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, born DATE, name VARCHAR(40))")
        source.execute("INSERT INTO people VALUES (1, '2024-02-29', 'Ann'), (2, '2024-02-30', 'Bob'), (3, NULL, 'Cy')")
    spec = databases.spec([{"sourceTable": "people"}]) | {"source": {"type": "SQLITE", "path": str(file)}}
    response = jobs.http.post("/api/jobs/plan?scan=true", json=spec)

    assert response.status_code == 200, response.text
    plan = response.json()
    table = plan["tables"][0]
    assert (table["destination"], plan["problems"]) == ("public.people", [])
    assert table["scan"]["rows"] == 3
    found = table["scan"]["violations"]
    assert [(known["column"], known["limit"], known["count"], known["example"]) for known in found] == [
        ("born", "syntax", 1, "2024-02-30")
    ]
    assert any("consistency is batch" in warning for warning in table["warnings"])
    lines = list(plan_lines(plan))
    assert "    born: 1 value that is no value of the column's type, e.g. '2024-02-30'" in lines
    with databases.connect_destination() as destination:
        assert destination.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
