"""Replay: rows that were refused are loaded again, after what kept them out was mended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import beating
from activities.reference_order import referred_first
from core.documents import certificate_document, progress_document, proof_document
from core.errors import Conflict, NotFound
from core.progress import JobProgress
from core.rejects import TableRejects
from core.replay import RejectedTable, ReplayClose, Replayed, ReplayInput, ReplayOutcome, ReplayPlan, ReplayRun
from core.route import TableRoute
from core.stage_models import ValidateInput

if TYPE_CHECKING:
    from activities.resources.evidence import Evidence
    from activities.resources.reject_replay import RejectReplay
    from activities.resources.routes import Routes
    from core.config_store.store import ConfigStore
    from core.documents import DocumentStore


class ReplayActivities:
    """Served by `sterna-load` workers; they reach the destination."""

    def __init__(self, routes: Routes, replay: RejectReplay) -> None:
        self._routes = routes
        self._replay = replay

    @activity.defn
    async def replay_table(self, given: ReplayInput) -> Replayed:
        """Loads the table's rejects in one transaction with a ledger row of their own. Those that are refused again
        stay rejects, with the new reason. Idempotent by the ledger. Raises Unavailable, AccessDenied, NotFound."""
        async with beating():
            return await self._replay.run(self._routes.read(given.route), given)


class ReplayBooks:
    """Served by `sterna-control` workers."""

    def __init__(self, store: ConfigStore, documents: DocumentStore, evidence: Evidence) -> None:
        self._store = store
        self._documents = documents
        self._evidence = evidence

    @activity.defn
    async def find_rejects(self, given: ReplayRun) -> ReplayPlan:
        """The tables of the run that have rejects, with the proof that counted them. Those that a replay loaded which
        ended before it could say so are among them. Raises Conflict where the job runs, or where none came so far as
        to be proved."""
        job = await self._store.get_job(given.job_id)
        if not job.status.final or job.run < given.run:
            raise Conflict("a run of the job has begun", remedy="Wait for its end and replay what it rejects")
        tables, unproved = [], []
        for table in self._progress(given.job_id, given.run).tables:
            if not table.rejected or (given.tables and table.table_id not in given.tables):
                continue
            rejects = TableRejects(self._documents, given.job_id, given.run, table.table_id)
            proof = self._proof(given, table.table_id)
            if proof is None or proof.begun.load != rejects.load():
                unproved.append(table.name)
                continue
            replay = rejects.replayed(proof.begun.load) + 1
            tables.append(RejectedTable(table_id=table.table_id, name=table.name, replay=replay, proof=proof))
        if unproved and not tables:
            raise Conflict(
                f"not all rows of {', '.join(unproved)} were read, so there is nothing to replay into",
                remedy="Start the job: a new run reads them all",
            )
        return ReplayPlan(outage_limit=job.spec.options.outage_limit, tables=self._referred_first(tables))

    @activity.defn
    async def close_replay(self, given: ReplayClose) -> ReplayOutcome:
        """The certificate with the tables' new evidence, and the run's last progress. Idempotent."""
        progress = self._progress(given.job_id, given.run)
        results = {result.table_id: result for result in given.tables}
        before = sum(table.rows for table in progress.tables if table.table_id in results)
        tables = [
            table.model_copy(
                update=results[table.table_id].model_dump(include={"rows", "rejected", "message", "evidence", "proved"})
            )
            if table.table_id in results
            else table
            for table in progress.tables
        ]
        amended = progress.model_copy(
            update={
                "tables": tables,
                "rows": sum(table.rows for table in tables),
                "rejected": sum(table.rejected for table in tables),
            }
        )
        proved = self._evidence.amend_certificate(given, amended)
        self._documents.write(
            progress_document(given.job_id, given.run), amended.model_dump_json(by_alias=True, indent=1)
        )
        return ReplayOutcome(
            loaded=sum(result.rows for result in given.tables) - before,
            rejected=sum(result.rejected for result in given.tables),
            proved=proved,
            certificate=certificate_document(given.job_id, given.run),
        )

    def _referred_first(self, tables: list[RejectedTable]) -> list[RejectedTable]:
        """Rows that others refer to come back before these."""
        routes = {
            table.table_id: TableRoute.model_validate_json(self._documents.read(table.proof.route)) for table in tables
        }
        order = [route.table_id for route in referred_first(list(routes.values()))]
        return sorted(tables, key=lambda table: order.index(table.table_id))

    def _proof(self, given: ReplayRun, table_id: str) -> ValidateInput | None:
        try:
            text = self._documents.read(proof_document(given.job_id, given.run, table_id))
        except NotFound:
            return None
        return ValidateInput.model_validate_json(text)

    def _progress(self, job_id: str, run: int) -> JobProgress:
        return JobProgress.model_validate(json.loads(self._documents.read(progress_document(job_id, run))))
