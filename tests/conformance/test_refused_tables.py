"""Tables whose rows, columns, names or keys would be lost or merged on their way: refused before or while they move,
with table, column and what to do."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance.harness import SqlHarness
from core.errors import DataRejected
from core.job_spec import JobSpec
from core.route import TableRoute
from tests.conformance.conftest import OpenHarness
from tests.conformance.job_in_process import JobInProcess

LONG_NAME = "x" * 64
"""PostgreSQL's names have 63 bytes."""


class Move:
    """A table of the source's on its way to a destination."""

    def __init__(self, source: SqlHarness, destination: SqlHarness, folder: Path, name: str) -> None:
        self.source, self.destination, self.name = source, destination, name
        self.arrived = destination.new_name("arrived")
        self._folder = folder

    def as_user(self, user: str) -> Move:
        """The source as that user sees it."""
        seen = copy.copy(self.source)
        seen.options = {**self.source.options, "user": user}
        return Move(seen, self.destination, self._folder, self.name)

    def again(self) -> Move:
        """The same table to another one."""
        return Move(self.source, self.destination, self._folder, self.name)

    async def parked(self, **table: Any) -> str:
        """Why the table cannot begin."""
        job, spec = self._job(**table)
        surveyed = await job.survey(spec)
        assert surveyed.routes == []
        [parked] = surveyed.parked
        assert self.name in parked.name
        return parked.reason

    async def run(self, **table: Any) -> dict[str, Any]:
        """Moves and proves it; its part of the certificate."""
        job, spec = self._job(**table)
        [outcome] = await job.run(spec)
        assert outcome.result.proved, outcome.result.message
        return job.evidence(outcome.result)

    async def refused(self) -> DataRejected:
        """Why its rows were refused while they moved; nothing of them is left."""
        with pytest.raises(DataRejected) as caught:
            await self.run()
        assert self.destination.count(self.arrived) == 0
        return caught.value

    async def route(self) -> TableRoute:
        """What the plan says of it."""
        job, spec = self._job()
        [route] = (await job.survey(spec)).routes
        return route

    def _job(self, **table: Any) -> tuple[JobInProcess, JobSpec]:
        job = JobInProcess(self.source, self.destination, self._folder / self.arrived)
        named = {"sourceTable": self.name, "destinationTable": self.arrived}
        named |= {"sourceSchema": self.source.schema} if self.source.schema else {}
        named |= {"destinationSchema": self.destination.schema} if self.destination.schema else {}
        return job, job.spec([{**named, **table}])


class Between:
    """Opens a pair of databases."""

    def __init__(self, opened: OpenHarness, folder: Path) -> None:
        self._opened, self._folder = opened, folder

    def __call__(self, source: str, destination: str, *statements: str) -> Move:
        """A table that the statements make; `{table}` is its name."""
        origin, arrival = self._opened(source), self._opened(destination, "destination")
        assert isinstance(origin, SqlHarness)
        assert isinstance(arrival, SqlHarness)
        name = origin.new_name("refused")
        for statement in statements:
            origin.execute(statement.format(table=name))
        return Move(origin, arrival, self._folder, name)


@pytest.fixture
def between(opened_harness: OpenHarness, tmp_path: Path) -> Between:
    return Between(opened_harness, tmp_path)


async def test_rows_that_row_security_hides_are_not_left_out(between: Between) -> None:
    move = between(
        "POSTGRES",
        "MYSQL",
        "CREATE TABLE {table} (id int PRIMARY KEY, v text);"
        "INSERT INTO {table} SELECT i, 'x' FROM generate_series(1, 4) AS i;"
        "CREATE ROLE {table}_user LOGIN; GRANT SELECT ON {table} TO {table}_user;"
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON {table} USING (id < 3)",
    )
    limited = move.as_user(f"{move.name}_user")
    reason = await limited.parked()
    assert "row-level security" in reason
    assert move.name in reason
    assert "BYPASSRLS" in reason
    move.source.execute(f"ALTER ROLE {move.name}_user BYPASSRLS")
    assert (await limited.run())["rows"]["atDestination"] == 4


