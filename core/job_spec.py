"""The request that describes a job, as `POST /api/jobs` takes it and the config store keeps it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from core.base_model import Request
from core.duration import duration_seconds
from core.inline_secrets import PASSWORD_IN_URL, refuse_inline_secrets
from core.maintenance_window import parse_windows
from core.notify_spec import NotifySpec

SECRET_REFERENCE = re.compile(r"^[a-z][a-z0-9+.-]*:.+$")

LONGEST_CLAUSE = 100_000
LONGEST_OUTAGE = 366 * 24 * 3600
MOST_COLUMNS, MOST_PATTERNS, MOST_STEPS, MOST_TABLES = 5_000, 1_000, 100, 20_000


class JobStatus(StrEnum):
    """Where a job is. Written by its workflow only."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """No workflow is running for the job."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class ConnectionSpec(Request):
    """A database: its connector type, the connector's own options, and where its secret lies.

    Fields beyond `type` and `secretsRef` belong to the connector and are checked against its options model.
    """

    model_config = ConfigDict(extra="allow")

    type: str = Field(min_length=1, examples=["POSTGRES"])
    """Connector type, e.g. POSTGRES."""
    secrets_ref: str | None = Field(
        default=None, examples=["env:PG_PROD", "file:/run/secrets/pg", "vault:/databases/pg"]
    )
    """Where the user name and password lie: `env:NAME`, `file:/path` or `vault:/mount/path#field`. Never a password."""

    @field_validator("type")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @field_validator("secrets_ref")
    @classmethod
    def _is_a_reference(cls, value: str | None) -> str | None:
        if value is not None and (not SECRET_REFERENCE.match(value) or PASSWORD_IN_URL.search(value)):
            raise ValueError(
                "is not a reference. Write env:NAME, file:/path or vault:/mount/path, never the secret itself"
            )
        return value

    @model_validator(mode="after")
    def _holds_no_secret(self) -> ConnectionSpec:
        for name, value in self.options.items():
            refuse_inline_secrets(name, value)
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The connector's own options, as they were written."""
        return dict(self.model_extra or {})


class TransformationSpec(Request):
    """One step between extract and load; fields beyond `type` belong to the transformation."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(min_length=1, examples=["COLUMN_MAP"])

    @field_validator("type")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @property
    def options(self) -> dict[str, Any]:
        """The transformation's own options, as they were written."""
        return dict(self.model_extra or {})


class IncrementalSpec(Request):
    """A later run takes only the rows whose watermark column has moved on since the last proved one."""

    column: str = Field(min_length=1, max_length=255, examples=["updated_at"])
    """A source column of integers, dates or timestamps that grows with every insert and update."""
    overlap: int | str = Field(default=0, examples=["5 minutes", 1000])
    """How far before the last watermark a pass begins, for rows that were committed late: `5 minutes` (seconds,
    minutes, hours, days, weeks) for dates and timestamps, a whole number for numbers. Needs loadMode upsert."""

    @field_validator("overlap", mode="before")
    @classmethod
    def _is_an_overlap(cls, value: object) -> object:
        if value is None:
            return 0
        number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not number and not (isinstance(value, str) and duration_seconds(value) is not None):
            raise ValueError(
                "is neither a whole number nor a time. Write e.g. 1000, or '5 minutes', '2 hours', '1 day'"
            )
        return value

    @property
    def overlaps(self) -> bool:
        """A pass reads rows again."""
        return bool(self.overlap if isinstance(self.overlap, int) else duration_seconds(self.overlap))


LoadMode = Literal["append", "replace", "upsert"]


class TableSpec(Request):
    """One table of the job."""

    source_schema: str | None = Field(default=None, max_length=255)
    """Default: the source's default schema (PostgreSQL: public)."""
    source_table: str = Field(min_length=1, max_length=255)
    destination_schema: str | None = Field(default=None, max_length=255)
    """Default: the destination's default schema for tables of the source's, else the source's schema name, in the
    destination's case."""
    destination_table: str | None = Field(default=None, max_length=255)
    """Default: the source's table name, in the destination's case."""
    columns: list[str] | None = Field(default=None, min_length=1, max_length=MOST_COLUMNS)
    """The columns to carry, by source name; default all."""
    batch_size: int | None = Field(default=None, ge=1)
    """Rows per batch, about; default: sized by bytes."""
    where_clause: str | None = Field(default=None, max_length=LONGEST_CLAUSE)
    """A predicate over the source table, in the source's SQL."""
    priority: int = Field(default=5, ge=1, le=10)
    """1 goes first, 10 last."""
    load_mode: LoadMode | None = None
    """Default: the job's option `loadMode`."""
    incremental: IncrementalSpec | None = None
    """Read only what is new since the last run; default: every run reads the whole table."""
    heal: bool = False
    """Load rows anew that the proof finds to differ, then prove again."""
    transformations: list[TransformationSpec] = Field(default_factory=list, max_length=MOST_STEPS)
    """Applied in this order."""


