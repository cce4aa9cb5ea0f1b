"""A job: preflight, snapshot, tables through a bounded window, foreign keys, certificate."""

from __future__ import annotations

import asyncio
import contextlib

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.certificate import CertificateActivities
    from activities.ddl import DdlActivities
    from activities.preflight import PreflightActivities
    from activities.status import StatusActivities
    from core.dispatch import priority_key
    from core.job_spec import JobStatus
    from core.models import (
        Command,
        JobPlan,
        JobRun,
        LimitsCommand,
        PauseCommand,
        PreflightInput,
        ResumeCommand,
        RetryCommand,
        RoutesInput,
        SnapshotInput,
        TableEntry,
        TableResult,
        TableRun,
    )
    from core.progress import JobProgress, Snapshot, TableStatus
    from workflows import outcomes
    from workflows.activity_options import control, reaching, surveying, work
    from workflows.approval import ApprovalWait
    from workflows.foreign_keys import ForeignKeySteps
    from workflows.job_limits import JobLimits
    from workflows.job_report import JobReport
    from workflows.maintenance import Maintenance
    from workflows.notices import Notices
    from workflows.operator_wait import OperatorWait
    from workflows.snapshot_lease import SnapshotLease
    from workflows.stage_gate import StageGate
    from workflows.standstill import Reason, Standstill
    from workflows.status_record import StatusRecord
    from workflows.table_children import TableChildren

