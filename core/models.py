"""What travels between workflows and activities: ids, counts, digests and references, never rows and never secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from core.base_model import Model, Request
from core.changed_values import Changed
from core.job_spec import JobOptions, JobSpec, JobStatus
from core.progress import JobProgress, Snapshot, TableStatus
from core.route import Endpoint
from core.schema import Digest
from core.time_spent import TimeSpent

MOST_BATCHES_PER_ACTIVITY = 16
"""Each is named in the activity's input and in its result."""


class Measured(Model):
    """Result of an activity that says where its time went."""

    seconds: float = 0.0
    """In the activity."""
    spent: TimeSpent = Field(default_factory=dict)
    """By part, with what passed before the activity started; empty from workers of an earlier release."""


class JobRun(Model):
    """Input of the workflow `MigrationJob`."""

    job_id: str
    run: int
    only: list[str] | None = None
    """Table ids to do (an operator's retry of a finished job); None: all."""


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


class PreparedTables(Model):
    """Which tables could not be created (or given their foreign keys), by table id, with the reason."""

    parked: dict[str, str] = Field(default_factory=dict)
    dropped_keys: list[str] = Field(default_factory=list)
    """Foreign keys that stood at the destination and were dropped for the load."""


class LoadStart(Model):
    """Asks for the load (generation) of one table."""

    route: str
    token: str
    """Same token, same load: attempts and retries get the generation they began with. With a new token the rows of
    the run's earlier loads go first."""


class LoadBegun(Measured):
    """The generation and what stood in the destination table before it."""

    load: int
    rows_before: int
    emptied: bool


class BatchSpan(Model):
    """Consecutive batches of one table, as one activity takes them."""

    first: int
    count: int


class ExtractInput(Model):
    """Consecutive batches to extract."""

    route: str
    token: str
    """Of the load they are read for."""
    span: BatchSpan
    snapshot: Snapshot | None
    digests: bool
    count: bool = False
    """These are all batches of the table: count the source's rows too, as `CountInput` would."""


class StagedBatch(Model):
    """One extracted (or transformed) batch in staging."""

    number: int
    staged: str
    """Reference in staging."""
    digest: Digest
    """Rows, and their checksum where digests are asked for."""
    bytes: int
    changed: Changed = Field(default_factory=dict)
    rejected: int = 0
    """Rows that were left out of it and are kept as rejects."""


class StagedBatches(Measured):
    """Result of extract and transform."""

    batches: list[StagedBatch]
    counted_rows: int | None = None
    """The source's own count, where it was asked for."""


class TransformInput(Model):
    """Staged batches to transform."""

    route: str
    token: str
    batches: list[StagedBatch]
    digests: bool
    allowed_rejects: int | None = None
    """Leave out rows that do not fit, at most so many; None: the first one fails the activity."""
    load: int = 0
    """Whose rejects they are, where some may be left out."""


class LoadInput(Model):
    """Staged batches to load, each in its own transaction with its ledger row."""

    route: str
    load: int
    batches: list[StagedBatch]
    digests: bool = True
    allowed_rejects: int | None = None
    """Leave out rows that the destination refuses, at most so many; None: the first one fails the activity."""


class LoadedBatches(Measured):
    """Result of load."""

    digest: Digest
    """As the ledger records it."""
    bytes: int
    repeated: int = 0
    """Batches whose ledger row stood already."""
    changed: Changed = Field(default_factory=dict)
    rejected: int = 0
    """Rows of the batches that were not loaded, as the ledger records it."""


class CountInput(Model):
    """Count the source's rows without the plan, under the snapshot."""

    route: str
    snapshot: Snapshot | None
    measured: bool = False
    """Answer with `CountedRows`; workflows of an earlier release understand the number only."""


class CountedRows(Measured):
    """Result of a count."""

    rows: int


class FinishInput(Model):
    """Build keys, indexes, checks; set sequences."""

    route: str
    parallel: int = 2
    """DDL statements at once."""
    measured: bool = False
    """Answer with `Measured`; workflows of an earlier release expect nothing."""
    load: int | None = None
    """The load whose rows become rejects where a constraint does not hold; None: such a constraint fails."""
    max_rejects: int = 0
    """Of the table, those before included."""


class Finished(Measured):
    """What the load holds once its constraints stand, where rows had to be moved out for one (else None)."""

    loaded: Digest | None = None
    rejected: int = 0


class ValidateInput(Model):
    """What the destination must hold."""

    route: str
    extracted: Digest
    counted_rows: int | None
    """The source's own count; None where it was not asked."""
    begun: LoadBegun
    mode: Literal["none", "count", "checksum"]
    snapshot: Snapshot | None
    copies: int
    timings: TimeSpent = Field(default_factory=dict)
    wall_seconds: float = 0.0
    """Since the table began, pauses included."""
    changed: Changed = Field(default_factory=dict)
    rejected: int = 0
    """Rows that were extracted and not loaded; `extracted` is without them."""


class Difference(Model):
    """One place where destination and source differ."""

    batch: int | None
    range: str = ""
    expected_rows: int
    found_rows: int
    examples: str | None = None
    """Reference of the document with example rows (they may hold personal data)."""


class ValidationResult(Measured):
    """The proof of one table."""

    proved: bool
    failed: bool
    """A difference was found; with mode none a table is neither proved nor failed."""
    mode: Literal["none", "count", "checksum"]
    rows: int
    evidence: str
    """Reference of the table's part of the certificate."""
    message: str
    differences: list[Difference] = Field(default_factory=list)


class TableRun(Model):
    """Input of the workflow `TableMigration`, and its state across continue-as-new."""

    job_id: str
    run: int
    generation: str
    """Names the job's execution: a job that starts again after it ended copies its tables anew."""
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
    rejected: int = 0
    """Rows of the same batches that were not loaded."""


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


class StatusUpdate(Model):
    """The workflow's word on the job's row in the config store."""

    job_id: str
    run: int
    workflow_run_id: str = ""
    """Whose word it is: a run that was started again listens to the newest execution only."""
    status: JobStatus
    attention: str | None = None
    certificate: str | None = None


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


class CertificateResult(Model):
    """Reference of the certificate and its verdict."""

    reference: str
    proved: bool


class PlanInput(Model):
    """A job to plan without storing it."""

    spec: JobSpec
    scan: bool = False
    """Read the rows too, and count the values that would not arrive."""


class PlanResult(Model):
    """Reference of the plan's document."""

    reference: str


class RetryRequest(Request):
    """Tables to try again, by table id or destination name; empty: all parked and failed."""

    tables: list[str] = Field(default_factory=list)


class PauseRequest(Request):
    """Argument of the signal `pause`."""

    release: bool = False
    """Also let go of the snapshot, so that no session is left at all."""
