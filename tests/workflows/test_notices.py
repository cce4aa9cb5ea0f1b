"""When a job sends notices, which, and how many."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from core.job_spec import JobOptions, JobStatus
from core.models import RetryRequest
from core.notices import Notice
from core.notify_spec import NotifySpec
from core.progress import JobProgress
from tests.workflows.stand_ins import StandIns, entry, refusal, until
from workflows import notices
from workflows.migration_job import MigrationJob

SECONDS = 30
Job = WorkflowHandle[MigrationJob, JobProgress]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "FIRST_PAUSE", timedelta(seconds=1))


def told(stand_ins: StandIns, channel: str = "ops") -> list[Notice]:
    """What the channel was sent, once each however often it was tried."""
    sent = [given.notice for given in stand_ins.of("deliver_notice") if given.channel == channel]
    return list({notice.key: notice for notice in sent}.values())


def events(stand_ins: StandIns, channel: str = "ops") -> list[str]:
    return [notice.event.value for notice in told(stand_ins, channel)]


def asking(channel: str = "ops", **more: Any) -> NotifySpec:
    return NotifySpec.model_validate({"channel": channel, **more})


async def test_a_proved_job_tells_of_its_end_once(stand_ins: StandIns) -> None:
    async with stand_ins.serving():
        await (await stand_ins.start_job(notify=[asking()])).result()
        await until(lambda: told(stand_ins), SECONDS)
    [notice] = told(stand_ins)
    assert (notice.event, notice.status, notice.headline) == ("completed", JobStatus.COMPLETED, "completed and proved")
    assert (notice.tables, notice.tables_completed, notice.rows) == (1, 1, 3)
    assert notice.job_name == "A job"


async def test_a_failed_proof_is_told_as_failure_and_who_asked_for_completion_hears_nothing(
    stand_ins: StandIns,
) -> None:
    stand_ins.failing_proofs = 99
    async with stand_ins.serving():
        job = await stand_ins.start_job(notify=[asking(), asking("team", on=["completed"])])
        with pytest.raises(WorkflowFailureError):
            await job.result()
        await until(lambda: told(stand_ins), SECONDS)
    [notice] = told(stand_ins)
    assert notice.event == "failed"
    assert "differs" in notice.reasons[0]
    assert told(stand_ins, "team") == []


async def test_tables_that_park_together_are_told_together_and_again_after_a_retry(stand_ins: StandIns) -> None:
    async def refuse(given: Any) -> None:
        await until(lambda: len(stand_ins.of("finish_table")) >= 4, SECONDS)
        raise refusal("OutOfSpace", "the disk is full")

    stand_ins.options = JobOptions(parallel_tables=4)
    stand_ins.tables = [entry(f"t{number}") for number in range(4)]
    stand_ins.hooks["finish_table"] = refuse
    async with stand_ins.serving():
        job = await stand_ins.start_job(notify=[asking(on=["parked"])])
        await until(lambda: len(_reasons(stand_ins)) == 4, SECONDS)
        before = len(told(stand_ins))
        assert before < 4
        assert sorted(_reasons(stand_ins))[0] == "public.t0 → public.t0: the disk is full"
        assert len(set(_reasons(stand_ins))) == 4
        await job.execute_update(MigrationJob.retry_tables, RetryRequest(tables=["t3"]))
        await until(lambda: len(told(stand_ins)) > before, SECONDS)
        await _cancel(job)
    assert "public.t3 → public.t3: the disk is full" in told(stand_ins)[-1].reasons
    assert set(events(stand_ins)) == {"parked"}


async def test_a_job_that_waits_for_an_operator_says_why(stand_ins: StandIns) -> None:
    async def refuse(given: Any) -> None:
        raise refusal("AccessDenied", "the login is refused")

    stand_ins.hooks["check_connections"] = refuse
    async with stand_ins.serving():
        job = await stand_ins.start_job(notify=[asking(on=["waiting", "cancelled"])])
        await until(lambda: told(stand_ins), SECONDS)
        await _cancel(job)
        await until(lambda: len(told(stand_ins)) == 2, SECONDS)
    assert events(stand_ins) == ["waiting", "cancelled"]
    assert told(stand_ins)[0].reasons == ["the login is refused"]


async def test_rejects_are_told_once_and_only_beyond_the_threshold(stand_ins: StandIns) -> None:
    stand_ins.tables = [entry(f"t{number}") for number in range(2)]
    stand_ins.rejected_per_load, stand_ins.options = 2, JobOptions(max_rejects=100)
    wanted = [asking(on=["rejects"], rejectsOver=11), asking("team", on=["rejects"], rejectsOver=12)]
    async with stand_ins.serving():
        await (await stand_ins.start_job(notify=[*wanted, asking("end", on=["completed"])])).result()
        await until(lambda: told(stand_ins, "end") and told(stand_ins), SECONDS)
    [notice] = told(stand_ins)
    assert notice.headline == "12 rows rejected, more than 11"
    assert told(stand_ins, "team") == []


async def test_a_notice_that_no_attempt_delivers_ends_no_job_and_is_said_in_its_attention(
    stand_ins: StandIns,
) -> None:
    async def refuse(given: Any) -> None:
        raise refusal("SecretMissing", "channel ops: no such secret")

    async def park(given: Any) -> None:
        raise refusal("OutOfSpace", "the disk is full")

    stand_ins.hooks |= {"deliver_notice": refuse, "finish_table": park}
    async with stand_ins.serving():
        job = await stand_ins.start_job(notify=[asking(), asking("team")])
        await until(lambda: stand_ins.of("record_undelivered"), SECONDS)
        del stand_ins.hooks["finish_table"]
        await job.execute_update(MigrationJob.retry_tables, RetryRequest())
        progress = await asyncio.wait_for(job.result(), SECONDS)
        await until(lambda: len(stand_ins.of("record_undelivered")) == 2, SECONDS)
    assert progress.status == JobStatus.COMPLETED
    assert "no such secret" in (progress.attention or "")
    last = stand_ins.of("record_undelivered")[-1]
    assert last.message.count("the notice 'completed and proved' was not delivered: channel ops: no such secret") == 2


async def test_a_channel_that_is_away_is_tried_again_under_the_same_key_and_holds_up_nothing(
    stand_ins: StandIns,
) -> None:
    async def away_once(given: Any) -> None:
        if len(stand_ins.of("deliver_notice")) == 1:
            raise OSError("away")

    stand_ins.hooks["deliver_notice"] = away_once
    async with stand_ins.serving():
        await asyncio.wait_for((await stand_ins.start_job(notify=[asking()])).result(), SECONDS)
        await until(lambda: len(stand_ins.of("deliver_notice")) == 2, SECONDS)
    assert len(told(stand_ins)) == 1
    assert stand_ins.of("record_undelivered") == []


def _reasons(stand_ins: StandIns) -> list[str]:
    return [reason for notice in told(stand_ins) for reason in notice.reasons]


async def _cancel(job: Job) -> None:
    await job.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(job.result(), SECONDS)
