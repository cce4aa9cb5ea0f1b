"""What a worker counts of an activity, whatever becomes of it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from core.errors import NotFound
from core.log_context import WorkContext
from core.meters import Meters
from core.schema import Digest
from core.settings import Settings
from core.stage_models import LoadedBatches, LoadInput, StagedBatch
from worker.parts import Parts
from worker.telemetry import CountsActivities

STAGED = [StagedBatch(number=n, staged=f"s{n}", digest=Digest(rows=10), bytes=100, rejected=1) for n in (4, 5)]
GIVEN = LoadInput(route="jobs/j/runs/1/tables/t/route.json", load=1, batches=STAGED)
LOADED = LoadedBatches(digest=Digest(rows=17), bytes=200, rejected=5, seconds=1.5, spent={"destination": 1.0})
Work = Callable[[], Awaitable[Any]]


class Stage(ActivityInboundInterceptor):
    def __init__(self, work: Work) -> None:
        self._work = work

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await self._work()


def no_route(reference: str) -> Any:
    raise NotFound(reference)


def postgres_to_mysql(reference: str) -> Any:
    def side(kind: str) -> SimpleNamespace:
        return SimpleNamespace(connection=SimpleNamespace(type=kind))

    return SimpleNamespace(source=side("POSTGRES"), destination=side("MYSQL"))


async def run(work: Work, read: Callable[[str], Any] = postgres_to_mysql, attempt: int = 1) -> str:
    """Runs the activity and gives the metrics; what it raises passes."""
    meters = Meters("worker")
    parts = SimpleNamespace(
        meters=meters,
        routes=SimpleNamespace(read=read),
        settings=Settings(task_queue_prefix="mine", staging=Path("nowhere")),
        client=SimpleNamespace(identity="1@here"),
        sessions=SimpleNamespace(in_use=lambda: {"db:5432/shop": 2}),
    )
    counting = CountsActivities(cast("Parts", parts), ["load", "control"]).intercept_activity(Stage(work))
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        attempt=attempt,
        task_queue="mine-load",
        activity_type="load_batches",
        workflow_id="migration/j/t",
    )
    given = ExecuteActivityInput(fn=work, args=[GIVEN], executor=None, headers={})
    try:
        await environment.run(counting.execute_activity, given)
    except (ApplicationError, asyncio.CancelledError) as error:
        logging.getLogger(__name__).info("it ended by %s", type(error).__name__)
    return meters.text().decode()


async def loads() -> LoadedBatches:
    return LOADED


async def test_rows_rejects_and_time_are_counted_by_stage_and_connector() -> None:
    text = await run(loads)
    assert 'sterna_rows_total{connector="MYSQL",stage="load"} 17.0' in text
    assert 'sterna_batches_total{connector="MYSQL",stage="load"} 2.0' in text
    assert 'sterna_rejected_rows_total{connector="MYSQL",stage="load"} 3.0' in text, "two were rejected before the load"
    assert 'sterna_stage_seconds_total{part="destination",stage="load"} 1.0' in text
    assert 'sterna_sessions_in_use{database="db:5432/shop"} 2.0' in text
    assert "sterna_activity_retries_total{" not in text


async def test_an_attempt_that_is_not_the_first_is_a_retry() -> None:
    assert 'sterna_activity_retries_total{activity="load_batches",stage="load"} 1.0' in await run(loads, attempt=3)


async def test_a_failure_is_counted_by_its_class_and_moves_nothing() -> None:
    async def fails() -> None:
        raise ApplicationError("no value here", type="Unavailable")

    text = await run(fails)
    assert 'sterna_activity_failures_total{activity="load_batches",reason="Unavailable",stage="load"} 1.0' in text
    assert 'sterna_activity_seconds_count{activity="load_batches",outcome="failed",stage="load"} 1.0' in text
    assert "sterna_rows_total{" not in text


async def test_a_cancelled_activity_is_no_failure() -> None:
    async def is_cancelled() -> None:
        raise asyncio.CancelledError

    text = await run(is_cancelled)
    assert 'outcome="cancelled"' in text
    assert "sterna_activity_failures_total{" not in text


async def test_work_that_cannot_be_counted_is_done_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(reference: str) -> Any:
        raise ValueError("a route of another release")

    text = await run(loads, breaks)
    assert 'outcome="completed"' in text
    assert "load_batches is not counted" in caplog.text
    assert 'sterna_rows_total{connector="none",stage="load"} 17.0' in await run(loads, no_route)


async def test_what_an_activity_logs_says_job_table_batches_stage_attempt_and_worker() -> None:
    told: dict[str, str] = {}

    async def logs() -> LoadedBatches:
        record = logging.LogRecord("any", logging.INFO, __file__, 1, "loading", (), None)
        WorkContext().filter(record)
        told.update(record.__dict__["work"])
        return LOADED

    await run(logs, attempt=2)
    expected = {"job": "j", "table": "t", "batch": "4-5", "stage": "load", "attempt": "2", "worker": "1@here"}
    assert told == expected


async def test_a_folder_that_is_not_there_holds_nothing() -> None:
    text = await run(loads)
    assert "sterna_staging_bytes 0.0" in text
    assert "sterna_snapshots_held 0.0" in text
    assert 'sterna_runs_ended_total{status="FAILED"} 0.0' in text, "a series that is there before its first event"
