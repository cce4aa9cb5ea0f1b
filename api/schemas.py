"""Bodies of requests and answers that are not core models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from core.base_model import Model, Request
from core.config_store.stored import JobSummary, StoredJob, StoredRun
from core.job_spec import JobSpec, JobStatus
from core.schedule import StoredStart
from core.schema import Capabilities
from core.temporal_client import job_workflow_id


class JobSubmission(JobSpec):
    """A job to save and, unless `draft` is set, to start."""

    draft: bool = False
    """Save only."""

    def spec(self) -> JobSpec:
        """The job itself."""
        return JobSpec.model_validate(self.model_dump(by_alias=True, exclude={"draft"}))


class BatchView(Model):
    """One batch as the ledger recorded it."""

    number: int
    rows: int
    digest: str
    loaded_at: datetime


class TableBatches(Model):
    """The batches of one table."""

    model_config = ConfigDict(extra="ignore")

    table_id: str
    load: int
    algorithm: str | None
    """How the digests were computed; None where they were not asked for."""
    batches: list[BatchView]


class TableView(Model):
    """A table of a job, by id."""

    table_id: str
    source: str
    destination: str
    priority: int


class RunView(Model):
    """One run of a job."""

    run: int
    status: JobStatus
    workflow_id: str
    """For the `temporal` command and its Web UI."""
    workflow_run_id: str | None
    started_at: datetime
    finished_at: datetime | None
    attention: str | None
    certificate: str | None
    """Reference of the document; GET …/certificate streams it."""


class ScheduleView(Model):
    """A job's schedule: what was asked for, and what comes of it."""

    job_id: str
    name: str
    """The job's."""
    cron: str | None
    every: str | None
    timezone: str
    overlap: Literal["skip", "wait"]
    catch_up: str
    paused: bool
    note: str | None
    next_times: list[datetime]
    """Empty while it is paused."""
    skipped_while_one_waited: int
    """Times, since the schedule exists, with overlap `wait`."""
    missed: int
    """Times that lay too far back to be made up for."""
    starts: list[StoredStart]
    """What became of the last times, newest first."""


class ScheduleList(Model):
    """All schedules."""

    schedules: list[ScheduleView]


class ScheduleNote(Request):
    """Body of pause and resume of a schedule."""

    note: str | None = Field(default=None, max_length=1000)
    """For people."""


class JobView(JobSummary):
    """A job in full."""

    spec: JobSpec
    """As posted, with defaults filled in: may be edited and PUT back while the job is a draft."""
    tables: list[TableView]
    """Tables by id; for patterns those that the plan has found so far."""
    runs: list[RunView]
    """Oldest first."""
    schedule: ScheduleView | None = None
    """Of GET: when it runs again by itself; None where it does not, or Temporal is away."""


class ConnectorView(Model):
    """A connector type."""

    type: str
    capabilities: Capabilities | None
    """What it can do; None where this installation lacks it or its driver."""
    reason: str | None = None
    """Why there are no capabilities."""
    options_schema: dict[str, Any]
    """JSON Schema of the fields beside `type` and `secretsRef`."""


class ConnectorList(Model):
    """All connector types, by name."""

    connectors: list[ConnectorView]


class TransformationView(Model):
    """A transformation type."""

    type: str
    description: str
    options_schema: dict[str, Any]
    """JSON Schema of the fields beside `type`."""
    functions: dict[str, Any] | None = None
    """With CUSTOM_FUNCTION: the registered functions."""


class TransformationList(Model):
    """All transformation types, by name."""

    transformations: list[TransformationView]


class Health(Model):
    """State of the process and of what it needs."""

    status: str = Field(examples=["ok"])
    parts: dict[str, str] = Field(default_factory=dict)


def job_view(job: StoredJob) -> JobView:
    """The job for people. A run whose workflow has not begun says so."""
    latest = job.latest_run
    summary = job.summary
    if summary.attention is None and latest and not latest.status.final and latest.workflow_run_id is None:
        summary.attention = "Temporal has not taken the job yet; it is tried again every 15 s"
    return JobView(
        **summary.model_dump(),
        spec=job.spec,
        tables=[
            TableView(
                table_id=table.table_id,
                source=table.source,
                destination=table.destination,
                priority=table.spec.priority,
            )
            for table in job.tables
        ],
        runs=[_run_view(run) for run in job.runs],
    )


def _run_view(run: StoredRun) -> RunView:
    shown = run.model_dump(include=set(RunView.model_fields) - {"workflow_id"})
    return RunView(**shown, workflow_id=job_workflow_id(run.job_id))
