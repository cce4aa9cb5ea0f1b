"""The audit trail in the config store: commands written down, events read in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import Select, select

from core.audit import AuditFilter, AuditPage, AuditRecord
from core.config_store.audit_events import audit, read_event
from core.config_store.sessions import Transactions
from core.config_store.stored import Actor
from core.config_store.tables import AuditEvent
from core.errors import Conflict, InvalidConfiguration, NotFound, Unavailable

CHUNK = 1000
LONGEST_CURSOR = 18
REFUSALS = (Conflict, NotFound, InvalidConfiguration)


class AuditTrail(Transactions):
    """The part of the config store about who did what."""

    async def record_event(
        self,
        job_id: str | None,
        action: str,
        *,
        actor: Actor,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Writes down a command that changes nothing in the store itself."""
        async with self.transaction() as session:
            audit(session, actor, action, job_id, before=before, after=after)

    @asynccontextmanager
    async def recorded(
        self,
        job_id: str,
        action: str,
        *,
        actor: Actor,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> AsyncIterator[None]:
        """Writes a command down before the block carries it out in another system, so that nothing is done unrecorded:
        where the store is away, the block does not begin. A block that fails leaves a second event: `refused`, or
        `unconfirmed` where it may have been carried out all the same."""
        await self.record_event(job_id, action, actor=actor, before=before, after=after)
        try:
            yield
        except Exception as error:
            outcome = "refused" if isinstance(error, REFUSALS) else "unconfirmed"
            with suppress(Unavailable):
                await self.record_event(
                    job_id, f"{action} {outcome}", actor=actor, after={"error": type(error).__name__}
                )
            raise

    async def audit_page(self, wanted: AuditFilter, *, limit: int = 50, cursor: str | None = None) -> AuditPage:
        """One page of events, newest first. Raises InvalidConfiguration for a cursor that no page gave."""
        query = _matching(wanted).order_by(AuditEvent.event_id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(AuditEvent.event_id < _read_cursor(cursor))
        async with self.transaction() as session:
            rows = (await session.scalars(query)).all()
        page = rows[:limit]
        next_cursor = str(page[-1].event_id) if len(rows) > limit else None
        return AuditPage(events=[read_event(row) for row in page], next_cursor=next_cursor)

    async def audit_events(self, wanted: AuditFilter) -> AsyncIterator[AuditRecord]:
        """The events, oldest first, in memory that does not grow with them and without a transaction that stays open
        while the reader is slow."""
        query = _matching(wanted).order_by(AuditEvent.event_id).limit(CHUNK)
        last = 0
        while True:
            async with self.transaction() as session:
                rows = (await session.scalars(query.where(AuditEvent.event_id > last))).all()
            for row in rows:
                yield read_event(row)
            if len(rows) < CHUNK:
                return
            last = rows[-1].event_id


def _matching(wanted: AuditFilter) -> Select[AuditEvent]:
    query = select(AuditEvent)
    for column, value in (
        (AuditEvent.actor, wanted.actor), (AuditEvent.action, wanted.action), (AuditEvent.job_id, wanted.job_id),
    ):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(AuditEvent.happened_at >= wanted.since)
    return query if wanted.until is None else query.where(AuditEvent.happened_at < wanted.until)


def _read_cursor(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= LONGEST_CURSOR):
        raise InvalidConfiguration("the cursor is not one that a page gave", remedy="Leave it out to begin")
    return int(cursor)
