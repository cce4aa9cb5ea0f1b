"""The stages' task queues, with advice."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import GivenParts
from api.queue_models import QueueList

router = APIRouter(prefix="/api", tags=["queues"])


@router.get("/queues")
async def list_queues(parts: GivenParts) -> QueueList:
    """What waits in each stage's queue, for how long, who serves it, and what to do about it."""
    return await parts.queues.read()
