"""What a migration of tables leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sql.session import SqlSession
from core.schema import NotCarried

SOURCES = {
    "view": "TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA",
    "trigger": "TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA",
    "routine": "ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA",
    "event": "EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA",
    "sequence": (
        "TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'SEQUENCE' AND TABLE_SCHEMA"
    ),
}


async def list_not_carried(session: SqlSession, schemas: Sequence[str]) -> list[NotCarried]:
    """Views, triggers, routines, events and sequences."""
    if not schemas:
        return []
    marks = ", ".join(["%s"] * len(schemas))
    return [
        NotCarried(object=f"{schema}.{name}", kind=kind, reason="only tables are carried")
        for kind, source in SOURCES.items()
        for schema, name in await session.fetch(f"SELECT {source} IN ({marks}) ORDER BY 1, 2", list(schemas))
    ]
