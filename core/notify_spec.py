"""Which channels a job tells of which of its events."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from core.base_model import Request

CHANNEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class NoticeEvent(StrEnum):
    """What a notice is about."""

    COMPLETED = "completed"
    UNPROVED = "unproved"
    """Completed, but not every table is proved; who asks for `completed` is told too."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARKED = "parked"
    """Tables wait for an operator."""
    WAITING = "waiting"
    """The whole job waits for an operator."""
    REJECTS = "rejects"
    """More rows were refused than `rejectsOver`."""


class NotifySpec(Request):
    """One channel, named as the operator of the service configured it: a request cannot bring an address of its own."""

    channel: str = Field(pattern=CHANNEL_NAME, examples=["ops"])
    on: list[NoticeEvent] = Field(default_factory=lambda: list(NoticeEvent), min_length=1)
    """Default: all of them."""
    rejects_over: int = Field(default=0, ge=0)
    """For `rejects`: told once, when the tables that have ended refused more rows than this."""

    def wants(self, event: NoticeEvent) -> bool:
        """Whether the channel is told."""
        return event in self.on or (event == NoticeEvent.UNPROVED and NoticeEvent.COMPLETED in self.on)