class TableSelection(Request):
    """Tables by pattern: `schema.table` with `*` and `?`."""

    include: list[str] = Field(min_length=1, max_length=MOST_PATTERNS)
    exclude: list[str] = Field(default_factory=list, max_length=MOST_PATTERNS)
    load_mode: LoadMode | None = None
    """Of each of them; default: the job's option `loadMode`."""
    incremental: IncrementalSpec | None = None
    """Of each of them; a table without the column parks."""

    def table(self, schema: str, name: str) -> TableSpec:
        """A table that matches."""
        return TableSpec(
            source_schema=schema, source_table=name, load_mode=self.load_mode, incremental=self.incremental
        )


class JobOptions(Request):
    """How the job runs. Every default is meant to be right for a first migration."""

    create_tables: bool = True
    """Create destination tables that do not exist, with keys, indexes and constraints."""
    load_mode: LoadMode = "append"
    """append adds rows; replace empties the table first; upsert updates rows whose key exists."""
    parallel_tables: int = Field(default=4, ge=1, le=64)
    """Tables at once; one that fits into one activity counts as a quarter."""
    parallel_batches: int = Field(default=4, ge=1, le=64)
    """Batches of one table at once in each stage."""
    consistency: Literal["snapshot", "batch"] = "snapshot"
    """snapshot: all tables as of one moment; batch: each batch as of its own reading."""
    validation: Literal["none", "count", "checksum"] = "checksum"
    """What is compared: nothing, numbers of rows, or numbers of rows and digests."""
    max_rejects: int = Field(default=0, ge=0)
    """Rows of one table that the destination may refuse: they are kept, listed and can be replayed. One more parks the
    table."""
    accept_lossy: list[str] = Field(default_factory=list)
    """Destination columns, as `schema.table.column`, that may change values; every change is counted."""
    outage_limit: int = Field(default=3600, ge=0, le=LONGEST_OUTAGE)
    """Seconds for which an outage of a database is retried before the table parks."""
    maintenance_window: str | list[str] | None = Field(default=None, examples=["22:00-05:00 Europe/Berlin"])
    """Rows move only then: `[days] HH:MM-HH:MM zone`, or several of them; days as in `Mon-Fri` or `Sat,Sun` are those
    on which it begins. Outside of it the job stands as after `pause --release`. Default: at any time."""
    notify: list[NotifySpec] = Field(default_factory=list, max_length=20)
    """Channels, of those that the service's operator configured, that are told how the job goes."""
    max_rows_per_second: int | None = Field(default=None, ge=1)
    """Rows read in a second, by all tables and workers of the job together; default: as fast as it goes."""
    max_bytes_per_second: int | None = Field(default=None, ge=1)
    """Bytes read in a second, by all tables and workers of the job together; default: as fast as it goes."""
    approval: bool = False
    """A run waits until somebody who did not make, edit, start or schedule the job approves it. The service's operator
    may ask that of all jobs."""

    @field_validator("accept_lossy")
    @classmethod
    def _names_columns(cls, value: list[str]) -> list[str]:
        for label in value:
            if not all(label.rpartition(".")[::2]):
                raise ValueError(f"'{label}' is no column of a table. Write schema.table.column, as refusals name it")
        return value

    @field_validator("maintenance_window")
    @classmethod
    def _is_a_window(cls, value: str | list[str] | None) -> str | list[str] | None:
        if value is not None:
            parse_windows(value)
        return value


class JobSpec(Request):
    """A migration job, as posted."""

    name: str = Field(min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=10_000)
    priority: int = Field(default=5, ge=1, le=10)
    source: ConnectionSpec
    destination: ConnectionSpec
    tables: list[TableSpec] | TableSelection
    options: JobOptions = Field(default_factory=JobOptions)

    @field_validator("tables")
    @classmethod
    def _has_tables(cls, value: list[TableSpec] | TableSelection) -> list[TableSpec] | TableSelection:
        if isinstance(value, list) and not value:
            raise ValueError('names no table. Give a list of tables or {"include": ["public.*"]}')
        if isinstance(value, list) and len(value) > MOST_TABLES:
            raise ValueError(f"names more than {MOST_TABLES:,} tables. Split the job, or give patterns")
        return value
