"""A job: preflight, snapshot, tables through a bounded window, foreign keys, certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.certificate import CertificateActivities
    from activities.ddl import DdlActivities
    from activities.preflight import PreflightActivities
    from activities.status import StatusActivities
    from core.job_spec import JobStatus
    from core.models import (
        CertificateInput,
        JobPlan,
        JobProgress,
        JobRun,
        PauseRequest,
        PreflightInput,
        RetryRequest,
        RoutesInput,
        Snapshot,
        StatusUpdate,
        TableEntry,
        TableResult,
        TableRun,
        TableStatus,
    )
    from workflows import outcomes
    from workflows.activity_options import control, reaching, surveying, work
    from workflows.job_report import JobReport
    from workflows.search_attributes import STATUS
    from workflows.snapshot_lease import SnapshotLease
    from workflows.stage_gate import StageGate
    from workflows.table_children import TableChildren

TABLES_PER_ACTIVITY = 200

Result = TypeVar("Result")


@workflow.defn
class MigrationJob:
    """Runs one job to its certificate, however often parts of it die."""

    @workflow.init
    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._report = JobReport(run)
        self._gate = StageGate(closed=False)
        self._snapshot = SnapshotLease()
        self._children = TableChildren(run.job_id, self._report.begin, self._end_table)
        self._plan: JobPlan | None = None
        self._entries: dict[str, TableEntry] = {}
        self._states: dict[str, TableRun] = {}
        self._unread: set[str] = set()
        self._retry_asked = False

    @workflow.run
    async def run(self, run: JobRun) -> JobProgress:
        """Returns the last progress of a COMPLETED job; a FAILED one fails, a cancelled one ends as cancelled."""
        self._report.started_at = workflow.now()
        try:
            status = await self._migrate()
        except (ActivityError, asyncio.CancelledError) as error:
            status = JobStatus.CANCELLED if outcomes.cancelled(error) else JobStatus.FAILED
            self._report.waiting_for = None if status == JobStatus.CANCELLED else outcomes.message(error)
            await self._children.stop()
        await self._snapshot.release()
        await self._close(status)
        if status == JobStatus.CANCELLED:
            raise asyncio.CancelledError
        if status == JobStatus.FAILED:
            raise ApplicationError(self._report.failures(), type="JobFailed", non_retryable=True)
        return self._report.progress()

    @workflow.signal
    async def pause(self, request: PauseRequest | None = None) -> None:
        """Nothing new starts; what is in flight finishes or stops within 10 s. `release` lets go of the snapshot."""
        self._children.paused = True
        await self._record(JobStatus.PAUSED)
        await asyncio.gather(self._gate.close(), self._children.signal("pause"))
        if request is not None and request.release:
            await self._snapshot.release()

    @workflow.signal
    async def resume(self) -> None:
        """Goes on; a snapshot that was let go is taken anew, and tables begun under the old one are copied again."""
        self._children.paused = False
        self._gate.open()
        await self._record(JobStatus.ACTIVE)
        if self._unread and self._snapshot.history:
            await self._acquire_snapshot()
        await self._children.signal("resume")

    @workflow.signal
    async def take_snapshot(self, snapshot: Snapshot) -> None:
        """The keeper's word: from now on rows are read as of this moment."""
        self._snapshot.take(snapshot)
        self._report.snapshot = snapshot
        await self._children.signal("read_under", snapshot)

    @workflow.signal
    async def table_source_read(self, table_id: str) -> None:
        """A table needs the snapshot no more; after the last one the source is free of it."""
        self._unread.discard(table_id)
        if not self._unread:
            await self._snapshot.release()

    @workflow.update
    def retry_tables(self, request: RetryRequest) -> list[str]:
        """Brings back parked and failed tables (all, or those named by id or name) and returns their names."""
        results = self._report.take_back(request.tables)
        self._children.enqueue([self._entries[result.table_id] for result in results if self._is_prepared(result)])
        self._retry_asked = True
        return [self._report.name(result.table_id) for result in results]

    @workflow.query
    def progress(self) -> JobProgress:
        """Where the job is; running tables answer for their own numbers."""
        return self._report.progress()

    async def _migrate(self) -> JobStatus:
        await self._record(JobStatus.ACTIVE)
        await self._check_connections()
        await self._survey_tables(self._run.only)
        while True:
            await self._acquire_snapshot()
            await self._move_tables()
            if not self._report.ids(TableStatus.PENDING):
                await self._build_foreign_keys()
            if self._report.ids(TableStatus.PARKED):
                await self._wait_for_retry(None)
            unplanned = [table for table in self._report.ids(TableStatus.PENDING) if table not in self._entries]
            if unplanned:
                await self._survey_tables(unplanned)
            elif not self._children.queued:
                return await self._certify()

    async def _check_connections(self) -> None:
        self._show("checking connections")
        given = PreflightInput(job_id=self._run.job_id, run=self._run.run)
        await self._until_it_works(
            lambda: workflow.start_activity_method(
                PreflightActivities.check_connections, given, **reaching("log in to source and destination")
            )
        )

    async def _survey_tables(self, only: list[str] | None) -> None:
        """Plans tables, creates what is missing at the destination, and queues those that can begin."""
        self._show("reading the catalogs")
        given = PreflightInput(job_id=self._run.job_id, run=self._run.run, only=only)
        plan = await self._until_it_works(
            lambda: workflow.start_activity_method(
                PreflightActivities.survey_tables, given, **surveying("read both catalogs, plan the tables")
            )
        )
        self._plan = plan
        self._report.plan(plan)
        for start in range(0, len(plan.tables), TABLES_PER_ACTIVITY):
            await self._prepare_tables(plan.tables[start : start + TABLES_PER_ACTIVITY])

    async def _prepare_tables(self, entries: list[TableEntry]) -> None:
        self._show("creating tables")
        given = self._routes(entries)
        prepared = await self._until_it_works(
            lambda: workflow.start_activity_method(
                DdlActivities.prepare_tables, given, **self._load_work(f"create {len(entries)} tables")
            )
        )
        for table_id, reason in prepared.parked.items():
            self._report.park(table_id, reason)
        ready = [entry for entry in entries if entry.table_id not in prepared.parked]
        self._entries |= {entry.table_id: entry for entry in ready}
        self._unread |= {entry.table_id for entry in ready}
        self._children.enqueue(ready)

    async def _acquire_snapshot(self) -> None:
        """Waits, with a reason that operators see, until the source lets itself be read as of one moment."""
        plan = self._known_plan
        if plan.options.consistency != "snapshot" or not plan.exports_snapshot or not self._unread:
            return
        self._show("taking the snapshot")
        routes = [self._entries[table_id].route for table_id in sorted(self._unread)]
        acquired = False
        while not acquired:
            await workflow.wait_condition(lambda: not self._gate.closed)
            try:
                await self._snapshot.acquire(self._run.job_id, self._run.run, plan.source, routes)
                acquired = True
            except ActivityError as error:
                if outcomes.cancelled(error):
                    raise
                await self._wait_for_retry(outcomes.message(error))

    async def _move_tables(self) -> None:
        self._show("moving tables")
        await self._children.run_queue(self._known_plan.options.parallel_tables, self._table_run)

    async def _build_foreign_keys(self) -> None:
        """Once all tables are in; a key that does not hold parks its table."""
        done = self._report.ids(TableStatus.COMPLETED)
        entries = [self._entries[table_id] for table_id in done if self._entries[table_id].has_foreign_keys]
        if not entries:
            return
        self._show("building foreign keys")
        given = self._routes(entries)
        built = await self._until_it_works(
            lambda: workflow.start_activity_method(
                DdlActivities.build_foreign_keys, given, **self._load_work(f"foreign keys of {len(entries)} tables")
            )
        )
        for table_id, reason in built.parked.items():
            self._report.park(table_id, reason)

    async def _certify(self) -> JobStatus:
        self._show("writing the certificate")
        given = CertificateInput(
            job_id=self._run.job_id,
            run=self._run.run,
            started_at=self._report.started_at or workflow.now(),
            finished_at=workflow.now(),
            results=self._report.results(),
            snapshots=self._snapshot.history,
            not_carried=self._known_plan.not_carried,
        )
        written = await workflow.execute_activity_method(
            CertificateActivities.write_certificate, given, **control("write the certificate")
        )
        self._report.certificate = written.reference
        return JobStatus.FAILED if self._report.ids(TableStatus.FAILED) else JobStatus.COMPLETED

    async def _close(self, status: JobStatus) -> None:
        self._report.status = status
        self._show("")
        await workflow.execute_activity_method(
            StatusActivities.record_outcome, self._report.progress(), **control("keep the outcome, clear staging")
        )
        await self._record(status)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _until_it_works(self, start: Callable[[], workflow.ActivityHandle[Result]]) -> Result:
        """What holds up the whole job is told to operators and tried again when they say so."""
        while True:
            try:
                return await self._gate.run(start)
            except ActivityError as error:
                if outcomes.cancelled(error):
                    raise
                await self._wait_for_retry(outcomes.message(error))

    async def _wait_for_retry(self, reason: str | None) -> None:
        """The job is ACTIVE and its attention says what it waits for; None: parked tables speak for themselves."""
        self._retry_asked = False
        self._report.waiting_for = reason
        self._show("waiting for an operator")
        await self._record(self._report.status)
        await workflow.wait_condition(lambda: self._retry_asked)
        self._report.waiting_for = None
        await self._record(self._report.status)

    def _table_run(self, entry: TableEntry) -> TableRun:
        """A child's input: where it goes on after parking, else the beginning."""
        current = self._snapshot.current if self._unread else None
        state = self._states.pop(entry.table_id, None)
        if state is not None:
            return state.model_copy(update={"newer_snapshot": current, "paused": False})
        return TableRun(
            job_id=self._run.job_id,
            run=self._run.run,
            generation=workflow.info().run_id,
            entry=entry,
            options=self._known_plan.options,
            snapshot=current,
            workflow_priority=-(-entry.priority // 2),
        )

    async def _end_table(self, result: TableResult) -> None:
        if result.state is not None:
            self._states[result.table_id] = result.state
        self._report.end(result.model_copy(update={"state": None}))
        workflow.set_current_details(self._report.describe())
        if result.status == TableStatus.PARKED:
            await self._record(self._report.status)

    def _is_prepared(self, result: TableResult) -> bool:
        return result.table_id in self._entries

    def _routes(self, entries: list[TableEntry]) -> RoutesInput:
        return RoutesInput(
            job_id=self._run.job_id, run=self._run.run, routes=[entry.route for entry in entries], parallel=2
        )

    def _load_work(self, summary: str) -> workflow.ActivityConfig:
        return work("load", self._known_plan.options.outage_limit, 3, summary)

    @property
    def _known_plan(self) -> JobPlan:
        assert self._plan is not None
        return self._plan

    def _show(self, stage: str) -> None:
        self._report.stage = stage
        workflow.set_current_details(self._report.describe())

    async def _record(self, status: JobStatus) -> None:
        self._report.status = status
        workflow.set_current_details(self._report.describe())
        workflow.upsert_search_attributes([STATUS.value_set(status.value)])
        update = StatusUpdate(
            job_id=self._run.job_id,
            run=self._run.run,
            status=status,
            attention=self._report.attention,
            certificate=self._report.certificate,
        )
        await workflow.execute_activity_method(
            StatusActivities.record_status, update, **control(f"record status {status.value}")
        )
