"""Measures an activity from the inside: where its time went, and what passed before it started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio import activity

from core.stopwatch import Stopwatch
from core.time_spent import QUEUE, RETRIES, TimeSpent


@contextmanager
def measuring() -> Iterator[Stopwatch]:
    """The activity's stopwatch; threads and staging count on it."""
    with Stopwatch().running() as watch:
        yield watch


def taken(watch: Stopwatch) -> tuple[float, TimeSpent]:
    """Seconds in the activity until now, and what they went to, with what passed before it (by the server's clock)."""
    seconds, parts = watch.read()
    info = activity.info()
    queue = (info.started_time - info.current_attempt_scheduled_time) / timedelta(seconds=1)
    retries = (info.current_attempt_scheduled_time - info.scheduled_time) / timedelta(seconds=1)
    return seconds, {**parts, QUEUE: max(0.0, queue), RETRIES: max(0.0, retries)}
