"""What a job does and what it proved: progress, its event stream, the profile, the certificate."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.dependencies import GivenParts, Parts
from api.job_profile import JobProfile
from api.schemas import TableBatches
from core.config_store.stored import StoredJob
from core.documents import evidence_document
from core.errors import MigrationError, NotFound
from core.progress import JobProgress

LOOK_SECONDS = 1.0
KEEP_ALIVE_SECONDS = 15.0

router = APIRouter(prefix="/api/jobs/{job_id}", tags=["job progress"])


@router.get("/progress")
async def get_progress(job_id: str, parts: GivenParts) -> JobProgress:
    """Per table: batches, rows, bytes, rows per second, time left."""
    return await parts.progress.read(await parts.store.get_job(job_id))


@router.get("/profile")
async def get_profile(job_id: str, parts: GivenParts) -> JobProfile:
    """Where the newest run's time went, by stage and part, and what bounds it; of running jobs, so far."""
    return await parts.profiles.read(await parts.store.get_job(job_id))


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events `progress`, at last `done`."}},
)
async def stream_progress(job_id: str, request: Request, parts: GivenParts) -> StreamingResponse:
    """Server-sent events: `progress` about once a second when something changed, `done` when the job has ended."""
    job = await parts.store.get_job(job_id)
    return StreamingResponse(
        _events(parts, job, request),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.get("/certificate", response_class=Response, responses={200: {"content": {"application/json": {}}}})
async def get_certificate(
    job_id: str, parts: GivenParts, run: int | None = Query(default=None, ge=1, description="Default: the newest.")
) -> Response:
    """The proof of a run, as JSON. 404 while there is none."""
    job = await parts.store.get_job(job_id)
    wanted = job.run if run is None else run
    reference = next((known.certificate for known in job.runs if known.run == wanted), None)
    if reference is None or not parts.documents.exists(reference):
        raise NotFound(
            f"run {wanted} of the job has no certificate" if wanted else "the job has not been started",
            remedy="The certificate is written when a run ends",
        )
    name = f"certificate-{job.job_id}-run-{wanted}.json"
    return Response(
        await asyncio.to_thread(parts.documents.read, reference),
        media_type="application/json",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


@router.get("/tables/{table}/batches")
async def list_batches(job_id: str, table: str, parts: GivenParts) -> TableBatches:
    """The batches of a table (by id or name) as the ledger recorded them. 404 until the table has been validated."""
    job = await parts.store.get_job(job_id)
    found = next((known for known in job.tables if table in (known.table_id, known.source, known.destination)), None)
    if found is None:
        names = ", ".join(known.destination for known in job.tables)
        raise NotFound(f"the job has no table {table}", remedy=f"Its tables: {names}")
    reference = evidence_document(job.job_id, job.run, found.table_id)
    return TableBatches.model_validate(json.loads(parts.documents.read(reference)))


async def _events(parts: Parts, job: StoredJob, request: Request) -> AsyncIterator[str]:
    """Ends early when the server stops; an outage of the config store is waited for."""
    shown: JobProgress | None = None
    spoken = time.monotonic()
    while not (await request.is_disconnected() or request.app.state.is_stopping()):
        progress = await parts.progress.read(job)
        if job.status.final:
            yield _event("done", progress)
            return
        if progress != shown:
            yield _event("progress", progress)
            shown, spoken = progress, time.monotonic()
        elif time.monotonic() - spoken > KEEP_ALIVE_SECONDS:
            yield ": still here\n\n"
            spoken = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await parts.store.get_summary(job.job_id) != job.summary:
                job = await parts.store.get_job(job.job_id)
        except NotFound:
            return
        except MigrationError:
            continue


def _event(name: str, progress: JobProgress) -> str:
    return f"event: {name}\ndata: {progress.model_dump_json(by_alias=True)}\n\n"
