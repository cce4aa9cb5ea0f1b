"""Foreign keys between engines: of tables that stand already, and to tables beyond the job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance.harness import SqlHarness
from core.schema import ForeignKey, TableName, TableSchema
from tests.conformance.conftest import OpenHarness
from tests.conformance.job_in_process import JobInProcess


@dataclass(frozen=True)
class Family:
    """A child and a parent of PostgreSQL's, which the job moves in the wrong order."""

    source: SqlHarness
    destination: SqlHarness
    parent: str
    child: str
    job: JobInProcess

    def table(self, name: str) -> dict[str, Any]:
        named = {"sourceTable": name, "destinationTable": name}
        return named | ({"destinationSchema": self.destination.schema} if self.destination.schema else {})

    def stands(self, name: str, body: str) -> None:
        self.destination.execute(f"CREATE TABLE {self.destination.qualified(name)} ({body})")

    async def keys(self) -> list[ForeignKey]:
        """Of the child at the destination."""
        name = self.destination.table(self.child)
        found: dict[TableName, TableSchema] = await self.destination.connector().describe_tables([name])  # type: ignore[attr-defined]
        return found[name].foreign_keys


@pytest.fixture
def family(request: pytest.FixtureRequest, opened_harness: OpenHarness, tmp_path: Path) -> Family:
    source, destination = opened_harness("POSTGRES"), opened_harness(request.param, "destination")
    assert isinstance(source, SqlHarness)
    assert isinstance(destination, SqlHarness)
    parent, child = source.new_name("parent"), source.new_name("child")
    source.execute(
        f"CREATE TABLE {parent} (id int PRIMARY KEY); INSERT INTO {parent} VALUES (1);"
        f"CREATE TABLE {child} (id int PRIMARY KEY, up int REFERENCES {parent}); INSERT INTO {child} VALUES (1, 1)"
    )
    return Family(source, destination, parent, child, JobInProcess(source, destination, tmp_path))


@pytest.mark.parametrize("family", ["MYSQL", "SQLITE", "SQLALCHEMY"], indirect=True)
async def test_tables_that_stand_with_foreign_keys_are_loaded_in_any_order_and_keep_them(family: Family) -> None:
    """Firebird's catalog has the key's name in upper case, beside a table in lower case."""
    parent = family.destination.qualified(family.parent)
    family.stands(family.parent, "id INTEGER NOT NULL PRIMARY KEY")
    family.stands(
        family.child,
        f"id INTEGER NOT NULL PRIMARY KEY, up INTEGER, CONSTRAINT {family.child}_own FOREIGN KEY (up) "
        f"REFERENCES {parent} (id) ON DELETE CASCADE",
    )
    before = await family.keys()
    spec = family.job.spec([family.table(family.child), family.table(family.parent)])
    assert [route.ddl.not_carried for route in (await family.job.survey(spec)).routes] == [[], []]
    assert [outcome.result.proved for outcome in await family.job.run(spec)] == [True, True]
    assert await family.keys() == before != []


@pytest.mark.parametrize("family", ["MYSQL", "SQLITE"], indirect=True)
async def test_a_foreign_key_to_a_table_that_nobody_moves_is_listed(family: Family) -> None:
    spec = family.job.spec([family.table(family.child)])
    [outcome] = await family.job.run(spec)
    [item] = family.job.evidence(outcome.result)["notCarried"]
    assert (item["kind"], item["object"]) == ("foreign key", f"{family.child}_up_fkey")
    assert f"public.{family.parent}, which is neither a table of the job nor found" in item["reason"]
    assert await family.keys() == []


@pytest.mark.parametrize("family", ["MYSQL"], indirect=True)
async def test_a_foreign_key_to_a_table_that_stands_at_the_destination_is_built(family: Family) -> None:
    family.stands(family.parent, "id INTEGER NOT NULL PRIMARY KEY")
    family.destination.execute(f"INSERT INTO {family.destination.qualified(family.parent)} VALUES (1)")
    [outcome] = await family.job.run(family.job.spec([family.table(family.child)]))
    assert family.job.evidence(outcome.result)["notCarried"] == []
    assert [key.referenced.name for key in await family.keys()] == [family.parent]


@pytest.mark.parametrize("family", ["DUCKDB"], indirect=True)
async def test_the_plan_names_foreign_keys_that_stay_while_rows_are_loaded(family: Family) -> None:
    family.stands(family.parent, "id INTEGER PRIMARY KEY")
    family.stands(family.child, f"id INTEGER PRIMARY KEY, up INTEGER REFERENCES {family.parent} (id)")
    [route] = (await family.job.survey(family.job.spec([family.table(family.child)]))).routes
    [warning] = [words for words in route.warnings if "stays while rows are loaded" in words]
    assert f"rows that come before those of main.{family.parent} are refused" in warning
