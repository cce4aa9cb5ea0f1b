from __future__ import annotations

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
