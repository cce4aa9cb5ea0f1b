"""Values that a destination cannot hold: refused by default with table, column and example; where the job accepts the
loss by name, changed as documented and counted in the certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.conformance.harness import SqlHarness
from core.errors import DataRejected
from tests.conformance.conftest import OpenHarness
from tests.conformance.job_in_process import JobInProcess
from tests.conformance.lossy_values import LOSSY, Lossy

TELLING = 4
"""Characters of a value; shorter ones occur in numbers, names and words."""


class Rehearsal:
    """The case's table at the source, and jobs that move it to tables of their own."""

    def __init__(self, case: Lossy, source: SqlHarness, destination: SqlHarness, folder: Path) -> None:
        self.case, self.source, self.destination = case, source, destination
        self._folder = folder
        self._name = source.new_name("lossy")
        number = source.natives["int32"].type
        key = ", UNIQUE (v)" if case.unique else ""
        source.execute(f"CREATE TABLE {source.qualified(self._name)} (id {number} PRIMARY KEY, v {case.type}{key})")
        relaxed = "SET STATEMENT sql_mode = 'ALLOW_INVALID_DATES' FOR " if case.source == "MYSQL" else ""
        for key, value in enumerate(case.values, 1):
            source.execute(f"{relaxed}INSERT INTO {source.qualified(self._name)} VALUES ({key}, {value})")

    def job(self) -> tuple[JobInProcess, str, dict[str, str]]:
        """A job of its own, its destination's table, and how the job's request names the source's."""
        arrived = self.destination.new_name("arrived")
        if self.case.existing:
            number = self.destination.natives["int64"].type
            self.destination.execute(
                f"CREATE TABLE {self.destination.qualified(arrived)} (id {number}, v {self.case.existing})"
            )
        table = {"sourceTable": self._name, "destinationTable": arrived}
        table |= {"sourceSchema": self.source.schema} if self.source.schema else {}
        table |= {"destinationSchema": self.destination.schema} if self.destination.schema else {}
        return JobInProcess(self.source, self.destination, self._folder / arrived), arrived, table

    def found(self, arrived: str) -> list[str | None]:
        """The values at the destination by key, as its own client gives them."""
        rows = self.destination.query(f"SELECT {self.case.read} FROM {self.destination.qualified(arrived)} ORDER BY id")
        return [None if value is None else str(value) for (value,) in rows]


@pytest.fixture(params=LOSSY, ids=str)
def rehearsal(request: pytest.FixtureRequest, opened_harness: OpenHarness, tmp_path: Path) -> Rehearsal:
    """One case on its pair of databases."""
    case: Lossy = request.param
    source, destination = opened_harness(case.source), opened_harness(case.destination, "destination")
    assert isinstance(source, SqlHarness)
    assert isinstance(destination, SqlHarness)
    return Rehearsal(case, source, destination, tmp_path)


async def test_lossy_values_are_refused_by_default_and_counted_where_accepted(rehearsal: Rehearsal) -> None:
    column = await refused(rehearsal)
    await accepted(rehearsal, column)


async def refused(rehearsal: Rehearsal) -> str:
    """By the plan or by the run; returns the column's name at the destination."""
    case = rehearsal.case
    job, arrived, table = rehearsal.job()
    spec = job.spec([table])
    [route] = (await job.survey(spec)).routes
    column = route.columns[1].destination
    label = f"{route.destination_table}.{column}"
    accepting = f'"acceptLossy": ["{label}"]'
    scan = await job.scan(route)
    assert scan["rows"] == len(case.values), scan
    violations = {found["limit"]: found for found in scan["violations"]}
    assert case.limit in violations, scan
    assert violations[case.limit]["column"] == column
    assert (violations[case.limit]["count"], violations[case.limit]["example"]) == (case.count, case.example)
    if case.planned:
        [refusal] = route.refusals
        assert label in refusal
        assert accepting in refusal
        return column
    assert route.refusals == []
    with pytest.raises(DataRejected) as caught:
        await job.run(spec)
    error = caught.value
    assert label in error.message
    rows = "1 row" if case.count == 1 else f"{case.count} rows"
    assert error.message.startswith(rows), error.message
    assert error.evidence["example"] == case.example
    assert len(case.example) < TELLING or case.example not in str(error)
    assert (accepting in error.remedy) == (case.changed is not None), error.remedy
    assert rehearsal.destination.count(arrived) == 0
    return column


async def accepted(rehearsal: Rehearsal, column: str) -> None:
    """By name; the certificate counts."""
    case = rehearsal.case
    job, arrived, table = rehearsal.job()
    label = f"{rehearsal.destination.table(arrived)}.{column}"
    spec = job.spec([table], acceptLossy=[label])
    if case.changed is None:
        with pytest.raises(DataRejected) as caught:
            await job.run(spec)
        assert label in caught.value.message
        assert "Repair the values at the source" in caught.value.remedy
        assert rehearsal.destination.count(arrived) == 0
        return
    [outcome] = await job.run(spec)
    assert outcome.result.proved, outcome.result.message
    changed = {(line["column"], line["limit"]): line for line in job.evidence(outcome.result)["changedValues"]}
    assert changed[column, case.limit]["count"] == case.count
    assert len(changed) == 1
    assert rehearsal.found(arrived) == list(case.changed)
