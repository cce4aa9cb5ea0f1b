"""The second person's word on a run: who may give it, and who did."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from core.base_model import Model


class Approval(Model):
    """Who let the run begin, and when."""

    by: str
    at: datetime


class ApprovalNeed(Model):
    """A run that does not begin before somebody approves it."""

    not_by: list[str]
    """Those who made, edited, started or scheduled the job."""
    given: Approval | None = Field(default=None)
    """What covers the run already."""
