"""Schedules of jobs: what is asked for, and what became of each of their times."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator, model_validator

from core.base_model import Model, Request
from core.duration import duration_seconds

CRON = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[\dA-Za-z*/,?-]+( [\dA-Za-z*/,?-]+){4}")
SHORTEST_CATCH_UP = 10
"""Seconds; Temporal takes no less."""


class ScheduleRequest(Request):
    """When a job is to run again, by itself. Exactly one of `cron` and `every`."""

    cron: str | None = Field(default=None, examples=["0 3 * * *"])
    """Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly."""
    every: str | None = Field(default=None, examples=["15 minutes"])
    """The time from one start to the next: seconds, minutes, hours, days or weeks, counted from 1970 in UTC."""
    timezone: str = Field(default="UTC", examples=["Europe/Berlin"])
    """What `cron` means by an hour, by IANA name."""
    overlap: Literal["skip", "wait"] = "skip"
    """At a time at which the job still runs: skip the time, or begin a run as soon as that one has ended (one time
    waits, more are skipped)."""
    catch_up: str = Field(default="1 hour", examples=["10 minutes"])
    """Times that passed while Temporal was away are made up for, if they lie no further back."""
    paused: bool = False
    """Nothing starts until it is resumed."""
    note: str | None = Field(default=None, max_length=1000)
    """For people, e.g. why it is paused."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None and not CRON.fullmatch(value.strip()):
            raise ValueError("is no cron expression of five fields. Write e.g. '0 3 * * *' for 03:00 each day")
        return value

    @field_validator("every")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None and not duration_seconds(value):
            raise ValueError("is no span of time. Write e.g. '15 minutes'")
        return value

    @field_validator("catch_up")
    @classmethod
    def _is_long_enough(cls, value: str) -> str:
        if (duration_seconds(value) or 0) < SHORTEST_CATCH_UP:
            raise ValueError(f"is no span of time of at least {SHORTEST_CATCH_UP} seconds. Write e.g. '1 hour'")
        return value

    @model_validator(mode="after")
    def _has_one_rhythm(self) -> ScheduleRequest:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give either 'cron', e.g. '0 3 * * *', or 'every', e.g. '15 minutes'")
        return self


class StoredStart(Model):
    """What became of one time of a schedule."""

    scheduled_at: datetime
    outcome: Literal["STARTED", "SKIPPED"]
    run: int | None = None
    """The run that began, or that was still active."""
    reason: str | None = None
    """Why it was skipped."""
    decided_at: datetime


class ScheduledStartInput(Model):
    """Input of the workflow `ScheduledStart`. It lies in the schedule, so it is also where the request is kept."""

    job_id: str
    request: ScheduleRequest
    scheduled_at: datetime | None = None
    """Known once the workflow has begun."""


class StartRunInput(Model):
    """Asks to begin a job's run for one time of its schedule."""

    job_id: str
    scheduled_at: datetime
    waits: bool
    """Where the job still runs: ask again later, rather than skip."""


class StartRunResult(Model):
    """`WAIT`: the job still runs, ask again. `GONE`: there is no such job, and now no schedule."""

    outcome: Literal["STARTED", "SKIPPED", "WAIT", "GONE"]
    run: int | None = None
