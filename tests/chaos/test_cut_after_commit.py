"""The case that makes duplicates: a load has committed, and the connection breaks before the worker hears of it."""

from __future__ import annotations

import pytest

from deploy.local.stack import LocalStack
from tests.chaos.cutting_proxy import COMMITS, CuttingProxy
from tests.end_to_end.conftest import Jobs
from tests.end_to_end.engine_places import OpenPlace, job
from tests.end_to_end.engines import make_rows
from tests.end_to_end.observation import staged

CUTS = 50
BATCHES = 60
BATCH_ROWS = 20


@pytest.mark.parametrize("destination", ["POSTGRES", "MYSQL", "ORACLE"], ids=str.lower)
def test_fifty_commits_whose_answer_is_lost_double_nothing_and_lose_nothing(
    destination: str, engine: OpenPlace, breakable_stack: LocalStack
) -> None:
    jobs = Jobs(breakable_stack)
    origin, arrival = engine("SQLITE")(), engine(destination)()
    rows = make_rows(BATCHES * BATCH_ROWS)
    origin.fill(rows)

    def cut() -> bool:
        return proxy.commits_cut < CUTS

    with CuttingProxy(arrival.side()["port"], COMMITS[destination], cut_commit=cut) as proxy:
        spec = job(origin, arrival, {"batchSize": BATCH_ROWS}, parallelBatches=20, validation="checksum")
        spec["destination"]["port"] = proxy.port
        ended = jobs.wait(jobs.post(spec), seconds=180)
    print(f"{destination}: {proxy.commits_cut} commits cut from their answers")
    assert proxy.commits_cut >= CUTS, ended["attention"]
    assert (ended["status"], ended["tables"][0]["proved"]) == ("COMPLETED", True), ended
    assert arrival.rows() == rows
    assert staged(breakable_stack, ended["jobId"]) == []
