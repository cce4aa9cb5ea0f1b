"""How each kind of activity is run: queue, timeouts and retries, in one place."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

HEARTBEAT = timedelta(seconds=15)
"""A worker that is silent for this long is taken for dead, and its activity is given to another."""
PAUSE_GRACE = timedelta(seconds=5)
"""After a pause, activities in flight may go on for this long; then they are stopped and rolled back."""
LONGEST = timedelta(days=7)
RETRY_CEILING = timedelta(seconds=30)

FIRST_RETRIES = 5
"""Attempts before the waits between them reach the ceiling."""


def queue(stage: str) -> str:
    """The task queue of a stage, with the prefix of the queue this workflow runs on (`{prefix}-control`)."""
    prefix = workflow.info().task_queue.rsplit("-", 1)[0]
    return f"{prefix}-{stage}"


def work(stage: str, outage_seconds: int, summary: str) -> ActivityConfig:
    """Moves rows or runs long statements: beats, can be stopped, and outlives an outage of `outage_seconds`. Its
    priority and fairness key are those of the workflow, as for all activities."""
    return ActivityConfig(
        task_queue=queue(stage),
        start_to_close_timeout=LONGEST,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=_retries(_attempts(outage_seconds)),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


def control(summary: str, *, attempts: int = 0, within: timedelta = timedelta(seconds=60)) -> ActivityConfig:
    """Short work on the control queue; `attempts` 0: until it succeeds."""
    return ActivityConfig(
        task_queue=queue("control"),
        start_to_close_timeout=within,
        retry_policy=_retries(attempts),
        summary=summary,
    )


def reaching(summary: str) -> ActivityConfig:
    """Trying to reach both databases: for 30 s, then the job waits for an operator."""
    return ActivityConfig(
        task_queue=queue("control"),
        start_to_close_timeout=timedelta(seconds=20),
        schedule_to_close_timeout=timedelta(seconds=30),
        retry_policy=_retries(0),
        summary=summary,
    )


def surveying(summary: str) -> ActivityConfig:
    """Reading both catalogs: seconds for hundreds of tables."""
    return ActivityConfig(
        task_queue=queue("control"),
        start_to_close_timeout=timedelta(minutes=10),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=_retries(3),
        summary=summary,
    )


def scanning(summary: str) -> ActivityConfig:
    """Reading whole tables for a plan."""
    return ActivityConfig(
        task_queue=queue("control"),
        start_to_close_timeout=timedelta(hours=1),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=_retries(2),
        summary=summary,
    )


def keeping(outage_seconds: int, summary: str) -> ActivityConfig:
    """The snapshot's keeper: lives as long as it is needed; each attempt is a new moment."""
    return ActivityConfig(
        task_queue=queue("snapshot"),
        start_to_close_timeout=timedelta(days=30),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=_retries(_attempts(outage_seconds)),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


def _attempts(outage_seconds: int) -> int:
    """How often to try so that an outage of that length is outlived."""
    return FIRST_RETRIES + 1 + outage_seconds // int(RETRY_CEILING.total_seconds())


def _retries(attempts: int) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=RETRY_CEILING,
        maximum_attempts=attempts,
    )
