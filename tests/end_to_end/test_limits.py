"""A running job is slowed down and sped up by REST and the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, until
from tests.independent_comparison import assert_equal

ROWS = 8_000
BATCHES = 40
RATE = 1000
IN_FLIGHT = 4 + 1
"""Batches that may have been read before, and are loaded meanwhile, at two batches at once; and the last one's turn."""
SLACK = IN_FLIGHT * ROWS // BATCHES * 3 // 2
"""Ranges hold the wanted rows on average."""


def numbers(databases: Databases) -> None:
    databases.prepare(
        f"CREATE TABLE numbers AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, {ROWS}) AS i;"
        "ANALYZE numbers"
    )


def most_rows_within(databases: Databases, seconds: float) -> int:
    """Of the newest load, by the ledger's own times: the most rows that were committed within any such while."""
    with databases.connect_destination() as connection:
        found = connection.execute(
            "SELECT max(total) FROM (SELECT sum(rows) OVER (ORDER BY loaded_at RANGE BETWEEN CURRENT ROW "
            "AND %s * interval '1 second' FOLLOWING) AS total FROM sterna_ledger WHERE number >= 0) AS whiles",
            (seconds,),
        ).fetchone()
    assert found is not None
    return int(str(found[0]))


def sterna(stack: LocalStack, *arguments: str) -> str:
    return subprocess.run(
        [str(Path(sys.executable).with_name("sterna")), *arguments, "--api", stack.api_url],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def test_rows_per_second_are_kept_over_all_workers_until_an_operator_lifts_them(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    numbers(databases)
    tables = [{"sourceTable": "numbers", "batchSize": ROWS // BATCHES}]
    job_id = jobs.post(databases.spec(tables, maxRowsPerSecond=RATE, parallelBatches=2))
    until(lambda: sum(rows for _, _, rows in ledger(databases)) >= ROWS // 2)
    assert jobs.progress(job_id)["limits"]["maxRowsPerSecond"] == RATE
    for seconds in (1, 2):
        assert most_rows_within(databases, seconds) <= RATE * seconds + SLACK
    shown = sterna(stack, "limits", job_id, "--max-rows-per-second", "0", "--parallel-batches", "8")
    assert "rows per second              no limit" in shown
    assert "batches of a table at once   8" in shown
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.numbers")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"parallelTables": 0}, "parallelTables"),
        ({"maxRowsPerSecond": -1}, "maxRowsPerSecond"),
        ({"speed": 3}, "speed"),
        ({}, "names no limit"),
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_refused_with_the_field(
    databases: Databases, jobs: Jobs, body: dict[str, object], complaint: str
) -> None:
    draft = jobs.post({**databases.spec([{"sourceTable": "numbers"}]), "draft": True})
    answer = jobs.http.patch(f"/api/jobs/{draft}/limits", json=body)
    assert answer.status_code == 422
    assert complaint in answer.text
    refused = jobs.http.patch(f"/api/jobs/{draft}/limits", json={"parallelTables": 2})
    assert (refused.status_code, "nothing to limit" in refused.text) == (409, True)
