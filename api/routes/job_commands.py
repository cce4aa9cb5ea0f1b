"""Commands to jobs. 202: the command is told to the workflow, the status follows."""

from __future__ import annotations

from fastapi import APIRouter, status

from api.dependencies import GivenActor, GivenParts
from api.schemas import JobView, job_view
from core.limits import LimitsRequest
from core.models import PauseRequest, RetryRequest

router = APIRouter(prefix="/api/jobs/{job_id}", tags=["job commands"])


@router.post("/start", status_code=status.HTTP_202_ACCEPTED)
async def start_job(job_id: str, parts: GivenParts, actor: GivenActor) -> JobView:
    """Begins the next run of a draft or of a job that has ended."""
    return job_view(await parts.control.start(job_id, actor))


@router.post("/approve", status_code=status.HTTP_202_ACCEPTED)
async def approve_job(job_id: str, parts: GivenParts, actor: GivenActor) -> JobView:
    """Lets a run begin that waits for a second person; 409 for who made, edited, started or scheduled the job."""
    return job_view(await parts.control.approve(job_id, actor))


@router.post("/pause", status_code=status.HTTP_202_ACCEPTED)
async def pause_job(job_id: str, parts: GivenParts, actor: GivenActor, request: PauseRequest | None = None) -> JobView:
    """Nothing new starts and what is in flight stops; `release` lets go of the source's snapshot too."""
    return job_view(await parts.control.pause(job_id, request or PauseRequest(), actor))


@router.post("/resume", status_code=status.HTTP_202_ACCEPTED)
async def resume_job(job_id: str, parts: GivenParts, actor: GivenActor) -> JobView:
    """Goes on after a pause."""
    return job_view(await parts.control.resume(job_id, actor))


@router.post("/cancel", status_code=status.HTTP_202_ACCEPTED)
async def cancel_job(job_id: str, parts: GivenParts, actor: GivenActor) -> JobView:
    """Ends the job for good; rows that were loaded stay."""
    return job_view(await parts.control.cancel(job_id, actor))


@router.post("/retry", status_code=status.HTTP_202_ACCEPTED)
async def retry_tables(
    job_id: str, parts: GivenParts, actor: GivenActor, request: RetryRequest | None = None
) -> JobView:
    """Tries parked and failed tables again: all, or those named. Also wakes a job that waits for its databases."""
    return job_view(await parts.control.retry(job_id, request or RetryRequest(), actor))


@router.patch("/limits", status_code=status.HTTP_202_ACCEPTED)
async def change_limits(job_id: str, parts: GivenParts, actor: GivenActor, request: LimitsRequest) -> JobView:
    """Changes parallelism and rates of a running job, at once. What is not named stays; a rate of null is lifted.

    GET …/progress shows the limits that hold. They last until the run ends: the next one begins with the job's options.
    """
    return job_view(await parts.control.set_limits(job_id, request, actor))