TABLES_PER_ACTIVITY = 200


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
        self._standstill = Standstill(self._gate, self._children, self._snapshot)
        self._limits = JobLimits(self._children, self._report)
        self._maintenance = Maintenance(self._standstill, self._report)
        self._operator = OperatorWait(self._gate, self._report, self._record)
        self._foreign_keys = ForeignKeySteps(self._operator, self._report)
        self._plan: JobPlan | None = None
        self._entries: dict[str, TableEntry] = {}
        self._states: dict[str, TableRun] = {}
        self._unread: set[str] = set()
        """Tables that still need the snapshot."""
        self._loaded: set[str] = set()
        """Tables whose child is COMPLETED: only their foreign keys can still park them."""
        self._copies: dict[str, int] = {}
        """How often a table was copied anew because its proof had failed."""
        self._dropped_keys: list[str] = []
        """Foreign keys that stood at the destination and have not been built again."""
        self._closing = False
        self._status = StatusRecord(run)
        self._notices = Notices(run, self._report)
        self._approval = ApprovalWait(run, self._report, self._status, self._record)

    @workflow.run
    async def run(self, run: JobRun) -> JobProgress:
        """Returns the last progress of a COMPLETED job; a FAILED one fails, a cancelled one ends as cancelled."""
        self._report.started_at = workflow.now()
        status = await self._outcome()
        closing = asyncio.create_task(self._close(status))
        with contextlib.suppress(asyncio.CancelledError):  # a cancellation that comes now comes too late
            await asyncio.shield(closing)
        await closing
        if status == JobStatus.CANCELLED:
            raise asyncio.CancelledError
        if status == JobStatus.FAILED:
            raise ApplicationError(self._report.failures(), type="JobFailed", non_retryable=True)
        return self._report.progress()

    @workflow.signal
    async def pause(self, request: PauseCommand | None = None) -> None:
        """Nothing new starts; what is in flight finishes or stops within 10 s. `release` lets go of the snapshot."""
        if self._closing:
            return
        self._status.hear("pause", request)
        self._report.status = JobStatus.PAUSED
        await self._standstill.begin(Reason.OPERATOR, release=request is not None and request.release)
        await self._record()

    @workflow.signal
    async def resume(self, request: ResumeCommand | None = None) -> None:
        """Goes on; a snapshot that was let go is taken anew, and tables begun under the old one are healed to it."""
        if self._closing:
            return
        self._status.hear("resume", request)
        self._report.status = JobStatus.ACTIVE
        await self._standstill.end(Reason.OPERATOR)
        await self._record()

    @workflow.signal
    async def take_snapshot(self, snapshot: Snapshot) -> None:
        """The keeper's word: from now on rows are read as of this moment."""
        if self._snapshot.take(snapshot):
            self._report.snapshot = snapshot
            await self._children.signal("read_under", snapshot)

    @workflow.signal
    async def snapshot_gone(self, epoch: int) -> None:
        """A table's readers do not find the snapshot, whatever its keeper believes: a new one is taken."""
        if self._snapshot.held and self._snapshot.current is not None and self._snapshot.current.epoch == epoch:
            await self._snapshot.release()

    @workflow.signal
    async def table_source_read(self, table_id: str) -> None:
        """A table needs the snapshot no more; after the last one the source is free of it."""
        self._end_reading(table_id)

    def _end_reading(self, table_id: str) -> None:
        self._unread.discard(table_id)
        self._limits.share(self._readers)
        if not self._unread:
            self._snapshot.let_go()

    @workflow.update
    def retry_tables(self, request: RetryCommand) -> list[str]:
        """Brings back parked and failed tables (all, or those named by id or name) and returns their names."""
        results = self._report.take_back(request.tables)
        for result in results:
            self._bring_back(result)
        self._operator.retry()
        self._notices.forget()
        self._heard("retry", request)
        return [self._report.name(result.table_id) for result in results]

    @retry_tables.validator
    def _refuse_retry_at_the_end(self, request: RetryCommand) -> None:
        self._refuse_at_the_end()

    @workflow.update
    def set_limits(self, request: LimitsCommand) -> None:
        """Changes what the request names; running tables hear it at once, those that start later begin with it."""
        self._limits.change(request)
        workflow.set_current_details(self._report.describe())
        self._heard("limit", request)

    @set_limits.validator
    def _refuse_limits_at_the_end(self, request: LimitsCommand) -> None:
        self._refuse_at_the_end()

    def _refuse_at_the_end(self) -> None:
        if self._closing:
            raise ApplicationError("it is writing its last words; look again in a moment", type="JobEnds")

    @workflow.query
    def progress(self) -> JobProgress:
        """Where the job is; running tables answer for their own numbers."""
        return self._report.progress()

    async def _outcome(self) -> JobStatus:
        try:
            return await self._migrate()
        except (ActivityError, asyncio.CancelledError) as error:
            status = JobStatus.CANCELLED if outcomes.cancelled(error) else JobStatus.FAILED
            self._report.waiting_for = None if status == JobStatus.CANCELLED else outcomes.message(error)
            await self._children.stop()
            return status

    async def _migrate(self) -> JobStatus:
        await self._approval.wait()
        await asyncio.gather(self._record(), self._check_connections())
        await self._survey_tables(None)
        await self._leave_out_done_tables()
        while True:
            await self._acquire_snapshot()
            await self._move_tables()
            if unplanned := self._unplanned():
                await self._survey_tables(unplanned)
            if not self._is_unfinished() and not self._missing():
                await self._build_foreign_keys()
            if self._is_unfinished():
                continue
            if not self._report.ids(TableStatus.PARKED):
                return await self._certify()
            await self._operator.wait(None)

    async def _check_connections(self) -> None:
        self._show("checking connections")
        given = PreflightInput(job_id=self._run.job_id, run=self._run.run)
        await self._operator.until_it_works(
            lambda: workflow.start_activity_method(
                PreflightActivities.check_connections, given, **reaching("log in to source and destination")
            )
        )

    async def _survey_tables(self, only: list[str] | None) -> None:
        """Plans tables, creates what is missing at the destination, and queues those that can begin."""
        self._show("reading the catalogs")
        given = PreflightInput(job_id=self._run.job_id, run=self._run.run, only=only)
        plan = await self._operator.until_it_works(
            lambda: workflow.start_activity_method(
                PreflightActivities.survey_tables, given, **surveying("read both catalogs, plan the tables")
            )
        )
        self._plan = self._plan or plan
        self._limits.begin(plan.options)
        await self._maintenance.begin(plan.options)
        self._report.plan(plan)
        for start in range(0, len(plan.tables), TABLES_PER_ACTIVITY):
            await self._prepare_tables(plan.tables[start : start + TABLES_PER_ACTIVITY])
        for table_id in [table_id for table_id in self._unplanned() if table_id in (only or [])]:
            self._report.park(table_id, "the job's patterns match this table no more")

    async def _leave_out_done_tables(self) -> None:
        """A failed run that is tried again does some of its tables; the others stay as they were left."""
        if self._run.only is None:
            return
        given = PreflightInput(job_id=self._run.job_id, run=self._run.run)
        earlier = await workflow.execute_activity_method(
            StatusActivities.recall_outcome, given, **control("read how the run ended before")
        )
        for table in earlier.tables if earlier else []:
            if table.table_id not in self._run.only:
                self._report.restore(table)
                self._unread.discard(table.table_id)
                self._children.withdraw(table.table_id)
                if table.status == TableStatus.COMPLETED:
                    self._loaded.add(table.table_id)

    async def _prepare_tables(self, entries: list[TableEntry]) -> None:
        self._show("creating tables")
        given = self._routes(entries)
        prepared = await self._operator.until_it_works(
            lambda: workflow.start_activity_method(
                DdlActivities.prepare_tables, given, **self._load_work(f"create {len(entries)} tables")
            )
        )
        self._dropped_keys += prepared.dropped_keys
        for table_id, reason in prepared.parked.items():
            self._report.park(table_id, reason)
        ready = [entry for entry in entries if entry.table_id not in prepared.parked]
        self._entries |= {entry.table_id: entry for entry in ready}
        self._unread |= {entry.table_id for entry in ready}
        self._children.enqueue(ready)

    async def _acquire_snapshot(self) -> None:
        """Waits, with a reason that operators see, until the source lets itself be read as of one moment."""
        while self._lacks_snapshot():
            self._show("taking the snapshot")
            await workflow.wait_condition(lambda: not self._gate.closed)
            plan = self._known_plan
            given = SnapshotInput(
                job_id=self._run.job_id,
                run=self._run.run,
                source=plan.source,
                routes=[self._entries[table_id].route for table_id in sorted(self._unread)],
            )
            try:
                await self._snapshot.acquire(given, plan.options.outage_limit)
            except ActivityError as error:
                if outcomes.cancelled(error):
                    raise
                await self._operator.wait(outcomes.message(error))

    def _lacks_snapshot(self) -> bool:
        plan = self._known_plan
        wanted = plan.options.consistency == "snapshot" and plan.exports_snapshot
        return wanted and bool(self._unread) and not self._snapshot.held

    async def _move_tables(self) -> None:
        """Until all have ended, or there is something to do before more can begin."""

        def interrupted() -> bool:
            return bool(self._unplanned()) or (self._lacks_snapshot() and not self._gate.closed)

        self._show("moving tables")
        await self._children.run_queue(lambda: self._limits.parallel_tables, self._table_run, interrupted)

    async def _build_foreign_keys(self) -> None:
        """Once all tables are in; a key that does not hold parks its table, or makes rejects of the rows in its way."""
        done = [self._entries.get(table_id) for table_id in self._report.ids(TableStatus.COMPLETED)]
        entries = [entry for entry in done if entry is not None and entry.has_foreign_keys]
        if not entries:
            return
        self._show("building foreign keys")
        built = await self._foreign_keys.build(self._routes(entries), self._known_plan.options.outage_limit)
        self._loaded.difference_update(self._report.ids(TableStatus.FAILED))
        if not built.parked and not self._report.failed:
            self._dropped_keys = []

    async def _certify(self) -> JobStatus:
        self._closing = True
        self._show("writing the certificate")
        given = self._report.certificate_input(self._snapshot.history, workflow.now())
        written = await workflow.execute_activity_method(
            CertificateActivities.write_certificate, given, **control("write the certificate")
        )
        self._report.certificate = written.reference
        return JobStatus.COMPLETED if self._report.all_completed else JobStatus.FAILED

    async def _close(self, status: JobStatus) -> None:
        """The status is final once nothing of the job is left: no session, nothing in staging."""
        self._closing = True
        self._maintenance.end()
        self._report.mention_dropped(self._dropped_keys)
        await self._snapshot.release()
        self._show("")
        await self._status.close(self._report, status)
        self._report.status = status
        await self._notices.end(status)
        await workflow.wait_condition(workflow.all_handlers_finished)

    def _table_run(self, entry: TableEntry) -> TableRun:
        """A child's input: where it goes on after parking, else the beginning."""
        current = self._snapshot.current if self._unread else None
        limits = self._limits.share(self._readers + 1)
        state = self._states.pop(entry.table_id, None)
        if state is not None:
            return state.model_copy(update={"newer_snapshot": current, "paused": False, "limits": limits})
        return TableRun(
            job_id=self._run.job_id,
            run=self._run.run,
            generation=f"{self._run.run}.{self._started}.{self._copies.get(entry.table_id, 1)}",
            entry=entry,
            options=self._known_plan.options,
            snapshot=current,
            workflow_priority=priority_key(self._known_plan.priority, entry.priority),
            limits=limits,
        )

    @property
    def _started(self) -> int:
        """Milliseconds; tells a retry of the run, which begins when this workflow has ended, from the run."""
        return round(workflow.info().workflow_start_time.timestamp() * 1000)

    @property
    def _readers(self) -> int:
        """Tables that run and still need the source."""
        return len(self._children.running & self._unread)

    async def _end_table(self, result: TableResult) -> None:
        if result.state is not None and result.status == TableStatus.PARKED:
            self._states[result.table_id] = result.state
        if result.status == TableStatus.COMPLETED:
            self._loaded.add(result.table_id)
        self._report.end(result.model_copy(update={"state": None}))
        self._notices.look()
        if result.state is None or not result.state.needs_source:
            self._end_reading(result.table_id)
        workflow.set_current_details(self._report.describe())
        if result.status == TableStatus.PARKED:
            await self._record()

    def _bring_back(self, result: TableResult) -> None:
        """A loaded table goes straight back to its foreign keys; one that was never prepared is planned again."""
        table_id = result.table_id
        if table_id in self._loaded:
            self._report.end(result.model_copy(update={"status": TableStatus.COMPLETED, "message": ""}))
        elif table_id in self._entries:
            if result.status == TableStatus.FAILED:
                self._copies[table_id] = self._copies.get(table_id, 1) + 1
            state = self._states.get(table_id)
            if state is None or state.needs_source:
                self._unread.add(table_id)
            self._children.enqueue([self._entries[table_id]])

    def _unplanned(self) -> list[str]:
        """Tables that were brought back, but could not even begin before."""
        return [table_id for table_id in self._report.ids(TableStatus.PENDING) if table_id not in self._entries]

    def _is_unfinished(self) -> bool:
        return self._children.busy or bool(self._unplanned())

    def _missing(self) -> list[str]:
        """Parked tables whose rows are not in: foreign keys that name them could not hold yet."""
        return [table_id for table_id in self._report.ids(TableStatus.PARKED) if table_id not in self._loaded]

    def _routes(self, entries: list[TableEntry]) -> RoutesInput:
        return RoutesInput.of(self._run, entries, self._known_plan.options)

    def _load_work(self, summary: str) -> workflow.ActivityConfig:
        return work("load", self._known_plan.options.outage_limit, summary)

    @property
    def _known_plan(self) -> JobPlan:
        assert self._plan is not None
        return self._plan

    def _show(self, stage: str) -> None:
        self._report.stage = stage
        workflow.set_current_details(self._report.describe())

    def _heard(self, action: str, request: Command) -> None:
        self._status.hear(action, request)
        if not request.recorded:
            self._recording = asyncio.create_task(self._record())

    async def _record(self) -> None:
        workflow.set_current_details(self._report.describe())
        self._notices.look()
        await self._status.write(self._report)