async def test_columns_that_a_user_of_postgres_may_not_read_are_not_left_out(between: Between) -> None:
    move = between(
        "POSTGRES",
        "SQLITE",
        "CREATE TABLE {table} (id int PRIMARY KEY, secret text); INSERT INTO {table} VALUES (1, 'x');"
        "CREATE ROLE {table}_user LOGIN; GRANT SELECT (id) ON {table} TO {table}_user",
    )
    limited = move.as_user(f"{move.name}_user")
    reason = await limited.parked()
    assert f"permission denied for table {move.name}" in reason
    assert "Grant the privilege" in reason
    assert len((await limited.run(columns=["id"]))["columns"]) == 1


async def test_columns_that_mysql_hides_from_a_user_are_not_left_out(between: Between) -> None:
    """information_schema shows those columns only for which the user has a privilege."""
    move = between(
        "MYSQL",
        "POSTGRES",
        "CREATE TABLE {table} (id int PRIMARY KEY, secret text)",
        "INSERT INTO {table} VALUES (1, 'x')",
        "CREATE USER '{table}_user'@'%'",
        "GRANT SELECT (id) ON {table} TO '{table}_user'@'%'",
    )
    limited = move.as_user(f"{move.name}_user")
    reason = await limited.parked()
    assert move.name in reason
    assert "SELECT command denied" in reason
    assert "Grant the privilege" in reason
    assert len((await limited.run(columns=["id"]))["columns"]) == 1


@pytest.mark.parametrize("destination", ["MYSQL", "SQLITE", "DUCKDB"])
async def test_names_that_are_one_name_at_the_destination_must_be_told_apart(
    destination: str, between: Between
) -> None:
    move = between(
        "POSTGRES",
        destination,
        "CREATE TABLE {table} (id int PRIMARY KEY, \"Name\" text, name text); INSERT INTO {table} VALUES (1, 'a', 'b')",
    )
    reason = await move.parked()
    assert f"columns of {move.destination.table(move.arrived)} would share the name Name" in reason
    assert "COLUMN_MAP" in reason
    mapped = {"type": "COLUMN_MAP", "mapping": {"Name": "title"}}
    evidence = await move.run(transformations=[mapped])
    assert [column["destination"] for column in evidence["columns"]] == ["id", "title", "name"]


async def test_a_name_that_would_be_cut_must_be_renamed(between: Between) -> None:
    create = f'CREATE TABLE {{table}} (id INTEGER PRIMARY KEY, "{LONG_NAME}" TEXT, "{LONG_NAME}2" TEXT)'
    move = between("SQLITE", "POSTGRES", create)
    reason = await move.parked()
    assert f"column {LONG_NAME} of public.{move.arrived}" in reason
    assert "longer than the 63 bytes" in reason
    assert "COLUMN_MAP" in reason
    mapped = {"type": "COLUMN_MAP", "mapping": {LONG_NAME: "first", f"{LONG_NAME}2": "second"}}
    evidence = await move.run(transformations=[mapped])
    assert [column["destination"] for column in evidence["columns"]] == ["id", "first", "second"]


WORDS = (
    "CREATE TABLE {table} (v varchar(20) PRIMARY KEY);"
    "INSERT INTO {table} VALUES ('abcdanne'), ('abcdAnne'), ('abcdanné'), ('abcdanne '), (U&'abcdanne\\0301')"
)
COLLATING = {
    "MYSQL": "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY",
    "SQLITE": "VARCHAR(20) COLLATE NOCASE PRIMARY KEY",
}


@pytest.mark.parametrize("destination", ["MYSQL", "SQLITE", "DUCKDB", "ORACLE", "SQLALCHEMY"])
async def test_keys_that_differ_differ_in_tables_that_are_made_for_them(destination: str, between: Between) -> None:
    """By case, by accent, by its composition, and by blanks at the end, which Firebird has no collation for."""
    move = between("POSTGRES", destination, WORDS)
    if destination == "SQLALCHEMY":
        refusal = await move.refused()
        assert refusal.evidence["example"] == "abcdanne "
        move.source.execute(f"DELETE FROM {move.name} WHERE v LIKE '% '")
        move = move.again()
    rows = move.source.count(move.name)
    assert (await move.run())["rows"]["atDestination"] == rows


