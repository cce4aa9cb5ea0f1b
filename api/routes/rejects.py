"""Rows that the destination refused: listed, and loaded again after a fix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, status

from api.dependencies import GivenActor, GivenParts
from api.job_rejects import RejectPage, ReplayView
from core.replay import ReplayRequest

MOST_PER_PAGE = 1000

router = APIRouter(prefix="/api/jobs/{job_id}/rejects", tags=["job rejects"])


@router.get("")
async def list_rejects(
    job_id: str,
    parts: GivenParts,
    table: Annotated[str | None, Query(description="One table, by id or by the name of either side.")] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=0, le=MOST_PER_PAGE)] = 100,
    run: Annotated[int | None, Query(ge=1, description="Default: the newest run.")] = None,
) -> RejectPage:
    """The rows with their reasons, by table and batch. They may hold personal data."""
    return await parts.rejects.page(job_id, table, offset, limit, run)


@router.post("/replay", status_code=status.HTTP_202_ACCEPTED)
async def replay_rejects(
    job_id: str, parts: GivenParts, actor: GivenActor, request: ReplayRequest | None = None
) -> ReplayView:
    """Loads the rejects of a job that has ended once more, of all tables or of those named, exactly once. What is
    refused again stays a reject, with the new reason; the tables are proved and the certificate is written anew."""
    return await parts.rejects.replay(job_id, request or ReplayRequest(), actor)


@router.get("/replay")
async def get_replay(job_id: str, parts: GivenParts) -> ReplayView:
    """How the newest replay stands. 404 where there was none."""
    return await parts.rejects.last_replay(job_id)
