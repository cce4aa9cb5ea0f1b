"""Who did what, when, from where."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from api.audit_export import FORMATS
from api.dependencies import GivenParts
from core.audit import AuditFilter, AuditPage

router = APIRouter(prefix="/api/audit", tags=["audit"])

Text = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]


def _filter(
    actor: Text = None,
    action: Text = None,
    job: Annotated[UUID | None, Query(description="Id of a job, also of one that was deleted.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="From this moment on, e.g. 2026-03-01T00:00:00Z.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment.")] = None,
) -> AuditFilter:
    job_id = None if job is None else str(job)
    return AuditFilter(actor=actor, action=action, job_id=job_id, since=since, until=until)


Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("")
async def list_events(
    parts: GivenParts,
    wanted: Wanted,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> AuditPage:
    """Events, newest first."""
    return await parts.store.audit_page(wanted, limit=limit, cursor=cursor)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}},
)
async def export_events(
    parts: GivenParts,
    wanted: Wanted,
    format: Annotated[
        Literal["jsonl", "csv"],
        Query(
            description="`jsonl`: one JSON object a line, which `sterna audit verify FILE` checks; `csv`: for tables."
        ),
    ] = "jsonl",
) -> StreamingResponse:
    """All events that match, oldest first, as a stream."""
    media_type, lines = FORMATS[format]
    return StreamingResponse(
        lines(parts.store.audit_events(wanted)),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="sterna-audit.{format}"', "Cache-Control": "no-store"},
    )
