"""Names are names, whatever they hold: nothing of them becomes SQL, on either side, on any way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.conformance.harness import NativeColumn, SqlHarness
from tests.conformance.conftest import OpenHarness
from tests.conformance.job_in_process import JobInProcess

LONGEST = {"POSTGRES": 63, "MYSQL": 64, "SQLITE": 255, "DUCKDB": 255}
VICTIM = "victim"
NAMES = (
    f'"; DROP TABLE {VICTIM}; --',
    f"'; DROP TABLE {VICTIM}; --",
    f"`); DELETE FROM {VICTIM}; --",
    f"\\'\"); DELETE FROM {VICTIM}; --",
    "line\nbreak\ttab\rreturn",
    "100%s %d %(x)s a:b ::int :name ? ?1 $1 {0} @x #",
    "select */ -- /* ünïcödé ﬀ",
)


def _spec(name: str, harness: SqlHarness, transformations: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"sourceTable": name, "destinationTable": name, "transformations": transformations}
    return named | ({"destinationSchema": harness.schema} if harness.schema else {})


def _create(harness: SqlHarness, name: str, column: str) -> None:
    columns: list[NativeColumn] = [harness.column("id", "int32", nullable=False), harness.column(column, "text")]
    rows = [(str(number), f"{column} {number}") for number in range(3)]
    harness.create_table(name, columns, rows, key=["id"], unique=[])


@pytest.mark.parametrize("kind", list(LONGEST))
async def test_hostile_names_of_tables_and_columns_arrive_as_they_are(
    kind: str, opened_harness: OpenHarness, tmp_path: Path
) -> None:
    source, destination = opened_harness(kind, "hostile"), opened_harness(kind, "hostile destination")
    assert isinstance(source, SqlHarness)
    assert isinstance(destination, SqlHarness)
    for harness in (source, destination):
        _create(harness, VICTIM, "word")
    names = [*NAMES, "x" * LONGEST[kind]]
    specs = []
    for name in names:
        _create(source, name, name)
        quoted = '"' + name.replace('"', '""') + '"'
        step = {"type": "EXPRESSION", "column": name, "expression": f"{quoted} || ''"}
        specs.append(_spec(name, destination, [step] if len(specs) % 2 else []))
    job = JobInProcess(source, destination, tmp_path)
    outcomes = await job.run(job.spec(specs))
    assert [outcome.result.proved for outcome in outcomes] == [True] * len(names)
    assert [outcome.route.destination_table.name for outcome in outcomes] == names
    assert [destination.count(name) for name in names] == [3] * len(names)
    assert (source.count(VICTIM), destination.count(VICTIM)) == (3, 3)
