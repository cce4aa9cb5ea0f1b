"""Approvals, read from the audit trail: nobody can change it, so nobody can forge one there."""

from __future__ import annotations

from sqlalchemy import select

from core.approval import Approval, ApprovalNeed
from core.config_store.audit_trail import AuditTrail
from core.config_store.stored import Actor
from core.config_store.tables import AuditEvent, ScheduledStart

APPROVED = "approved"
"""Written once the run's workflow has taken the approval; what precedes it (`approve`) is the request."""
DEFINING = ("create", "update", "schedule", "trigger schedule", "resume schedule")


class Approvals(AuditTrail):
    """The part of the config store about the four eyes."""

    async def approval_need(self, job_id: str, run: int) -> ApprovalNeed:
        """What the run of a job that waits for approval needs. An approval covers what was asked for before it: the run
        itself when it is tried again, and later times of the schedule until somebody changes or triggers it."""
        async with self.transaction() as session:
            start = select(ScheduledStart.run).where(
                ScheduledStart.job_id == job_id, ScheduledStart.run == run, ScheduledStart.outcome == "STARTED"
            )
            scheduled = await session.scalar(start.limit(1)) is not None
            asking = DEFINING if scheduled else (*DEFINING, "start")
            events = (
                select(AuditEvent)
                .where(AuditEvent.job_id == job_id, AuditEvent.action.in_((*asking, APPROVED)))
                .order_by(AuditEvent.event_id)
            )
            found = (await session.scalars(events)).all()
        askers = [event.actor for event in found if event.action != APPROVED]
        last = found[-1] if found and found[-1].action == APPROVED else None
        given = None if last is None else Approval(by=last.actor, at=last.happened_at)
        return ApprovalNeed(not_by=sorted(set(askers)), given=given)

    async def record_approval(self, job_id: str, run: int, actor: Actor) -> None:
        """The run's workflow has taken the actor's approval."""
        await self.record_event(job_id, APPROVED, actor=actor, after={"run": run})
