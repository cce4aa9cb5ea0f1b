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
