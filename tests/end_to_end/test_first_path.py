from __future__ import annotations

from tests.end_to_end.conftest import Databases, Jobs
from tests.independent_comparison import assert_equal


def test_a_table_arrives_with_its_rows_and_is_proved(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(
        "CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);"
        "INSERT INTO people (name) SELECT 'näme ' || i FROM generate_series(1, 5000) AS i"
    )
    jobs.run(databases.spec([{"sourceTable": "people"}]))
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert assert_equal(source, destination, "public.people") == 5000


def test_batches_of_a_finished_table_are_listed(databases: Databases, jobs: Jobs) -> None:
    databases.prepare("CREATE TABLE numbers AS SELECT i FROM generate_series(1, 1000) AS i; ANALYZE")
    job_id = jobs.run(databases.spec([{"sourceTable": "numbers", "batchSize": 300}]))["jobId"]

    listed = jobs.http.get(f"/api/jobs/{job_id}/tables/numbers/batches").json()
    assert len(listed["batches"]) >= 3
    assert sum(batch["rows"] for batch in listed["batches"]) == 1000
    assert jobs.http.get(f"/api/jobs/{job_id}/tables/others/batches").status_code == 404
