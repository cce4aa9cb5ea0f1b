"""What the config store gives back and is asked with: plain data, without its session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from core.base_model import Model
from core.job_spec import JobSpec, JobStatus, TableSpec


@dataclass(frozen=True)
class Actor:
    """Who asks, for the audit trail."""

    name: str
    address: str | None = None


SYSTEM = Actor("sterna")


@dataclass(frozen=True)
class Idempotency:
    """A client's key for one creation, and the digest of what it asked for with it."""

    key: str
    request_hash: str


class StoredTable(Model):
    """One table of a job with its id."""

    table_id: str
    spec: TableSpec

    @property
    def source(self) -> str:
        """`schema.table` as the request names it."""
        return _dotted(self.spec.source_schema, self.spec.source_table)

    @property
    def destination(self) -> str:
        """`schema.table` at the destination; names that the request leaves out are the source's."""
        schema = self.spec.destination_schema
        return _dotted(
            self.spec.source_schema if schema is None else schema,
            self.spec.destination_table or self.spec.source_table,
        )


class StoredRun(Model):
    """One run of a job."""

    job_id: str
    run: int
    status: JobStatus
    start_token: str
    """Carried in the workflow's memo under `startToken`."""
    only_tables: list[str] | None = None
    """Table ids that this start does; None: all."""
    workflow_run_id: str | None = None
    """None until the workflow is known to have started."""
    started_at: datetime
    finished_at: datetime | None = None
    certificate: str | None = None
    """Reference of the document."""
    attention: str | None = None


class JobSummary(Model):
    """One line of the list of jobs."""

    job_id: str
    name: str
    description: str | None = None
    status: JobStatus
    attention: str | None = None
    """What an operator should do, None where nothing."""
    priority: int
    run: int
    """The newest run; 0 before the first start."""
    created_at: datetime
    updated_at: datetime


class StoredJob(JobSummary):
    """A job with all that is stored about it."""

    spec: JobSpec
    """As posted, with defaults filled in."""
    tables: list[StoredTable]
    """The listed tables with their ids; for a selection by pattern those that the plan has found so far."""
    runs: list[StoredRun]
    """Oldest first."""

    @property
    def summary(self) -> JobSummary:
        """The job's line in the list."""
        return JobSummary.model_validate(self.model_dump(include=set(JobSummary.model_fields)))

    @property
    def latest_run(self) -> StoredRun | None:
        """The newest run, None before the first start."""
        return self.runs[-1] if self.runs else None


class JobFilter(Model):
    """Which jobs to list; empty: all."""

    statuses: list[JobStatus] = Field(default_factory=list)
    name: str | None = None
    """Part of the name, in any case."""


class JobPage(Model):
    """Jobs, newest first."""

    jobs: list[JobSummary]
    next_cursor: str | None = None
    """Asks for the page after this one; None on the last."""


@dataclass(frozen=True)
class Created:
    """Outcome of a creation."""

    job: StoredJob
    new: bool
    """False: the idempotency key had made this job before."""


def _dotted(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name
