"""Commands that reached a job over Temporal's own surface, written into the audit trail with the job's next status."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.config_store.audit_events import audit
from core.config_store.stored import Actor
from core.config_store.tables import AuditEvent, MigrationRun
from core.job_spec import JobStatus
from core.models import StatusUpdate

TEMPORAL = Actor("temporal")
"""Whoever may speak to Temporal. Its history names the client; a workflow is not told."""


async def record_unseen_commands(session: AsyncSession, run: MigrationRun, told: StatusUpdate) -> None:
    """Idempotent, in the transaction of the status."""
    of_job = select(AuditEvent.event_id).where(AuditEvent.job_id == run.job_id).limit(1)
    for command in told.unrecorded:
        after = {"at": command.at.isoformat(), **command.details}
        same = of_job.where(AuditEvent.action == command.action, AuditEvent.after.contains(after))
        if await session.scalar(same) is None:
            audit(session, TEMPORAL, command.action, run.job_id, after=after)
    if told.status == JobStatus.CANCELLED and not JobStatus(run.status).final:
        asked = of_job.where(AuditEvent.action == "cancel", AuditEvent.happened_at >= run.started_at)
        if await session.scalar(asked) is None:
            audit(session, TEMPORAL, "cancel", run.job_id, before={"status": run.status})
