"""Values between databases of different kinds: judged, counted, scanned, and found where they are missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from connectors.conformance.harness import Harness, SqlHarness
from core.errors import DataRejected
from core.route import TableRoute
from core.schema import Digest
from core.stage_models import (
    LoadBegun,
    StagedBatches,
    ValidateInput,
    ValidationResult,
)
from deploy.local.postgres_server import PostgresServer
from tests.conformance.harnesses.duckdb import DuckdbHarness
from tests.conformance.harnesses.postgres import PostgresHarness
from tests.conformance.harnesses.sqlite import SqliteHarness
from tests.conformance.job_in_process import JobInProcess
from tests.conftest import NewDatabase

Open = Callable[[Harness, Harness], "OpenedJob"]


class OpenedJob(JobInProcess):
    """A job of which tests look at the inside."""

    def documents(self, pattern: str) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.rglob(pattern))]

    async def validate(
        self, route: TableRoute, staged: StagedBatches, *, counted_rows: int | None = None
    ) -> ValidationResult:
        """Once more, as it is now."""
        given = ValidateInput(
            route=self._routes.write(route),
            extracted=sum((batch.digest for batch in staged.batches), Digest()),
            counted_rows=counted_rows,
            begun=LoadBegun(load=1, rows_before=0, emptied=False),
            mode="checksum",
            snapshot=None,
            copies=1,
            changed={"name": {"characters": 2}},
        )
        result: ValidationResult = await ActivityEnvironment().run(self.validator().validate_table, given)
        return result


@pytest.fixture
def source(tmp_path: Path) -> SqliteHarness:
    return SqliteHarness(tmp_path / "source.sqlite")


@pytest.fixture
def destination(postgres: PostgresServer, new_database: NewDatabase) -> PostgresHarness:
    return PostgresHarness(postgres, new_database())


@pytest.fixture
def duckdb(tmp_path: Path) -> DuckdbHarness:
    return DuckdbHarness(tmp_path / "destination.duckdb")


@pytest.fixture
def open_job(tmp_path: Path) -> Open:
    return lambda source, destination: OpenedJob(source, destination, tmp_path)


def fill(harness: SqlHarness, *statements: str) -> None:
    for statement in statements:
        harness.execute(statement)


async def test_a_table_goes_through_transformations_and_arrives_under_the_destinations_names(
    destination: PostgresHarness, duckdb: DuckdbHarness, open_job: Open
) -> None:
    fill(
        destination,
        "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(30) NOT NULL, ssn char(11), seen timestamptz)",
        "INSERT INTO users SELECT i, 'u' || i || '@x', '123-45-6789', '2024-01-01Z'::timestamptz + i * '1 h'::interval "
        "FROM generate_series(1, 500) AS i",
    )
    job = open_job(destination, duckdb)
    mapping = {"type": "COLUMN_MAP", "mapping": {"id": "CUST_ID"}}
    mask = {"type": "DATA_MASK", "columns": ["ssn"], "maskChar": "X"}
    table = {
        "sourceTable": "users",
        "destinationTable": "CUSTOMERS",
        "batchSize": 100,
        "transformations": [mapping, mask],
    }
    outcome = (await job.run(job.spec([table])))[0]
    assert (outcome.result.proved, outcome.route.path, outcome.route.interchange) == (True, "arrow", True)
    rows = duckdb.query('SELECT "CUST_ID", email, ssn, seen::VARCHAR FROM "CUSTOMERS" ORDER BY 1')
    assert rows[6] == (7, "u7@x", "XXXXXXXXXXX", "2024-01-01 07:00:00+00")
    assert len(rows) == 500


async def test_text_that_is_no_value_of_its_column_is_refused_and_shown_in_a_document_only(
    source: SqliteHarness, destination: PostgresHarness, open_job: Open
) -> None:
    fill(
        source,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, born DATE)",
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, '2024-02-31')",
    )
    job = open_job(source, destination)
    with pytest.raises(DataRejected) as caught:
        await job.run(job.spec([{"sourceTable": "t"}]))
    message = str(caught.value)
    assert "1 row " in message
    assert "public.t.born" in message
    assert "2024-02-31" not in message
    refused = job.documents("refused-0.json")
    assert [(kept["column"], kept["limit"], kept["example"]) for kept in refused] == [
        ("public.t.born", "syntax", "2024-02-31")
    ]
    assert destination.count("t") == 0


async def test_an_accepted_loss_is_changed_counted_and_proved(
    source: SqliteHarness, destination: PostgresHarness, open_job: Open
) -> None:
    fill(
        source,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO t VALUES (1, 'short'), (2, 'much longer'), (3, NULL), (4, 'as long as that')",
    )
    destination.execute("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(5))")
    job = open_job(source, destination)
    refused = await job.survey(job.spec([{"sourceTable": "t"}]))
    assert [len(route.refusals) for route in refused.routes] == [1]
    assert 'acceptLossy": ["public.t.name"]' in refused.routes[0].refusals[0]
    scanned = await job.scan(refused.routes[0])
    assert scanned["rows"] == 4
    assert [(found["column"], found["limit"], found["count"], found["example"]) for found in scanned["violations"]] == [
        ("name", "characters", 2, "much longer")
    ]

    outcome = (await job.run(job.spec([{"sourceTable": "t"}], acceptLossy=["public.t.name"])))[0]
    assert outcome.result.proved
    assert [batch.changed for batch in outcome.staged.batches] == [{"name": {"characters": 2}}]
    assert destination.query("SELECT name FROM t ORDER BY id") == [("short",), ("much ",), (None,), ("as lo",)]
    assert job.evidence(outcome.result)["changedValues"] == [
        {
            "column": "name",
            "limit": "characters",
            "count": 2,
            "reason": "a value that has more than 5 characters: cut to 5 characters",
        }
    ]


async def test_an_accepted_loss_between_databases_of_one_dialect_is_counted_too(
    postgres: PostgresServer, new_database: NewDatabase, destination: PostgresHarness, open_job: Open
) -> None:
    source = PostgresHarness(postgres, new_database())
    fill(
        source,
        "CREATE TABLE t (id int PRIMARY KEY, price numeric(10,4), name varchar(20))",
        "INSERT INTO t VALUES (1, 1.2, 'short'), (2, 1.005, 'much longer'), (3, NULL, NULL)",
    )
    destination.execute("CREATE TABLE t (id int PRIMARY KEY, price numeric(10,2), name varchar(5))")
    job = open_job(source, destination)
    accepted = job.spec([{"sourceTable": "t"}], acceptLossy=["public.t.price", "public.t.name"])
    outcome = (await job.run(accepted))[0]
    assert outcome.result.proved, outcome.result.message
    counted = [(line["column"], line["count"]) for line in job.evidence(outcome.result)["changedValues"]]
    assert counted == [("price", 1), ("name", 1)]
    assert destination.query("SELECT price::text, name FROM t ORDER BY id") == [
        ("1.20", "short"),
        ("1.01", "much "),
        (None, None),
    ]


async def test_missing_changed_and_foreign_rows_are_found_where_no_row_knows_its_batch(
    destination: PostgresHarness, duckdb: DuckdbHarness, open_job: Open
) -> None:
    fill(
        destination,
        "CREATE TABLE t (id bigint PRIMARY KEY, word text)",
        "INSERT INTO t SELECT i, 'word ' || i % 7 FROM generate_series(0, 999) AS i",
    )
    job = open_job(destination, duckdb)
    spec = job.spec([{"sourceTable": "t", "batchSize": 100}])
    outcome = (await job.run(spec))[0]
    assert outcome.result.proved
    assert outcome.route.plan.batches > 3

    fill(
        duckdb,
        "DELETE FROM t WHERE id = 5",
        "UPDATE t SET word = 'other' WHERE id = 999",
        "INSERT INTO t VALUES (-1, 'new')",
    )
    found = await job.validate(outcome.route, outcome.staged)
    assert (found.proved, found.failed) == (False, True)
    differences = job.evidence(found)["differences"]
    assert [known["batch"] for known in differences] == [0, outcome.route.plan.batches - 1, None]
    assert [known["expectedRows"] - known["foundRows"] for known in differences] == [1, 1, -2]
    examples = job.documents("difference-*.json")
    assert [kept["onlyAtSource"] for kept in examples if kept["batch"] == 0] == [[{"id": "5", "word": "word 5"}]]
    alone = next(kept["onlyAtDestination"] for kept in examples if kept["batch"] is None)
    assert sorted(row["word"] for row in alone) == ["new", "other"]


async def test_another_count_of_a_source_without_a_snapshot_is_not_proved_and_fails_nothing(
    source: SqliteHarness, duckdb: DuckdbHarness, open_job: Open
) -> None:
    fill(source, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    job = open_job(source, duckdb)
    outcome = (await job.run(job.spec([{"sourceTable": "t"}])))[0]
    same = await job.validate(outcome.route, outcome.staged, counted_rows=2)
    assert (same.proved, same.failed) == (True, False)
    moved = await job.validate(outcome.route, outcome.staged, counted_rows=3)
    assert (moved.proved, moved.failed) == (False, False)
    assert "counts 3" in moved.message
    duckdb.execute("DELETE FROM t WHERE id = 2")
    lost = await job.validate(outcome.route, outcome.staged, counted_rows=3)
    assert (lost.proved, lost.failed) == (False, True)


async def test_a_ledger_that_does_not_say_what_was_extracted_is_no_proof(
    source: SqliteHarness, duckdb: DuckdbHarness, open_job: Open
) -> None:
    fill(source, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    job = open_job(source, duckdb)
    outcome = (await job.run(job.spec([{"sourceTable": "t"}])))[0]
    duckdb.execute('UPDATE sterna_ledger SET "rows" = 3')
    wrong = await job.validate(outcome.route, outcome.staged)
    assert (wrong.proved, wrong.failed, wrong.message) == (
        False,
        True,
        "the ledger records 3 rows, 2 were extracted",
    )
    duckdb.execute("DELETE FROM sterna_ledger")
    nothing = await job.validate(outcome.route, outcome.staged)
    assert nothing.failed
    assert nothing.message.startswith("0 of 1 batches are in the ledger")
