"""Rejects of transformations, and their replay once the rule is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataRejected
from core.job_spec import TransformationSpec
from core.schema import Digest
from tests.conformance.harnesses.duckdb import DuckdbHarness
from tests.conformance.harnesses.sqlite import SqliteHarness
from tests.conformance.job_in_process import JobInProcess


def step(expression: str) -> dict[str, str]:
    return {"type": "EXPRESSION", "column": "word", "expression": expression}


async def test_a_row_that_a_mended_rule_takes_is_loaded_once_and_what_is_refused_again_stays(tmp_path: Path) -> None:
    source, destination = SqliteHarness(tmp_path / "s.sqlite"), DuckdbHarness(tmp_path / "d.duckdb")
    source.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT)")
    source.execute("INSERT INTO t VALUES (1, '10'), (2, 'x'), (3, '30'), (4, 'y')")
    job = JobInProcess(source, destination, tmp_path)
    strict = step("CAST(CAST(word AS INTEGER) AS VARCHAR)")
    spec = job.spec([{"sourceTable": "t", "transformations": [strict]}], maxRejects=2)
    [outcome] = await job.run(spec)
    assert outcome.result.proved
    assert outcome.result.message == "2 rows proved by checksum, each batch as of its own reading, 2 rejected"
    rejects = job.rejects(outcome.route)
    assert [(one.stage, one.row, one.key, one.values) for one in rejects] == [
        ("transform", 1, {"id": "2"}, {"id": "2", "word": "x"}),
        ("transform", 3, {"id": "4"}, {"id": "4", "word": "y"}),
    ]

    halfway = step("CASE WHEN word = 'x' THEN '20' ELSE CAST(CAST(word AS INTEGER) AS VARCHAR) END")
    mended = outcome.route.model_copy(update={"transformations": [TransformationSpec.model_validate(halfway)]})
    first = await job.replay(mended, 1)
    assert (first.loaded.rows, first.rejected) == (3, 1)
    assert [one.values for one in job.rejects(outcome.route)] == [{"id": "4", "word": "y"}]
    assert await job.replay(mended, 1) == first, "an attempt that comes again"
    free = step("coalesce(TRY_CAST(TRY_CAST(word AS INTEGER) AS VARCHAR), 'none')")
    mended = outcome.route.model_copy(update={"transformations": [TransformationSpec.model_validate(free)]})
    last = await job.replay(mended, 2)
    assert (last.loaded.rows, last.rejected, job.rejects(outcome.route)) == (4, 0, [])
    assert last.loaded != first.loaded + Digest(rows=1)
    assert destination.query("SELECT id, word FROM t ORDER BY id") == [(1, "10"), (2, "20"), (3, "30"), (4, "none")]


async def test_more_refused_rows_than_may_be_are_named_and_nothing_is_loaded(tmp_path: Path) -> None:
    source, destination = SqliteHarness(tmp_path / "s.sqlite"), DuckdbHarness(tmp_path / "d.duckdb")
    source.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT)")
    source.execute("INSERT INTO t VALUES (1, '10'), (2, 'x'), (3, 'y')")
    job = JobInProcess(source, destination, tmp_path)
    spec = job.spec(
        [{"sourceTable": "t", "transformations": [step("CAST(CAST(word AS INTEGER) AS VARCHAR)")]}], maxRejects=1
    )
    with pytest.raises(DataRejected, match="refuses 2 rows, and maxRejects leaves room for 1"):
        await job.run(spec)
    assert destination.count("t") == 0
