"""Schedules of jobs."""

from __future__ import annotations

from fastapi import APIRouter, status

from api.dependencies import GivenActor, GivenParts
from api.schemas import ScheduleList, ScheduleNote, ScheduleView
from api.validation import check_timezone
from core.schedule import ScheduleRequest

router = APIRouter(tags=["schedules"])

PATH = "/api/jobs/{job_id}/schedule"


@router.get("/api/schedules")
async def list_schedules(parts: GivenParts) -> ScheduleList:
    """The schedules of all jobs, by the job's name."""
    return ScheduleList(schedules=await parts.schedules.list())


@router.get(PATH)
async def get_schedule(job_id: str, parts: GivenParts) -> ScheduleView:
    """The job's schedule, its next times, and what became of the last ones; 404 where it has none."""
    return await parts.schedules.get(job_id)


@router.put(PATH)
async def put_schedule(job_id: str, request: ScheduleRequest, parts: GivenParts, actor: GivenActor) -> ScheduleView:
    """Gives the job this schedule, in place of the one that it has. Each time begins the job's next run."""
    check_timezone(request.timezone)
    return await parts.schedules.put(job_id, request, actor)


@router.delete(PATH, status_code=status.HTTP_204_NO_CONTENT)
async def delete_schedule(job_id: str, parts: GivenParts, actor: GivenActor) -> None:
    """The job runs by itself no more; a run that is active goes on."""
    await parts.schedules.delete(job_id, actor)


@router.post(f"{PATH}/pause")
async def pause_schedule(
    job_id: str, parts: GivenParts, actor: GivenActor, request: ScheduleNote | None = None
) -> ScheduleView:
    """Nothing starts by the schedule until it is resumed; a run that is active goes on."""
    return await parts.schedules.pause(job_id, request.note if request else None, actor)


@router.post(f"{PATH}/resume")
async def resume_schedule(
    job_id: str, parts: GivenParts, actor: GivenActor, request: ScheduleNote | None = None
) -> ScheduleView:
    """Times that passed while it was paused are not made up for."""
    return await parts.schedules.resume(job_id, request.note if request else None, actor)


@router.post(f"{PATH}/trigger", status_code=status.HTTP_202_ACCEPTED)
async def trigger_schedule(job_id: str, parts: GivenParts, actor: GivenActor) -> ScheduleView:
    """One time more, now, under the same rules; also while it is paused. What became of it stands in `starts`."""
    return await parts.schedules.trigger(job_id, actor)
