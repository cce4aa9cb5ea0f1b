"""Tables of the config store. Columns beyond DESIGN's four tables are what schedules, runs and retries need."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Json = JSONB(none_as_null=True)
Id = Uuid(as_uuid=False)
Moment = DateTime(timezone=True)


class Base(DeclarativeBase):
    """Metadata of the config store."""


class MigrationJob(Base):
    """One job. Its status is written by its workflow, through an activity."""

    __tablename__ = "migration_job"
    __table_args__ = (
        CheckConstraint(
            "status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED')", name="migration_job_status"
        ),
        Index("migration_job_by_creation", "created_at", "job_id"),
        Index("migration_job_by_status", "status"),
    )

    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="5")
    options_json: Mapped[dict[str, Any]] = mapped_column(Json)
    tables_selection: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """`include` and `exclude` where the job names its tables by pattern; the plan makes rows of them."""
    attention: Mapped[str | None] = mapped_column(Text)
    current_run: Mapped[int] = mapped_column(Integer, server_default="0")
    """The newest run; 0 before the first start."""

    connectors: Mapped[list[ConnectorConfig]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    tables: Mapped[list[TableConfig]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="TableConfig.sequence"
    )
    runs: Mapped[list[MigrationRun]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="MigrationRun.run"
    )


class ConnectorConfig(Base):
    """One side of a job. `config_json` holds the connector's own options, never a secret."""

    __tablename__ = "connector_config"
    __table_args__ = (
        CheckConstraint("type IN ('SOURCE', 'DESTINATION')", name="connector_config_type"),
        UniqueConstraint("job_id", "type", name="connector_config_side"),
    )

    config_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("migration_job.job_id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    connector_type: Mapped[str] = mapped_column(String(64))
    config_json: Mapped[dict[str, Any]] = mapped_column(Json)
    secrets_ref: Mapped[str | None] = mapped_column(Text)


class TableConfig(Base):
    """One table of a job. NULL names are those that the request leaves to the databases' defaults."""

    __tablename__ = "table_config"
    __table_args__ = (Index("table_config_by_job", "job_id"),)

    table_id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("migration_job.job_id", ondelete="CASCADE"))
    source_schema: Mapped[str | None] = mapped_column(String(255))
    """'' where the database has no schemas, NULL for its default schema."""
    source_table: Mapped[str] = mapped_column(String(255))
    destination_schema: Mapped[str | None] = mapped_column(String(255))
    destination_table: Mapped[str | None] = mapped_column(String(255))
    """NULL: the source's name, in the destination's folding."""
    batch_size: Mapped[int | None] = mapped_column(Integer().evaluates_none(), server_default="5000")
    """Rows; NULL: sized by bytes."""
    where_clause: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="5")
    columns_json: Mapped[list[str] | None] = mapped_column(Json)
    load_mode: Mapped[str | None] = mapped_column(String(16))
    incremental_json: Mapped[dict[str, Any] | None] = mapped_column(Json)
    heal: Mapped[bool] = mapped_column(Boolean, server_default="false")
    sequence: Mapped[int] = mapped_column(Integer, server_default="0")
    """Place in the request."""

    transformations: Mapped[list[TransformationConfig]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="TransformationConfig.sequence"
    )


class TransformationConfig(Base):
    """One step of a table, applied in the order of `sequence`."""

    __tablename__ = "transformation_config"
    __table_args__ = (UniqueConstraint("table_id", "sequence", name="transformation_config_order"),)

    transform_id: Mapped[str] = mapped_column(Id, primary_key=True)
    table_id: Mapped[str] = mapped_column(ForeignKey("table_config.table_id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(64))
    config_json: Mapped[dict[str, Any]] = mapped_column(Json)
    sequence: Mapped[int] = mapped_column(Integer)


class MigrationRun(Base):
    """One run of a job; an operator's retry of a failed job continues its run under a new start token."""

    __tablename__ = "migration_run"

    job_id: Mapped[str] = mapped_column(ForeignKey("migration_job.job_id", ondelete="CASCADE"), primary_key=True)
    run: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_token: Mapped[str] = mapped_column(Id)
    """Carried in the workflow's memo: a workflow with this token is this start of the run."""
    only_tables: Mapped[list[str] | None] = mapped_column(Json)
    """Table ids that this start does; NULL: all."""
    workflow_run_id: Mapped[str | None] = mapped_column(String(64))
    """NULL until the workflow is known to have started."""
    status: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    certificate: Mapped[str | None] = mapped_column(Text)
    """Reference of the document."""
    attention: Mapped[str | None] = mapped_column(Text)


class Watermark(Base):
    """How far one run has read one incremental table, written once the table's rows are in and proved."""

    __tablename__ = "watermark"

    table_id: Mapped[str] = mapped_column(ForeignKey("table_config.table_id", ondelete="CASCADE"), primary_key=True)
    run: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    """Which of the table's proved passes it is, from 1."""
    value: Mapped[str | None] = mapped_column(Text)
    """Interchange text; NULL: no row had one."""
    load: Mapped[int] = mapped_column(BigInteger)
    """The generation in the destination."""
    recorded_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class ScheduledStart(Base):
    """What became of one time of a job's schedule."""

    __tablename__ = "scheduled_start"
    __table_args__ = (CheckConstraint("outcome IN ('STARTED', 'SKIPPED')", name="scheduled_start_outcome"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("migration_job.job_id", ondelete="CASCADE"), primary_key=True)
    scheduled_at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16))
    run: Mapped[int | None] = mapped_column(Integer)
    """The run that began, or that was still active."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was skipped."""
    decided_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class IdempotencyKey(Base):
    """A client's key and the job it made. Outlives the job, so that a late repetition does not start it again."""

    __tablename__ = "idempotency_key"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class AuditEvent(Base):
    """Who did what, when, from where. Outlives the job; a trigger refuses to change or delete it."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("audit_event_by_job", "job_id", "happened_at"),
        Index("audit_event_by_actor", "actor", "event_id"),
        Index("audit_event_by_moment", "happened_at"),
    )

    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Given under the chain's lock, from 1 and without gaps."""
    happened_at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str | None] = mapped_column(Id)
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Credential(Base):
    """An API key, a login code or a session of a browser. The secret itself is nowhere."""

    __tablename__ = "credential"
    __table_args__ = (
        CheckConstraint("kind IN ('KEY', 'LOGIN_CODE', 'SESSION')", name="credential_kind"),
        CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="credential_role"),
    )

    credential_id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    created_by: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    """NULL: never."""
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)
    """To a minute."""
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class NoticeDelivery(Base):
    """One notice on one channel. Outlives the job."""

    __tablename__ = "notice_delivery"
    __table_args__ = (
        CheckConstraint("status IN ('SENDING', 'DELIVERED', 'FAILED')", name="notice_delivery_status"),
        Index("notice_delivery_by_job", "job_id", "created_at"),
    )

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64), primary_key=True)
    job_id: Mapped[str] = mapped_column(Id)
    run: Mapped[int] = mapped_column(Integer)
    event: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    """Of the last attempt, in words for the operator."""
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
