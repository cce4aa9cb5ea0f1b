"""Where jobs and tables are, for people and for programs that watch them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from core.base_model import Model
from core.job_spec import JobStatus
from core.limits import Limits
from core.time_spent import TimeSpent


class TableStatus(StrEnum):
    """Where a table is."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PARKED = "PARKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """The table's child workflow has ended."""
        return self not in (TableStatus.PENDING, TableStatus.RUNNING)


class Snapshot(Model):
    """One moment of the source that several sessions can read. A new epoch is a new moment."""

    id: str
    epoch: int
    taken_at: datetime
    position: str = ""
    """The source's own name of the moment (PostgreSQL: WAL position)."""


class TableProgress(Model):
    """One table, for people."""

    table_id: str
    name: str
    status: TableStatus = TableStatus.PENDING
    stage: str = ""
    """What it is doing now, e.g. `loading`, `building indexes`, `validating`."""
    batches: int = 0
    batches_done: int = 0
    estimated_rows: int = 0
    rows: int = 0
    bytes: int = 0
    rows_per_second: float = 0.0
    eta_seconds: float | None = None
    copies: int = 1
    message: str = ""
    proved: bool = False
    evidence: str | None = None
    """Reference of the table's part of the certificate."""
    timings: TimeSpent = Field(default_factory=dict)
    """Where the time went; of running tables. Those that have ended say it in their evidence."""
    wall_seconds: float = 0.0
    """Since a running table began, pauses included."""
    rejected: int = 0
    """Rows that were refused and kept as rejects; loaded + rejected = extracted."""


class JobProgress(Model):
    """Answer of the query `progress` of a job: live tables fill in their own numbers."""

    job_id: str
    run: int
    status: JobStatus
    stage: str = ""
    attention: str | None = None
    """What an operator should do, None where nothing."""
    snapshot: Snapshot | None = None
    tables: list[TableProgress] = Field(default_factory=list)
    rows: int = 0
    rows_per_second: float = 0.0
    started_at: datetime | None = None
    certificate: str | None = None
    limits: Limits | None = None
    """Those that hold; None until the job's options are read."""
    waiting_until: datetime | None = None
    """The maintenance window is closed until then."""
    rejected: int = 0
