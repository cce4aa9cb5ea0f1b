"""Notices of a job: what was sent to which channel, and what became of it."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import GivenParts
from core.base_model import Model
from core.notices import StoredDelivery

router = APIRouter(prefix="/api/jobs/{job_id}/notices", tags=["jobs"])


class Deliveries(Model):
    """Oldest first."""

    notices: list[StoredDelivery]


@router.get("")
async def list_notices(job_id: str, parts: GivenParts) -> Deliveries:
    """The job's notices on each of their channels, with the reason where one was not delivered."""
    job = await parts.store.get_job(job_id)
    return Deliveries(notices=await parts.store.deliveries(job.job_id))
