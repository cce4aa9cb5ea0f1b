"""What travels between workflows and activities: ids, counts, digests and references, never rows and never secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from core.approval import Approval, ApprovalNeed
from core.base_model import Model, Request
from core.changed_values import Changed
from core.encryption.sealed import Sealed
from core.healing import Healing
from core.job_spec import JobOptions, JobSpec, JobStatus
from core.limits import LimitsRequest, TableLimits
from core.notify_spec import NotifySpec
from core.progress import JobProgress, Snapshot, TableStatus
from core.read_pressure import ReadPressure
from core.route import Endpoint
from core.schema import Digest
from core.stage_models import BatchSpan, LoadBegun, ValidateInput
from core.time_spent import TimeSpent


class JobRun(Model):
    """Input of the workflow `MigrationJob`."""

    job_id: str
    run: int
    only: list[str] | None = None
    """Table ids to do (an operator's retry of a finished job); None: all."""
    name: str = ""
    """The job's, for people."""
    notify: list[NotifySpec] = Field(default_factory=list)
    approval: ApprovalNeed | None = None
    """None: the run begins at once."""


class PreflightInput(Model):
    """Which job to look at, and which of its tables (None: all)."""

    job_id: str
    run: int
    only: list[str] | None = None


class TableEntry(Model):
    """One table of the run as the job's workflow sees it."""

    table_id: str
    name: str
    """For people: `shop.users → shop.CUSTOMERS`."""
    priority: int
    route: str
    """Reference of the TableRoute."""
    batches: int
    estimated_rows: int
    estimated_bytes: int
    batches_per_activity: int = 1
    arrow: bool
    """Rows pass the transform stage."""
    has_foreign_keys: bool = False
    builds_after_load: bool = True
    """Keys, indexes, checks, comments or sequence values."""
    incremental: bool = False
    """The run reads just the rows that are new."""
    keyed: bool = False
    """Both sides can be compared by a key (`TableRoute.key`)."""
    heal: bool = False

    @property
    def is_small(self) -> bool:
        """One activity takes all its batches."""
        return self.batches <= self.batches_per_activity


class ParkedTable(Model):
    """A table that waits for an operator, and why."""

    table_id: str
    name: str
    reason: str


class JobPlan(Model):
    """Result of preflight: the run's tables in priority order."""

    name: str
    source: Endpoint
    destination: Endpoint
    options: JobOptions
    priority: int
    exports_snapshot: bool
    tables: list[TableEntry]
    parked: list[ParkedTable] = Field(default_factory=list)
    """Tables that cannot begin."""
    warnings: list[str] = Field(default_factory=list)


class SnapshotInput(Model):
    """What the snapshot's keeper needs."""

    job_id: str
    run: int
    source: Endpoint
    first_epoch: int = 1
    """The first snapshot taken gets this epoch; each one after it, one more."""
    routes: list[str]
    """Their source tables stay locked (ACCESS SHARE) against rewriting and DDL while the snapshot lives."""


class RoutesInput(Model):
    """Several tables of one run at once."""

    job_id: str
    run: int
    routes: list[str]
    parallel: int = 1
    """DDL statements at once."""
    max_rejects: int = 0
    """Of each table: rows that refer to none may become rejects."""

    @classmethod
    def of(cls, run: JobRun, entries: list[TableEntry], options: JobOptions) -> RoutesInput:
        """These tables of the run, two statements at once."""
        routes = [entry.route for entry in entries]
        return cls(job_id=run.job_id, run=run.run, routes=routes, parallel=2, max_rejects=options.max_rejects)


class PreparedTables(Model):
    """Which tables could not be created (or given their foreign keys), by table id, with the reason."""

    parked: dict[str, str] = Field(default_factory=dict)
    dropped_keys: list[str] = Field(default_factory=list)
    """Foreign keys that stood at the destination and were dropped for the load."""
    corrected: dict[str, ValidateInput] = Field(default_factory=dict)
    """By table id, what tables that lost rows to a foreign key must be proved to hold now."""


class TableRun(Model):
    """Input of the workflow `TableMigration`, and its state across continue-as-new."""

    job_id: str
    run: int
    generation: str
    """The job's run, when it was started, and how often the table has begun in it: begins the tokens of its loads."""
    entry: TableEntry
    options: JobOptions
    snapshot: Snapshot | None
    newer_snapshot: Snapshot | None = None
    """The moment that counts now, where a retry goes on after a pause or an outage."""
    snapshot_expired: bool = False
    """It parked because `snapshot` is gone, so that a retry has to be given another one."""
    workflow_priority: int
    paused: bool = False
    copy_number: int = 1
    """Raised by each re-copy after a lost snapshot."""
    load: LoadBegun | None = None
    next_batch: int = 0
    """All batches below it were handed out; those of them not done are in `unfinished`."""
    unfinished: list[BatchSpan] = Field(default_factory=list)
    extracted: Digest = Field(default_factory=Digest)
    """Of all batches that are in the ledger."""
    changed: Changed = Field(default_factory=dict)
    """Of the same batches."""
    counted_rows: int | None = None
    source_read: bool = False
    """Every row was read and counted: the snapshot is needed no more."""
    batches_done: int = 0
    bytes_done: int = 0
    started_at: datetime | None = None
    timings: TimeSpent = Field(default_factory=dict)
    """Summed over batches and copies."""
    seconds_per_batch: dict[str, float] = Field(default_factory=dict)
    """Inside the last activity of each stage."""
    limits: TableLimits | None = None
    """Its part of the job's limits; None: as the options say, without rates."""
    pressure: ReadPressure = Field(default_factory=ReadPressure)
    bounds: str | None = None
    """As in ExtractInput: of the moment that is being read."""
    healing: Healing = Field(default_factory=Healing)
    rejected: int = 0
    """Rows of the same batches that were not loaded."""

    @property
    def limits_now(self) -> TableLimits:
        """What holds for the table."""
        return self.limits or TableLimits(parallel_batches=self.options.parallel_batches)

    @property
    def needs_source(self) -> bool:
        """A table that is to be healed may need its snapshot until it is proved."""
        return not self.source_read or self.entry.heal


class TableResult(Model):
    """How a table's child ended."""

    table_id: str
    status: TableStatus
    rows: int = 0
    bytes: int = 0
    batches: int = 0
    message: str = ""
    evidence: str | None = None
    proved: bool = False
    copies: int = 1
    snapshot_epoch: int | None = None
    finished_at: datetime | None = None
    state: TableRun | None = None
    """Of a table that parked: where a retry goes on."""
    rejected: int = 0


class GivenCommand(Model):
    """A command as its workflow heard it; who sent it, only Temporal's history says."""

    action: str
    at: datetime
    details: dict[str, Any] = Field(default_factory=dict)


class StatusUpdate(Model):
    """The workflow's word on the job's row in the config store."""

    job_id: str
    run: int
    workflow_run_id: str = ""
    """Whose word it is: a run that was started again listens to the newest execution only."""
    status: JobStatus
    attention: str | None = None
    certificate: str | None = None
    unrecorded: list[GivenCommand] = Field(default_factory=list)
    """For the audit trail: commands that came over Temporal's own surface, not through the API."""


class RunOutcome(Model):
    """How a run ended: its last words, and the status that everybody sees from then on."""

    progress: JobProgress
    update: StatusUpdate


class CertificateInput(Model):
    """What the certificate is made of, beside the tables' evidence documents."""

    job_id: str
    run: int
    started_at: datetime
    finished_at: datetime
    results: list[TableResult]
    snapshots: list[Snapshot]
    approval: Approval | None = None


class CertificateResult(Model):
    """Reference of the certificate and its verdict."""

    reference: str
    proved: bool


class PlanInput(Model):
    """A job to plan without storing it."""

    spec: JobSpec
    scan: bool = False
    """Read the rows too, and count the values that would not arrive."""
    withheld: Sealed | None = None
    """What of the tables is not in `spec`, because it may be values (core/withheld.py)."""


class PlanResult(Model):
    """Reference of the plan's document."""

    reference: str


class RetryRequest(Request):
    """Tables to try again, by table id or destination name; empty: all parked and failed."""

    tables: list[str] = Field(default_factory=list)


class PauseRequest(Request):
    """How a job pauses."""

    release: bool = False
    """Also let go of the snapshot, so that no session is left at all."""


class Command(Model):
    """What a workflow is told, by the API or over Temporal's own surface."""

    recorded: bool = False
    """The API's word that the command stands in the audit trail."""


class PauseCommand(PauseRequest, Command):
    """Argument of the signal `pause`."""


class ResumeCommand(Command):
    """Argument of the signal `resume`."""


class RetryCommand(RetryRequest, Command):
    """Argument of the update `retry_tables`."""


class LimitsCommand(LimitsRequest, Command):
    """Argument of the update `set_limits`."""


class ApproveCommand(Command):
    """Argument of the update `approve`."""

    by: str
    """Who approves, as the audit trail names them."""


class WindowInput(Model):
    """Asks what the present is to a job's maintenance windows."""

    windows: list[str]


class WindowAnswer(Model):
    """By the clock of the worker that answers."""

    open: bool
    until: datetime
    """When that changes."""
    until_text: str
    """The same for people, in the window's time zone."""
    seconds: float
    """Until then."""
