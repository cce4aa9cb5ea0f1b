"""Jobs: posted, listed, shown, edited, deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status

from api.dependencies import GivenActor, GivenParts
from api.input_rules import InputRules
from api.notice_validation import check_channels
from api.schemas import JobSubmission, JobView, job_view
from api.validation import check_spec
from core.config_store.stored import JobFilter, JobPage
from core.documents import job_folder
from core.job_spec import JobSpec, JobStatus

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same body gives the job that it made (200); with another body 409.",
    ),
]
NamePart = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$", description="Part of the name.")]


@router.post("", status_code=status.HTTP_201_CREATED, responses={200: {"model": JobView}})
async def create_job(
    submission: JobSubmission, parts: GivenParts, actor: GivenActor, response: Response, key: Key = None
) -> JobView:
    """Saves a job and starts it; `"draft": true` saves only. 201 for a new job, 200 for one that the key had made."""
    spec = submission.spec()
    check_spec(spec, InputRules.of(parts.settings))
    check_channels(spec, parts.settings)
    created = await parts.control.submit(spec, draft=submission.draft, key=key, actor=actor)
    response.headers["Location"] = f"/api/jobs/{created.job.job_id}"
    if not created.new:
        response.status_code = status.HTTP_200_OK
    return job_view(created.job)


@router.get("")
async def list_jobs(
    parts: GivenParts,
    status: Annotated[list[JobStatus] | None, Query(description="May be given several times.")] = None,
    name: NamePart = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> JobPage:
    """Jobs, newest first."""
    wanted = JobFilter(statuses=status or [], name=name)
    return await parts.store.list_jobs(wanted, limit=limit, cursor=cursor)


@router.get("/{job_id}")
async def get_job(job_id: str, parts: GivenParts) -> JobView:
    """One job with its specification, status, tables and runs."""
    job = await parts.store.get_job(job_id)
    return job_view(job).model_copy(update={"schedule": await parts.schedules.find(job.job_id)})


@router.put("/{job_id}")
async def update_draft(job_id: str, spec: JobSpec, parts: GivenParts, actor: GivenActor) -> JobView:
    """Replaces the specification of a draft; 409 for any other job."""
    check_spec(spec, InputRules.of(parts.settings))
    check_channels(spec, parts.settings)
    return job_view(await parts.store.update_draft(job_id, spec, actor=actor))


@router.delete("/{job_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_job(job_id: str, parts: GivenParts, actor: GivenActor) -> None:
    """Deletes a draft or a finished job with its schedule and documents, certificates included; 409 while it runs."""
    job = await parts.store.get_job(job_id)
    await parts.control.refuse_beside_replay(job.job_id)
    await parts.store.delete_job(job.job_id, actor=actor)
    parts.documents.delete(job_folder(job.job_id))
    await parts.schedules.forget(job.job_id)
