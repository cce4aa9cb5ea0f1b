"""Notices as they travel from a job to its channels: counts, names and reasons, never rows and never secrets."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from core.base_model import Model
from core.job_spec import JobStatus
from core.notify_spec import NoticeEvent

UNDELIVERED = "notice_undelivered"
"""Signal to a job: a channel did not take one of its notices, and why."""


class Notice(Model):
    """One event of one run, and the channels that are told."""

    key: str
    """The same for every attempt to deliver it, so that receivers can tell a repetition."""
    event: NoticeEvent
    job_id: str
    job_name: str
    run: int
    status: JobStatus
    headline: str
    """In a few words: `3 of 500 tables parked`."""
    reasons: list[str] = Field(default_factory=list)
    tables: int = 0
    tables_completed: int = 0
    rows: int = 0
    rejected: int = 0
    happened_at: datetime
    channels: list[str] = Field(default_factory=list)


class Delivery(Model):
    """A notice on its way to one channel."""

    notice: Notice
    channel: str


class Undelivered(Model):
    """Notices that were given up, in words for the operator."""

    job_id: str
    run: int
    message: str


class StoredDelivery(Model):
    """What became of a notice on one channel."""

    key: str
    channel: str
    run: int
    event: NoticeEvent
    status: str
    """SENDING, DELIVERED, or FAILED: the last attempt; it is tried again for some hours."""
    attempts: int
    error: str | None = None
    created_at: datetime
    updated_at: datetime
