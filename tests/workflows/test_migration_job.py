from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError

from core.job_spec import JobOptions, JobStatus
from core.models import PauseCommand, RetryCommand
from tests.workflows.stand_ins import StandIns, beating_until_stopped, entry, refusal, until
from workflows import operator_wait
from workflows.migration_job import MigrationJob

SECONDS = 30


class Door:
    """A hook that waits until the test opens it, and says that somebody waits."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, given: Any) -> None:
        self.reached.set()
        await self.opened.wait()


def statuses(stand_ins: StandIns) -> list[JobStatus]:
    ended = [outcome.update for outcome in stand_ins.of("record_outcome")]
    return [update.status for update in [*stand_ins.of("record_status"), *ended]]


async def test_a_job_runs_to_its_certificate(stand_ins: StandIns) -> None:
    async with stand_ins.serving():
        progress = await (await stand_ins.start_job()).result()
    assert progress.status == JobStatus.COMPLETED
    assert progress.rows == 3
    assert statuses(stand_ins) == [JobStatus.ACTIVE, JobStatus.COMPLETED]


async def test_a_source_without_a_snapshot_is_read_without_one(stand_ins: StandIns) -> None:
    stand_ins.exports_snapshot = False
    async with stand_ins.serving():
        progress = await (await stand_ins.start_job()).result()
    assert progress.status == JobStatus.COMPLETED
    assert stand_ins.of("keep_snapshot") == []
    assert {given.snapshot for given in stand_ins.of("extract_batches")} == {None}
    assert stand_ins.of("validate_table")[0].snapshot is None


async def test_commands_that_come_while_the_job_closes_change_nothing(stand_ins: StandIns) -> None:
    door = stand_ins.hooks["record_outcome"] = Door()
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        await job.signal(MigrationJob.pause, PauseCommand(release=True))
        await job.signal(MigrationJob.resume)
        with pytest.raises(WorkflowUpdateFailedError):
            await job.execute_update(MigrationJob.retry_tables, RetryCommand())
        await job.cancel()
        door.opened.set()
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert progress.status == JobStatus.COMPLETED
    assert statuses(stand_ins)[-1] == JobStatus.COMPLETED
    assert JobStatus.PAUSED not in statuses(stand_ins)


async def test_a_pause_that_is_told_late_does_not_overwrite_the_resume(stand_ins: StandIns) -> None:
    door = stand_ins.hooks["load_batches"] = Door()
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        for _ in range(3):
            await job.signal(MigrationJob.pause, PauseCommand())
            await job.signal(MigrationJob.resume)
        door.opened.set()
        await asyncio.wait_for(job.result(), SECONDS)
    found = statuses(stand_ins)
    assert found[-2:] == [JobStatus.ACTIVE, JobStatus.COMPLETED]


async def test_a_pause_takes_hold_although_the_config_store_is_away(stand_ins: StandIns) -> None:
    async def away(given: Any) -> None:
        if given.status == JobStatus.PAUSED:
            raise ApplicationError("the config store is away")

    door = Door()
    stand_ins.hooks |= {"record_status": away, "extract_batches": door}
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        await job.signal(MigrationJob.pause, PauseCommand())
        child = stand_ins.client.get_workflow_handle(f"migration/{stand_ins.prefix}/t1")
        await _until_stage(child, "paused (moving rows)")
        stand_ins.hooks.clear()
        door.opened.set()
        await job.signal(MigrationJob.resume)
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert progress.status == JobStatus.COMPLETED
    assert statuses(stand_ins)[-1] == JobStatus.COMPLETED


async def test_a_job_is_cancelled_while_the_config_store_is_away_and_a_table_has_parked(stand_ins: StandIns) -> None:
    async def away(given: Any) -> None:
        if given.attention:
            raise ApplicationError("the config store is away")

    async def refuse(given: Any) -> None:
        raise refusal("AccessDenied")

    stand_ins.hooks |= {"record_status": away, "begin_load": refuse}
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: any(update.attention for update in stand_ins.of("record_status")))
        stand_ins.hooks.clear()
        await job.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await asyncio.wait_for(job.result(), SECONDS)
    assert isinstance(failure.value.cause, CancelledError)
    assert statuses(stand_ins)[-1] == JobStatus.CANCELLED


async def test_a_snapshot_that_cannot_be_had_again_is_told_to_operators_and_retried(stand_ins: StandIns) -> None:
    lost = asyncio.Event()

    async def lose(given: Any) -> None:
        if given.first_epoch == 1:
            await lost.wait()
            raise refusal("AccessDenied", "the login is gone")

    async def refuse_old(given: Any) -> None:
        if given.snapshot.epoch == 1:
            lost.set()
            raise refusal("SnapshotGone")

    async def no_login(given: Any) -> None:
        if given.first_epoch > 1:
            raise refusal("AccessDenied", "the login is gone")

    stand_ins.hooks |= {"keeping": lose, "extract_batches": refuse_old, "keep_snapshot": no_login}
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await _until_attention(job, "the login is gone")
        del stand_ins.hooks["keep_snapshot"]
        await job.execute_update(MigrationJob.retry_tables, RetryCommand())
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert (progress.status, progress.tables[0].copies) == (JobStatus.COMPLETED, 2)
    (run, started, *first), again = (given.token.split(".") for given in stand_ins.of("begin_load"))
    assert (run, first, again) == ("1", ["1", "1", "0"], ["1", started, "1", "2", "0"])


async def test_a_table_parks_although_an_extract_ends_in_spite_of_its_cancellation(stand_ins: StandIns) -> None:
    door = stand_ins.hooks["extract_batches"] = Door()

    async def refuse(given: Any) -> None:
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        raise refusal("AccessDenied")

    stand_ins.hooks["begin_load"] = refuse
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        table = stand_ins.client.get_workflow_handle(f"{job.id}/t1")
        async for event in table.fetch_history_events(wait_new_event=True):
            if event.HasField("activity_task_cancel_requested_event_attributes"):
                break
        door.opened.set()
        await _until_table(job, 0, "PARKED")
        await job.cancel()


async def test_a_retry_of_a_table_whose_snapshot_expired_takes_a_new_one(stand_ins: StandIns) -> None:
    async def expired(given: Any) -> None:
        if given.snapshot.epoch == 1:
            raise refusal("SnapshotExpired", "raise UNDO_RETENTION")

    stand_ins.hooks["extract_batches"] = expired
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await _until_table(job, 0, "PARKED")
        await job.execute_update(MigrationJob.retry_tables, RetryCommand())
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert (progress.status, progress.tables[0].status) == (JobStatus.COMPLETED, "COMPLETED")
    assert stand_ins.of("count_source")[-1].snapshot.epoch == 2
    assert stand_ins.of("validate_table")[-1].snapshot.epoch == 2


async def test_a_retry_of_a_table_whose_parking_is_still_being_recorded_is_waited_for(stand_ins: StandIns) -> None:
    door, refused = Door(), [refusal("OutOfSpace")]

    async def refuse_once(given: Any) -> None:
        if refused:
            stand_ins.hooks["record_status"] = door
            raise refused.pop()

    stand_ins.hooks["begin_load"] = refuse_once
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        await job.execute_update(MigrationJob.retry_tables, RetryCommand())
        door.opened.set()
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert (progress.status, progress.tables[0].rows) == (JobStatus.COMPLETED, 3)


async def test_a_release_while_the_snapshot_is_being_taken_does_not_end_the_job(stand_ins: StandIns) -> None:
    door = Door()

    async def wait_beating(given: Any) -> None:
        door.reached.set()
        await beating_until_stopped(given)

    stand_ins.hooks["keep_snapshot"] = wait_beating
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        await job.signal(MigrationJob.pause, PauseCommand(release=True))
        await until(lambda: JobStatus.PAUSED in [update.status for update in stand_ins.of("record_status")])
        del stand_ins.hooks["keep_snapshot"]
        await job.signal(MigrationJob.resume)
        progress = await asyncio.wait_for(job.result(), SECONDS)
    assert progress.status == JobStatus.COMPLETED


async def test_a_table_retried_while_others_run_does_not_wait_for_them(stand_ins: StandIns) -> None:
    door = Door()
    refused = {"t2"}

    async def hold(given: Any) -> None:
        if given.route == "t1":
            await door(given)
        elif given.route in refused:
            raise refusal("AccessDenied")

    stand_ins.tables = [entry("t1"), entry("t2")]
    stand_ins.hooks["extract_batches"] = hold
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await _until_table(job, 1, "PARKED")
        refused.clear()
        await job.execute_update(MigrationJob.retry_tables, RetryCommand(tables=["t2"]))
        await _until_table(job, 1, "COMPLETED")
        assert (await job.query(MigrationJob.progress)).tables[0].status == "RUNNING"
        door.opened.set()
        assert (await asyncio.wait_for(job.result(), SECONDS)).status == JobStatus.COMPLETED


async def test_a_child_cancelled_from_outside_fails_the_job(stand_ins: StandIns) -> None:
    stand_ins.hooks["extract_batches"] = beating_until_stopped
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: stand_ins.of("extract_batches"))
        await stand_ins.client.get_workflow_handle(f"migration/{stand_ins.prefix}/t1").cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await asyncio.wait_for(job.result(), SECONDS)
    assert "cancelled from outside" in str(failure.value.cause)


async def _until_stage(child: Any, stage: str) -> None:
    async with asyncio.timeout(SECONDS):
        while (await child.query("progress"))["stage"] != stage:
            await asyncio.sleep(0.05)


async def _until_attention(job: Any, text: str) -> None:
    async with asyncio.timeout(SECONDS):
        while text not in ((await job.query(MigrationJob.progress)).attention or ""):
            await asyncio.sleep(0.05)


async def _until_table(job: Any, position: int, status: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            tables = (await job.query(MigrationJob.progress)).tables
            if len(tables) > position and tables[position].status == status:
                return
            await asyncio.sleep(0.05)


async def test_small_tables_take_a_quarter_of_a_place_and_large_ones_a_whole_one(stand_ins: StandIns) -> None:
    stand_ins.options = JobOptions(parallel_tables=1)
    small = [entry(f"s{number}", batches=1, priority=1) for number in range(6)]
    stand_ins.tables = [*small, entry("large", batches=2, priority=9)]
    now: list[str] = []
    most: list[list[str]] = []
    door = Door()

    async def note(given: Any) -> None:
        now.append(given.route)
        most.append(list(now))
        await door(given)
        now.remove(given.route)

    stand_ins.hooks["begin_load"] = note
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await until(lambda: len(now) == 4)
        await asyncio.sleep(0.5)
        assert sorted(now) == ["s0", "s1", "s2", "s3"]
        door.opened.set()
        assert (await asyncio.wait_for(job.result(), SECONDS)).status == JobStatus.COMPLETED
    assert [running for running in most if "large" in running] == [["large"]]


async def test_the_snapshot_of_a_small_table_is_let_go_though_its_keys_take_long(stand_ins: StandIns) -> None:
    stand_ins.tables = [entry(batches=1)]
    door = stand_ins.hooks["finish_table"] = Door()
    ended = asyncio.Event()

    async def keep(given: Any) -> None:
        try:
            await beating_until_stopped(given)
        finally:
            ended.set()

    stand_ins.hooks["keeping"] = keep
    async with stand_ins.serving():
        job = await stand_ins.start_job()
        await asyncio.wait_for(door.reached.wait(), SECONDS)
        await asyncio.wait_for(ended.wait(), SECONDS)
        assert not door.opened.is_set()
        door.opened.set()
        assert (await asyncio.wait_for(job.result(), SECONDS)).status == JobStatus.COMPLETED


async def test_a_job_that_finds_all_sessions_taken_waits_for_other_jobs_and_not_for_an_operator(
    stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_wait, "AGAIN", timedelta(seconds=0.2))
    tries = 0

    async def taken_twice(given: Any) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise refusal("BudgetTaken", "all 2 sessions are taken")

    stand_ins.hooks["check_connections"] = taken_twice
    async with stand_ins.serving():
        progress = await asyncio.wait_for((await stand_ins.start_job()).result(), SECONDS)
    assert progress.status == JobStatus.COMPLETED
    assert "all 2 sessions are taken" in [update.attention for update in stand_ins.of("record_status")]
