"""Events of the audit trail, and the hash that chains each to the one before it. docs/audit.md gives the form."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from core.base_model import Model

GENESIS = "0" * 64
"""What the first event has in place of the hash of the one before."""


class AuditRecord(Model):
    """Who did what, when, from where."""

    event_id: int
    """Counts from 1 without gaps."""
    happened_at: datetime
    actor: str
    address: str | None = None
    """Where the request came from; None for Sterna's own doing."""
    action: str
    job_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    previous_hash: str
    hash: str


class AuditFilter(Model):
    """Which events; empty: all."""

    actor: str | None = None
    action: str | None = None
    job_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Events before this moment."""


class AuditPage(Model):
    """Some events, newest first."""

    events: list[AuditRecord]
    next_cursor: str | None = None
    """Asks for the page after this one; None on the last."""


def digest(event: AuditRecord, event_id: int | None = None) -> str:
    """SHA-256 of the event, in hexadecimal; `event_id` asks what it would be under another number."""
    content = {
        "eventId": event.event_id if event_id is None else event_id,
        "happenedAt": event.happened_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": event.actor,
        "address": event.address,
        "action": event.action,
        "jobId": event.job_id,
        "before": settled(event.before),
        "after": settled(event.after),
        "previousHash": event.previous_hash,
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def settled(value: Any) -> Any:
    """The value as PostgreSQL's jsonb gives it back: it has one kind of number, and no NUL character."""
    if isinstance(value, dict):
        return {settled(key): settled(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [settled(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
