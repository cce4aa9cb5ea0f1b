"""Chains the audit trail and closes it against changes. Events that are there are numbered anew, without gaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from core.audit import GENESIS, AuditRecord, digest

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHUNK = 1000
HASHES = ("previous_hash", "hash")
EVENT = sa.table(
    "audit_event",
    sa.column("event_id", sa.BigInteger()),
    sa.column("happened_at", sa.DateTime(timezone=True)),
    sa.column("actor"),
    sa.column("address"),
    sa.column("action"),
    sa.column("job_id", sa.Uuid(as_uuid=False)),
    sa.column("before", JSONB()),
    sa.column("after", JSONB()),
    sa.column("previous_hash"),
    sa.column("hash"),
)

REFUSE = """
CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are never changed or deleted' USING ERRCODE = 'insufficient_privilege';
END $$
"""
TRIGGER = """
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()
"""
# Ordinary triggers do not fire in sessions with session_replication_role = replica.
ALWAYS = "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only"


def upgrade() -> None:
    """Adds hashes, computes those of earlier events, and sets the trigger."""
    op.execute("ALTER TABLE audit_event ALTER COLUMN event_id DROP IDENTITY")
    op.alter_column("audit_event", "happened_at", server_default=None)
    for name in HASHES:
        op.add_column("audit_event", sa.Column(name, sa.String(64)))
    _chain_earlier_events(op.get_bind())
    for name in HASHES:
        op.alter_column("audit_event", name, nullable=False)
    op.create_index("audit_event_by_actor", "audit_event", ["actor", "event_id"])
    op.create_index("audit_event_by_moment", "audit_event", ["happened_at"])
    for statement in (REFUSE, TRIGGER, ALWAYS):
        op.execute(statement)


def downgrade() -> None:
    """Takes hashes and trigger away."""
    op.execute("DROP TRIGGER audit_event_append_only ON audit_event")
    op.execute("DROP FUNCTION audit_event_refuse()")
    op.drop_index("audit_event_by_moment", "audit_event")
    op.drop_index("audit_event_by_actor", "audit_event")
    for name in HASHES:
        op.drop_column("audit_event", name)
    op.alter_column("audit_event", "happened_at", server_default=sa.text("now()"))
    op.execute("ALTER TABLE audit_event ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY")
    op.execute(
        "SELECT setval(pg_get_serial_sequence('audit_event', 'event_id'), coalesce(max(event_id), 0) + 1, false)"
        " FROM audit_event"
    )


def _chain_earlier_events(connection: sa.Connection) -> None:
    """A number only becomes smaller, and the smaller ones have been given already: none is given twice."""
    last, number, previous = 0, 0, GENESIS
    while True:
        query = sa.select(EVENT).where(EVENT.c.event_id > last).order_by(EVENT.c.event_id).limit(CHUNK)
        rows = connection.execute(query).mappings().all()
        for row in rows:
            last, number = row["event_id"], number + 1
            event = AuditRecord.model_validate({**row, "event_id": number, "previous_hash": previous, "hash": ""})
            chained = {"event_id": number, "previous_hash": previous, "hash": (hashed := digest(event))}
            connection.execute(sa.update(EVENT).where(EVENT.c.event_id == last).values(chained))
            previous = hashed
        if len(rows) < CHUNK:
            return
