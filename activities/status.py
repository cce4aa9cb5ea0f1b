"""Status: the workflow's word on its job, written to the config store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from core.documents import progress_document
from core.errors import NotFound
from core.models import PreflightInput, RunOutcome, StatusUpdate
from core.pass_models import WatermarkInput
from core.progress import JobProgress
from core.watermark import StoredWatermark

if TYPE_CHECKING:
    from activities.resources.routes import Routes
    from activities.resources.staging import LocalStaging
    from core.config_store.store import ConfigStore
    from core.documents import DocumentStore


class StatusActivities:
    """Served by `sterna-control` workers."""

    def __init__(self, store: ConfigStore, documents: DocumentStore, routes: Routes, staging: LocalStaging) -> None:
        self._store = store
        self._documents = documents
        self._routes = routes
        self._staging = staging

    @activity.defn
    async def record_status(self, given: StatusUpdate) -> None:
        """Writes status and attention to the job's row. Idempotent."""
        await self._store.record_status(given)

    @activity.defn
    async def record_watermark(self, given: WatermarkInput) -> None:
        """The table's next pass goes on from where this one ended. Idempotent: a repeated run replaces its own word."""
        route, bounds = self._routes.read(given.route), self._routes.read_bounds(given.bounds)
        assert route.incremental is not None
        reached = StoredWatermark(
            table_id=route.table_id, run=route.run, number=route.incremental.number, value=bounds.watermark
        )
        await self._store.record_watermark(reached, load=given.load)

    @activity.defn
    async def recall_outcome(self, given: PreflightInput) -> JobProgress | None:
        """The last words of an earlier execution of the run, None where it left none."""
        try:
            return JobProgress.model_validate_json(self._documents.read(progress_document(given.job_id, given.run)))
        except NotFound:
            return None

    @activity.defn
    async def record_outcome(self, given: RunOutcome) -> None:
        """Keeps the last progress as a document, for when Temporal has forgotten, and clears the run's staging. The
        status comes last: who reads it finds nothing left of the run. Idempotent."""
        last = given.progress
        self._documents.write(
            progress_document(last.job_id, last.run),
            last.model_dump_json(by_alias=True, indent=1),
        )
        self._staging.clear(f"{last.job_id}/{last.run}")
        await self._store.record_status(given.update)
