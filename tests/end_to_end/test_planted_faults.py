"""The proof finds each fault that is planted: in the destination while rows come in or afterwards, and in the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase
from tests.end_to_end.conftest import FINAL, Databases, Jobs
from tests.independent_comparison import multiset

VICTIM = 30
ROWS = 60
IDENTITY = [{"type": "EXPRESSION", "column": "name", "expression": "name"}]

BEFORE = "CREATE TRIGGER plant BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.id = 30) EXECUTE FUNCTION {function}()"
AFTER = "CREATE TRIGGER plant AFTER INSERT ON {table} FOR EACH ROW WHEN (NEW.id = 31) EXECUTE FUNCTION {function}()"
# By fault: the trigger and what it does to row 30, whose name is NULL and whose price is 1.10. COPY fires triggers.
# Those from "other_sign" on are values that PostgreSQL's own hashes do not tell apart, and NULL for what may hash to 0.
FAULTS = {
    "changed": (BEFORE, "NEW.price := 2.10; RETURN NEW;"),
    "empty_for_null": (BEFORE, "NEW.name := ''; RETURN NEW;"),
    "shorter_number": (BEFORE, "NEW.price := trim_scale(NEW.price); RETURN NEW;"),
    "swapped": (
        AFTER,
        "UPDATE {table} SET note = 'note ' || 61 - id WHERE id IN (30, 31); RETURN NULL;",
    ),
    "deleted": (AFTER, "DELETE FROM {table} WHERE id = 30; RETURN NULL;"),
    "duplicated": (AFTER, "INSERT INTO {table} SELECT * FROM {table} WHERE id = 30; RETURN NULL;"),
    "replaced_by_a_copy": (
        AFTER,
        "DELETE FROM {table} WHERE id = 31; INSERT INTO {table} SELECT * FROM {table} WHERE id = 30; RETURN NULL;",
    ),
    "other_sign": (BEFORE, "NEW.amount := -NEW.amount; RETURN NEW;"),
    "other_high_half": (BEFORE, "NEW.big := 4294967295; RETURN NEW;"),
    "other_moment": (BEFORE, "NEW.moment := '2000-01-01 01:11:34.967295+00'; RETURN NEW;"),
    "null_for_zero": (BEFORE, "NEW.zero := NULL; RETURN NEW;"),
    "null_for_empty": (BEFORE, "NEW.empty := NULL; RETURN NEW;"),
    "null_for_nan": (BEFORE, "NEW.nan := NULL; RETURN NEW;"),
}
NEEDS_NO_KEY = ("duplicated", "replaced_by_a_copy")
HASHED_ALIKE = ("other_sign", "other_high_half", "other_moment", "null_for_zero", "null_for_empty", "null_for_nan")
COLUMNS = (
    "name text, price numeric, note text, amount numeric(12,2) DEFAULT 1.10, big bigint DEFAULT -1, "
    "moment timestamptz DEFAULT '1999-12-31 23:59:59.999999+00', zero int DEFAULT 0, empty text DEFAULT '', "
    "nan numeric(5,2) DEFAULT 'NaN'"
)
TABLES = [
    f"{fault}_{path}_{key}"
    for fault in FAULTS
    for path in ("native", "arrow")
    for key in ("keyed", "keyless")
    if key == "keyless" or fault not in (*NEEDS_NO_KEY, *HASHED_ALIKE)
]


@dataclass
class Verdict:
    """How a job with planted faults ended."""

    databases: Databases
    progress: dict[str, Any]
    certificate: dict[str, Any]

    def table(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            table for table in self.progress["tables"] if table["name"].endswith(f" → faults.{name}")
        )
        return found

    def differences(self, name: str) -> list[dict[str, Any]]:
        evidence = next(part for part in self.certificate["tables"] if part["destination"] == f"faults.{name}")
        found: list[dict[str, Any]] = evidence["differences"]
        return found


def source_table(name: str) -> str:
    key = " PRIMARY KEY" if name.endswith("_keyed") else ""
    return (
        f"CREATE TABLE faults.{name} (id int{key}, {COLUMNS});"
        f"INSERT INTO faults.{name} SELECT i, CASE WHEN i <> {VICTIM} THEN 'name ' || i END, 1.10, 'note ' || i "
        f"FROM generate_series(1, {ROWS}) AS i; ANALYZE faults.{name};"
    )


def planted(name: str) -> str:
    """The destination table with its trigger."""
    fault = next(fault for fault in FAULTS if name.startswith(f"{fault}_"))
    trigger, body = FAULTS[fault]
    table, function = f"faults.{name}", f"faults.plant_{name}"
    return (
        f"CREATE TABLE {table} (id int, {COLUMNS});"
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN {body.format(table=table)} END$$;" + f"{trigger.format(table=table, function=function)};"
    )


@pytest.fixture(scope="module")
def verdict(postgres: PostgresServer, new_database: NewDatabase, stack: LocalStack) -> Verdict:
    """One job that moves a table for each fault, on each path, with and without a key."""
    databases, jobs = Databases(postgres, new_database(), new_database()), Jobs(stack)
    with databases.connect_source() as source, databases.connect_destination() as destination:
        source.execute("CREATE SCHEMA faults;" + "".join(map(source_table, TABLES)))
        destination.execute("CREATE SCHEMA faults;" + "".join(map(planted, TABLES)))
    specs = [
        {
            "sourceSchema": "faults",
            "sourceTable": name,
            "batchSize": 7,
            "transformations": IDENTITY if "_arrow_" in name else [],
        }
        for name in TABLES
    ]
    job_id = jobs.post(databases.spec(specs, parallelTables=8))
    progress = jobs.wait(job_id, lambda told: told["status"] in FINAL, seconds=240)
    return Verdict(databases, progress, jobs.certificate(job_id))


def batch_of_victim(verdict: Verdict, name: str) -> int:
    """Number of the batch that wrote the rows around the victim, from the destination alone."""
    with verdict.databases.connect_destination() as destination:
        found = destination.execute(
            f"SELECT DISTINCT number FROM faults.{name} JOIN public.sterna_ledger AS ledger "
            f"ON transaction_id::xid = faults.{name}.xmin WHERE id IN ({VICTIM}, {VICTIM + 1})"
        ).fetchall()
    assert len(found) == 1, found
    return int(str(found[0][0]))


def read(stack: LocalStack, reference: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stack.document_store.read(reference))
    return document


@pytest.mark.parametrize("name", TABLES)
def test_a_fault_in_the_destination_is_found_and_narrowed_to_its_row(
    verdict: Verdict, stack: LocalStack, name: str
) -> None:
    with verdict.databases.connect_source() as source, verdict.databases.connect_destination() as destination:
        assert multiset(source, f"faults.{name}") != multiset(destination, f"faults.{name}"), "the fault did not land"
    table = verdict.table(name)
    assert table["status"] == "FAILED"
    assert not table["proved"]
    assert "the destination holds" in table["message"]
    (difference,) = verdict.differences(name)
    assert difference["batch"] == batch_of_victim(verdict, name)
    examples = read(stack, difference["examples"])
    rows = examples["onlyAtSource"] + examples["onlyAtDestination"]
    assert str(VICTIM) in [row["id"] for row in rows], examples
    assert {row["id"] for row in rows} <= {str(VICTIM), str(VICTIM + 1)}, examples


def test_a_job_with_faults_is_failed_and_not_proved(verdict: Verdict) -> None:
    assert verdict.progress["status"] == "FAILED"
    assert verdict.certificate["verdict"] == "NOT PROVED"
    assert {table["status"] for table in verdict.progress["tables"]} == {"FAILED"}


@pytest.mark.parametrize("path", ["native", "arrow"])
def test_rows_changed_after_their_load_are_found(
    databases: Databases, jobs: Jobs, stack: LocalStack, path: str
) -> None:
    """An event trigger changes a row when the primary key is built: after the last batch, before the proof."""
    with databases.connect_source() as source, databases.connect_destination() as destination:
        source.execute("CREATE SCHEMA faults;" + source_table("late_keyed"))
        destination.execute(
            "CREATE FUNCTION public.meddle() RETURNS event_trigger LANGUAGE plpgsql AS "
            f"$$BEGIN UPDATE faults.late_keyed SET note = 'meddled' WHERE id = {VICTIM}; END$$;"
            "CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('ALTER TABLE') "
            "EXECUTE FUNCTION public.meddle()"
        )
    transformations = IDENTITY if path == "arrow" else []
    tables = [
        {"sourceSchema": "faults", "sourceTable": "late_keyed", "batchSize": 7, "transformations": transformations}
    ]
    job_id = jobs.post(databases.spec(tables))
    progress = jobs.wait(job_id)
    assert progress["status"] == "FAILED", progress
    robbed, foreign = jobs.certificate(job_id)["tables"][0]["differences"]
    assert (foreign["batch"], foreign["foundRows"]) == (None, 1)
    assert robbed["expectedRows"] == robbed["foundRows"] + 1
    (lost,) = read(stack, robbed["examples"])["onlyAtSource"]
    (found,) = read(stack, foreign["examples"])["onlyAtDestination"]
    assert (lost["id"], lost["note"]) == (str(VICTIM), f"note {VICTIM}")
    assert (found["id"], found["note"]) == (str(VICTIM), "meddled")


@contextmanager
def held_before_extraction(databases: Databases) -> Iterator[None]:
    """The ledger cannot be created in the block, so the job has its plan and reads no row yet."""
    with databases.connect_destination() as destination, destination.transaction(force_rollback=True):
        destination.execute("CREATE TABLE public.sterna_ledger (only_in_the_way int)")
        yield


def forget_a_partition(stack: LocalStack, job_id: str, table_id: str) -> None:
    """Makes the plan read the empty table `faults.nothing` where it should read a partition."""
    route = f"jobs/{job_id}/runs/1/tables/{table_id}/route.json"
    plan = json.loads(stack.document_store.read(route))
    segment = next(part for part in plan["plan"]["segments"] if part["relation"]["name"].endswith("_high"))
    segment["relation"]["name"] = "nothing"
    stack.document_store.write_json(route, plan)


def test_a_range_that_the_plan_skips_is_found(databases: Databases, jobs: Jobs, stack: LocalStack) -> None:
    databases.prepare("CREATE SCHEMA faults; CREATE TABLE faults.nothing (id int, name text)")
    for name, key in (("skipped_native", ", PRIMARY KEY (id)"), ("skipped_arrow", "")):
        databases.prepare(
            f"CREATE TABLE faults.{name} (id int, name text{key}) PARTITION BY RANGE (id);"
            f"CREATE TABLE faults.{name}_low PARTITION OF faults.{name} FOR VALUES FROM (MINVALUE) TO (41);"
            f"CREATE TABLE faults.{name}_high PARTITION OF faults.{name} FOR VALUES FROM (41) TO (MAXVALUE);"
            f"INSERT INTO faults.{name} SELECT i, 'name ' || i FROM generate_series(1, {ROWS}) AS i;"
            f"ANALYZE faults.{name}"
        )
    tables = [
        {"sourceSchema": "faults", "sourceTable": "skipped_native", "batchSize": 7},
        {"sourceSchema": "faults", "sourceTable": "skipped_arrow", "batchSize": 7, "transformations": IDENTITY},
    ]
    with held_before_extraction(databases):
        job_id = jobs.post(databases.spec(tables))
        told = jobs.wait(job_id, lambda progress: progress["stage"] == "creating tables")
        for table in told["tables"]:
            forget_a_partition(stack, job_id, table["tableId"])
    progress = jobs.wait(job_id)
    assert progress["status"] == "FAILED", progress
    for table in progress["tables"]:
        assert table["status"] == "FAILED"
        assert "the source counts 60 rows, 40 were extracted" in table["message"]
    assert jobs.certificate(job_id)["verdict"] == "NOT PROVED"
