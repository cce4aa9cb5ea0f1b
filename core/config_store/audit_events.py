"""Writes audit events into the transaction of the change that they tell, each chained to the one before."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import GENESIS, AuditRecord, digest, settled
from core.config_store.stored import Actor
from core.config_store.tables import AuditEvent

CHAIN_LOCK = 0x53_54_45_52_4E_42
"""The key beside the one of `upgrade`: one writer at a time in all processes that share the database."""
PENDING = "audit events"
LONGEST_NAME = 255


def audit(
    session: AsyncSession,
    actor: Actor,
    action: str,
    job_id: str | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Adds an event to the transaction. Secrets have no place in it; references to them do."""
    event = AuditEvent(
        actor=as_recorded(actor.name),
        address=None if actor.address is None else as_recorded(actor.address),
        action=action,
        job_id=None if job_id is None else str(uuid.UUID(job_id)),
        before=settled(before),
        after=settled(after),
    )
    session.info.setdefault(PENDING, []).append(event)


async def write_events(session: AsyncSession) -> None:
    """The transaction's last act, so that the lock on the chain is held from here to the commit only, and nothing is
    waited for by those who hold it: that excludes deadlocks with the locks of the change itself."""
    events: list[AuditEvent] = session.info.pop(PENDING, [])
    if not events:
        return
    await session.flush()
    await session.execute(select(func.pg_advisory_xact_lock(CHAIN_LOCK)))
    # A statement of its own: its snapshot must be newer than the lock.
    newest = select(AuditEvent.event_id, AuditEvent.hash).order_by(AuditEvent.event_id.desc()).limit(1)
    head = (await session.execute(newest)).one_or_none()
    event_id, previous = (head.event_id, head.hash) if head is not None else (0, GENESIS)
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    for event in events:
        event_id += 1
        event.event_id, event.happened_at, event.previous_hash = event_id, now, previous
        event.hash = ""
        previous = event.hash = digest(read_event(event))
        session.add(event)
    await session.flush()


def read_event(row: AuditEvent) -> AuditRecord:
    """One event."""
    return AuditRecord(
        event_id=row.event_id,
        happened_at=row.happened_at,
        actor=row.actor,
        address=row.address,
        action=row.action,
        job_id=row.job_id,
        before=row.before,
        after=row.after,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


def as_recorded(text: str) -> str:
    """A name as the trail keeps it."""
    return str(settled(text))[:LONGEST_NAME]
