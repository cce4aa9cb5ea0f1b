"""Jobs, their connections, tables and transformations, runs, idempotency keys and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "migration_job",
    "connector_config",
    "table_config",
    "transformation_config",
    "migration_run",
    "idempotency_key",
    "audit_event",
)


def upgrade() -> None:
    """Creates all tables."""
    _create_job()
    _create_connector()
    _create_table()
    _create_transformation()
    _create_run()
    _create_idempotency_key()
    _create_audit_event()


def downgrade() -> None:
    """Drops all tables."""
    for name in reversed(TABLES):
        op.drop_table(name)


def _id(name: str, *parts: sa.ForeignKey, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Uuid(as_uuid=False), *parts, nullable=nullable)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _create_job() -> None:
    op.create_table(
        "migration_job",
        _id("job_id"),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("status", sa.String(16), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.Column("priority", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("options_json", JSONB(), nullable=False),
        sa.Column("tables_selection", JSONB()),
        sa.Column("attention", sa.Text()),
        sa.Column("current_run", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("job_id"),
        sa.CheckConstraint(
            "status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED')", name="migration_job_status"
        ),
    )
    op.create_index("migration_job_by_creation", "migration_job", ["created_at", "job_id"])
    op.create_index("migration_job_by_status", "migration_job", ["status"])


def _create_connector() -> None:
    op.create_table(
        "connector_config",
        _id("config_id"),
        _id("job_id", sa.ForeignKey("migration_job.job_id", ondelete="CASCADE")),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("connector_type", sa.String(64), nullable=False),
        sa.Column("config_json", JSONB(), nullable=False),
        sa.Column("secrets_ref", sa.Text()),
        sa.PrimaryKeyConstraint("config_id"),
        sa.CheckConstraint("type IN ('SOURCE', 'DESTINATION')", name="connector_config_type"),
        sa.UniqueConstraint("job_id", "type", name="connector_config_side"),
    )


def _create_table() -> None:
    op.create_table(
        "table_config",
        _id("table_id"),
        _id("job_id", sa.ForeignKey("migration_job.job_id", ondelete="CASCADE")),
        sa.Column("source_schema", sa.String(255)),
        sa.Column("source_table", sa.String(255), nullable=False),
        sa.Column("destination_schema", sa.String(255)),
        sa.Column("destination_table", sa.String(255)),
        sa.Column("batch_size", sa.Integer(), server_default="5000"),
        sa.Column("where_clause", sa.Text()),
        sa.Column("priority", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("columns_json", JSONB()),
        sa.Column("load_mode", sa.String(16)),
        sa.Column("incremental_json", JSONB()),
        sa.Column("heal", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("table_id"),
    )
    op.create_index("table_config_by_job", "table_config", ["job_id"])


def _create_transformation() -> None:
    op.create_table(
        "transformation_config",
        _id("transform_id"),
        _id("table_id", sa.ForeignKey("table_config.table_id", ondelete="CASCADE")),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("config_json", JSONB(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("transform_id"),
        sa.UniqueConstraint("table_id", "sequence", name="transformation_config_order"),
    )


def _create_run() -> None:
    op.create_table(
        "migration_run",
        _id("job_id", sa.ForeignKey("migration_job.job_id", ondelete="CASCADE")),
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        _id("start_token"),
        sa.Column("only_tables", JSONB()),
        sa.Column("workflow_run_id", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        _now("started_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("certificate", sa.Text()),
        sa.Column("attention", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", "run"),
    )


def _create_idempotency_key() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        _id("job_id"),
        _now("created_at"),
        sa.PrimaryKeyConstraint("key"),
    )


def _create_audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _now("happened_at"),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("address", sa.String(255)),
        sa.Column("action", sa.String(32), nullable=False),
        _id("job_id", nullable=True),
        sa.Column("before", JSONB()),
        sa.Column("after", JSONB()),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("audit_event_by_job", "audit_event", ["job_id", "happened_at"])
