"""How far a job's incremental tables have been read."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from api.dependencies import GivenParts
from core.base_model import Model

router = APIRouter(prefix="/api/jobs/{job_id}/watermarks", tags=["jobs"])


class WatermarkView(Model):
    """Where the next pass over a table begins."""

    table: str
    column: str
    watermark: str | None
    """Of the newest pass whose rows are all in and proved, before the overlap is taken off; null: no row had one."""
    passes: int
    """So many are proved."""
    run: int
    """Whose word it is."""
    recorded_at: datetime | None


@router.get("")
async def list_watermarks(job_id: str, parts: GivenParts) -> list[WatermarkView]:
    """The incremental tables that have been read, and how far. Watermarks are values of rows."""
    job = await parts.store.get_job(job_id)
    reached = await parts.store.watermarks(job.job_id, before_run=job.run + 1)
    return [
        WatermarkView(
            table=table.source,
            column=table.spec.incremental.column if table.spec.incremental else "",
            watermark=found.value,
            passes=found.number,
            run=found.run,
            recorded_at=found.recorded_at,
        )
        for table in job.tables
        if (found := reached.get(table.table_id)) is not None
    ]
