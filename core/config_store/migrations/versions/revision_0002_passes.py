"""Watermarks of incremental runs, and what schedules did at each of their times."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates both tables."""
    op.create_table(
        "watermark",
        sa.Column("table_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("load", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("table_id", "run"),
        sa.ForeignKeyConstraint(["table_id"], ["table_config.table_id"], ondelete="CASCADE"),
    )
    op.create_table(
        "scheduled_start",
        sa.Column("job_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("run", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("outcome IN ('STARTED', 'SKIPPED')", name="scheduled_start_outcome"),
        sa.PrimaryKeyConstraint("job_id", "scheduled_at"),
        sa.ForeignKeyConstraint(["job_id"], ["migration_job.job_id"], ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Drops both tables."""
    op.drop_table("scheduled_start")
    op.drop_table("watermark")
