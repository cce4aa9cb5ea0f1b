"""What is known of the time that a job's tables took: asked of those that run, read from the evidence of the others."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from api.job_profile import JobProfile, TableTimes, profile_job
from api.job_progress import ProgressReader
from core.config_store.stored import StoredJob
from core.documents import DocumentStore
from core.errors import NotFound
from core.progress import TableProgress, TableStatus

MOST_ASKED = 64
"""Of the tables that ended without evidence (parked, cancelled), so many are asked what they remember."""


class ProfileReader:
    """Puts a job's profile together. Reads only; a table of which nothing is known is named as such."""

    def __init__(self, progress: ProgressReader, documents: DocumentStore) -> None:
        self._progress = progress
        self._documents = documents

    async def read(self, job: StoredJob) -> JobProfile:
        """Of the newest run, as far as it has come."""
        progress = await self._progress.read(job)
        known = await asyncio.to_thread(self._known, progress.tables)
        silent = [
            table
            for table in progress.tables
            if table.table_id not in known and table.status not in (TableStatus.PENDING, TableStatus.RUNNING)
        ]
        for table, answer in await self._progress.recall(job.job_id, silent[:MOST_ASKED]):
            if answer.timings:
                known[table.table_id] = _live(answer)
        return profile_job(
            job.job_id,
            job.run,
            progress.status,
            job.spec.options,
            _wall_seconds(job),
            [known[table.table_id] for table in progress.tables if table.table_id in known],
            [table.name for table in progress.tables if table.table_id not in known],
        )

    def _known(self, tables: list[TableProgress]) -> dict[str, TableTimes]:
        known = {table.table_id: _live(table) for table in tables if table.timings}
        for table in tables:
            if table.status is not TableStatus.RUNNING and table.evidence is not None:
                recorded = self._recorded(table, table.evidence)
                if recorded is not None:
                    known[table.table_id] = recorded
        return known

    def _recorded(self, table: TableProgress, reference: str) -> TableTimes | None:
        try:
            evidence = json.loads(self._documents.read(reference))
        except NotFound:
            return None
        return TableTimes(
            table_id=table.table_id,
            name=table.name,
            rows=evidence["rows"]["extracted"],
            batches=len(evidence["batches"]),
            wall_seconds=evidence.get("wallSeconds", 0.0),
            timings=evidence["seconds"],
        )


def _live(table: TableProgress) -> TableTimes:
    return TableTimes(
        table_id=table.table_id,
        name=table.name,
        rows=table.rows,
        batches=table.batches,
        wall_seconds=table.wall_seconds,
        timings=table.timings,
    )


def _wall_seconds(job: StoredJob) -> float:
    run = job.latest_run
    if run is None:
        return 0.0
    return max(0.0, ((run.finished_at or datetime.now(UTC)) - run.started_at).total_seconds())