@pytest.mark.parametrize("destination", COLLATING)
async def test_keys_that_collide_under_the_destinations_collation_are_refused(
    destination: str, between: Between
) -> None:
    move = between("POSTGRES", destination, WORDS)
    move.destination.execute(f"CREATE TABLE {move.destination.qualified(move.arrived)} (v {COLLATING[destination]})")
    label = f"{move.destination.table(move.arrived)}.v"
    assert [words for words in (await move.route()).warnings if words.startswith(f"{label}: ")] == [
        f"{label}: keys that differ at the source may be the same here, where texts are not compared by their bytes; "
        "such rows are refused"
    ]
    refusal = await move.refused()
    assert str(move.destination.table(move.arrived)) in refusal.message
    assert "anne" not in str(refusal).lower()


async def test_a_character_that_the_columns_character_set_lacks_is_refused(between: Between) -> None:
    move = between(
        "POSTGRES",
        "MYSQL",
        "CREATE TABLE {table} (id int PRIMARY KEY, v varchar(20));"
        "INSERT INTO {table} VALUES (1, 'abc'), (2, 'Жданов'), (3, 'abc')",
    )
    move.destination.execute(
        f"CREATE TABLE {move.destination.qualified(move.arrived)} (id int, v varchar(20) CHARACTER SET latin1)"
    )
    refusal = await move.refused()
    assert f"{move.arrived}: " in refusal.message
    assert "column v, row 2" in refusal.message
    assert "character set" in refusal.message
    assert "Жданов" not in str(refusal)
    assert r"\xD0\x96" in refusal.evidence["server"]


async def test_bytes_that_are_no_text_are_refused(between: Between) -> None:
    move = between(
        "SQLITE",
        "POSTGRES",
        "CREATE TABLE {table} (id INTEGER PRIMARY KEY, v TEXT)",
        "INSERT INTO {table} VALUES (1, 'abcd'), (2, CAST(x'61626364ff' AS TEXT))",
    )
    refusal = await move.refused()
    assert f"{move.name}: column v holds text that is not valid UTF-8" in refusal.message
    assert "leave the column out" in refusal.remedy
    assert "abcd" not in str(refusal)
    assert "abcd" in str(refusal.evidence)


@pytest.mark.parametrize(
    ("destination", "existing"), [("DUCKDB", "INTEGER[]"), ("SNOWFLAKE", "ARRAY"), ("MYSQL", "INT")]
)
async def test_arrays_go_into_no_column_that_could_not_hold_them_all(
    destination: str, existing: str, between: Between
) -> None:
    move = between("POSTGRES", destination, "CREATE TABLE {table} (id int PRIMARY KEY, v int[])")
    number = move.destination.natives["int64"].type
    move.destination.execute(f"CREATE TABLE {move.destination.qualified(move.arrived)} (id {number}, v {existing})")
    route = await move.route()
    [refusal] = route.refusals
    assert f"{move.destination.table(move.arrived)}.{route.columns[1].destination} cannot be carried" in refusal
    assert "columns" in refusal


@pytest.mark.parametrize("destination", ["MYSQL", "DUCKDB", "SQLITE", "SNOWFLAKE"])
async def test_arrays_of_any_bounds_and_dimensions_arrive_whole_as_text(destination: str, between: Between) -> None:
    move = between(
        "POSTGRES",
        destination,
        "CREATE TABLE {table} (id int PRIMARY KEY, v int[]);"
        "INSERT INTO {table} VALUES (1, '[0:1]={{1,2}}'), (2, '{{{{1,2}},{{3,4}}}}'), (3, '{{1,NULL}}')",
    )
    await move.run()
    found = move.destination.query(f"SELECT v FROM {move.destination.qualified(move.arrived)} ORDER BY id")
    assert [row[0] for row in found] == ["[0:1]={1,2}", "[[1,2],[3,4]]", "[1,null]"]
