"""One table of a job: its batches through extract, transform and load, then keys, then the proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.compare import CompareActivities
    from activities.ddl import DdlActivities
    from activities.extract import ExtractActivities
    from activities.load import LoadActivities
    from activities.transform import TransformActivities
    from activities.validate import ValidateActivities
    from core.changed_values import add_changed
    from core.limits import TableLimits
    from core.models import (
        BatchSpan,
        CountInput,
        ExtractInput,
        FinishInput,
        LoadInput,
        LoadStart,
        Measured,
        StagedBatches,
        TableResult,
        TableRun,
        TransformInput,
    )
    from core.progress import Snapshot, TableProgress, TableStatus
    from core.time_spent import add_activity
    from workflows import incremental_pass, outcomes, table_healing
    from workflows.activity_options import work
    from workflows.bounded_window import BoundedWindow
    from workflows.span_size import batches_to_take
    from workflows.stage_gate import StageGate
    from workflows.table_report import describe, estimate, named, proof_input, result_of
    from workflows.throttle import Throttle


Result = TypeVar("Result")
SECOND = timedelta(seconds=1)
SOON = timedelta(seconds=2)


class SnapshotReplaced(Exception):
    """The rows read so far belong to a moment that is gone: the table must be copied again."""


@workflow.defn
class TableMigration:
    """Moves one table, batch by batch, and ends with its proof, or parked with a reason."""

    @workflow.init
    def __init__(self, run: TableRun) -> None:
        self.state = run
        self.gate = StageGate(closed=run.paused)
        self.stage = "waiting"
        self._left_over = list(run.unfinished)
        self._telling: asyncio.Task[None] | None = None
        self._throttle = Throttle(run)

    @workflow.run
    async def run(self, run: TableRun) -> TableResult:
        """Returns COMPLETED, PARKED or FAILED; ends as cancelled where it is cancelled."""
        self.state.started_at = self.state.started_at or workflow.now()
        try:
            if self.state.snapshot_expired:
                await self._renew_snapshot()
            while True:
                while not self.state.source_read:
                    await self._copy()
                await self._let_go_of_source()
                if self.state.entry.builds_after_load:
                    await self._build_keys()
                result = await self._prove()
                if result is not None:
                    return await incremental_pass.conclude(self.state, result)
        except ActivityError as error:
            if outcomes.cancelled(error):
                raise asyncio.CancelledError from error
            return self._give_up(error)

    @workflow.signal
    async def pause(self) -> None:
        """Closes the gate; returns when nothing of this table runs."""
        self.state.paused = True
        await self.gate.close()
        self._show(self.stage)

    @workflow.signal
    def resume(self) -> None:
        """Opens the gate."""
        self.state.paused = False
        self.gate.open()
        self._show(self.stage)

    @workflow.signal
    def read_under(self, snapshot: Snapshot) -> None:
        """A new moment replaced the one that rows were read under."""
        self.state.newer_snapshot = snapshot

    @workflow.signal
    def limit(self, limits: TableLimits) -> None:
        """Its part of the job's limits has changed."""
        self._throttle.limit(limits)

    @workflow.query
    def progress(self) -> TableProgress:
        """Where the table is, for people."""
        return estimate(self.state, self.stage, workflow.now())

    async def _copy(self) -> None:
        """All rows of one moment into one load; starts over where the moment is lost."""
        window = self._throttle.open_window()
        try:
            if self.state.load is None:
                await window.submit(self._begin_load())
            if self.state.entry.incremental and self.state.bounds is None:
                await self._fix_bounds()
            if not self.state.healing.stale or await self._compare():
                await self._move_batches(window)
                await self._throttle.pace.wait()
                if self.state.healing.stale:
                    table_healing.finish(self.state)
                self.state.source_read = True
        except SnapshotReplaced:
            await window.abandon()
            await self._begin_again()
        except ActivityError as error:
            await window.abandon()
            if outcomes.kind(error) == "DataRejected" and self.state.healing.stale:
                self._forget()  # rows of two moments may break a key that each of them keeps
                return
            if not table_healing.reads_anew(self.state, outcomes.kind(error)):
                raise
            await self._tell_job("snapshot_gone", self._epoch)
            await self._begin_again()
        except asyncio.CancelledError:
            await window.abandon()
            raise

    async def _renew_snapshot(self) -> None:
        self.state.snapshot_expired = False
        newer = self.state.newer_snapshot
        if newer is None or newer.epoch <= self._epoch:
            await self._tell_job("snapshot_gone", self._epoch)
        await self._begin_again()

    async def _begin_load(self) -> None:
        """Beside the first extracts; the first load waits for it."""
        given = LoadStart(route=self.state.entry.route, token=self._token, empties=self.state.healing.empties)
        options = self._work("load", f"begin the load of {self.state.entry.name}")
        self.state.load = await self._perform(
            "begin", lambda: workflow.start_activity_method(LoadActivities.begin_load, given, **options)
        )

    async def _fix_bounds(self) -> None:
        """Before anything is read."""
        options = self._work("extract", f"find the rows of {self.state.entry.name} that are new")
        fixed = await self._perform("extract", lambda: incremental_pass.fix_bounds(self.state, self._token, options))
        self.state.bounds = fixed.reference

    async def _move_batches(self, window: BoundedWindow) -> None:
        self._show("moving rows")
        while span := self._next_span():
            await window.submit(self._move(span))
            self._check_snapshot()
            if workflow.info().is_continue_as_new_suggested():
                await window.drain()
                await self._throttle.pace.wait()
                self._check_snapshot()
                await self._continue_as_new()
        if self._counts and (self.state.healing.stale or not self.state.entry.is_small):
            await window.submit(self._count_source())
        await window.drain()
        self._check_snapshot()

    def _next_span(self) -> BatchSpan | None:
        """A span that an earlier run of this workflow left unfinished, else the next one of the plan. It stays in
        `unfinished` until it is loaded, so that neither parking nor continue-as-new can lose it."""
        state = self.state
        if self._left_over:
            return self._left_over.pop(0)
        if state.next_batch >= table_healing.batches_end(state):
            return None
        count = batches_to_take(
            state.entry.batches_per_activity,
            table_healing.batches_end(state) - state.next_batch,
            state.limits_now.parallel_batches,
            max(state.seconds_per_batch.values(), default=0.0),
        )
        if not state.entry.is_small:
            count = min(count, self._throttle.pace.most_batches or count)
        span = BatchSpan(first=state.next_batch, count=count)
        state.next_batch += count
        state.unfinished.append(span)
        return span

    async def _move(self, span: BatchSpan) -> None:
        while True:
            try:
                async with self._throttle.turns["extract"]:
                    staged = await self._throttle.pace.extracting(span, lambda: self._extract(span))
                if self.state.entry.arrow:
                    async with self._throttle.turns["transform"]:
                        staged = await self._transform(span, staged)
                await workflow.wait_condition(lambda: self.state.load is not None)
                async with self._throttle.turns["load"]:
                    await self._load(span, staged)
                return
            except ActivityError as error:
                if outcomes.kind(error) != "StagedBatchGone":
                    raise

    async def _extract(self, span: BatchSpan) -> StagedBatches:
        given = ExtractInput(
            route=self.state.entry.route,
            token=self._token,
            span=span,
            snapshot=self.state.snapshot,
            digests=self.state.options.validation == "checksum",
            bounds=self.state.bounds,
            count=self._counts and self.state.entry.is_small and not self.state.healing.stale,
            repair=self.state.healing.repair,
        )
        options = self._work("extract", f"extract {named(span)} of {self.state.entry.name}")
        staged = await self._perform(
            "extract", lambda: workflow.start_activity_method(ExtractActivities.extract_batches, given, **options)
        )
        self._note_pace("extract", staged.seconds, span)
        if staged.counted_rows is not None:
            self.state.counted_rows = staged.counted_rows
        self._throttle.observe(staged)
        return staged

    async def _transform(self, span: BatchSpan, staged: StagedBatches) -> StagedBatches:
        given = TransformInput(
            route=self.state.entry.route,
            token=self._token,
            batches=staged.batches,
            digests=self.state.options.validation == "checksum",
        )
        options = self._work("transform", f"transform {named(span)} of {self.state.entry.name}")
        return await self._perform(
            "transform", lambda: workflow.start_activity_method(TransformActivities.transform_batches, given, **options)
        )

    async def _load(self, span: BatchSpan, staged: StagedBatches) -> None:
        rows = sum(batch.digest.rows for batch in staged.batches)
        given = LoadInput(
            route=self.state.entry.route,
            load=self._load_number,
            batches=staged.batches,
            repair=self.state.healing.repair,
            digests=self.state.options.validation == "checksum",
        )
        options = self._work("load", f"load {named(span)} of {self.state.entry.name} ({rows} rows)")
        loaded = await self._perform(
            "load", lambda: workflow.start_activity_method(LoadActivities.load_batches, given, **options)
        )
        self._note_pace("load", loaded.seconds, span)
        self.state.extracted += loaded.digest
        self.state.changed = add_changed(self.state.changed, loaded.changed)
        self.state.bytes_done += loaded.bytes
        self.state.batches_done += span.count
        self.state.unfinished.remove(span)

    async def _count_source(self) -> None:
        route, bounds = self.state.entry.route, self.state.bounds
        given = CountInput(route=route, snapshot=self.state.snapshot, measured=True, bounds=bounds)
        options = self._work("extract", f"count the rows of {self.state.entry.name}")
        counted = await self._perform(
            "extract", lambda: workflow.start_activity_method(ExtractActivities.count_source, given, **options)
        )
        self.state.counted_rows = counted if isinstance(counted, int) else counted.rows

    async def _compare(self) -> bool:
        """Before rows of another moment are replaced: finds them, by keys that are built first. False: the table is
        to be copied anew."""
        state = self.state
        if state.healing.repair is not None:
            return True
        if state.entry.builds_after_load:
            await self._build_keys()
        self._show("comparing both sides")
        given = table_healing.comparison(state)
        options = self._work("validate", f"compare both sides of {state.entry.name}")
        compared = await self._perform(
            "compare", lambda: workflow.start_activity_method(CompareActivities.compare_table, given, **options)
        )
        if compared.found.comparable:
            table_healing.take_up(state, compared.found)
        else:
            workflow.logger.warning("%s is copied anew: %s", state.entry.name, compared.found.reason)
            self._forget()
        return compared.found.comparable

    async def _let_go_of_source(self) -> None:
        if self.state.needs_source:
            return
        if self.state.entry.is_small:
            self._telling = asyncio.create_task(self._tell_in_time())
        else:
            await self._tell_source_read()

    async def _tell_source_read(self) -> None:
        await self._tell_job("table_source_read", self.state.entry.table_id)

    async def _tell_in_time(self) -> None:
        """By then a small table has mostly ended, which tells the job as much and costs less."""
        await workflow.sleep(SOON)
        await self._tell_source_read()

    async def _tell_job(self, what: str, value: str | int) -> None:
        parent = workflow.info().parent
        if parent is not None and self.state.snapshot is not None:
            await workflow.get_external_workflow_handle(parent.workflow_id).signal(what, value)

    async def _build_keys(self) -> None:
        self._show("building keys and indexes")
        given = FinishInput(route=self.state.entry.route, measured=True)
        options = self._work("load", f"keys and indexes of {self.state.entry.name}")
        await self._perform(
            "finish", lambda: workflow.start_activity_method(DdlActivities.finish_table, given, **options)
        )

    async def _prove(self) -> TableResult | None:
        """None: a difference was found, and what differs is to be loaded anew."""
        self._show("validating")
        given = proof_input(self.state, workflow.now())
        options = self._work("validate", f"validate {self.state.entry.name} ({self.state.extracted.rows} rows)")
        proof = await self._perform(
            "validate", lambda: workflow.start_activity_method(ValidateActivities.validate_table, given, **options)
        )
        proved = {"evidence": proof.evidence, "proved": proof.proved}
        if proof.failed and given.heals:
            table_healing.heal(self.state)
            return None
        if proof.failed:
            found = table_healing.verdict(self.state, proof.message)
            return self._result(TableStatus.FAILED, found).model_copy(update=proved)
        return self._result(TableStatus.COMPLETED, proof.message).model_copy(update=proved)

    async def _begin_again(self) -> None:
        """Waits for the new moment. Rows that were loaded stay where they can be compared with it."""
        self._show("waiting for a new snapshot")
        state, old = self.state, self._epoch
        await workflow.wait_condition(lambda: state.newer_snapshot is not None and state.newer_snapshot.epoch > old)
        if table_healing.keeps_rows(state):
            table_healing.keep(state)
        else:
            state.snapshot = state.newer_snapshot
            table_healing.forget(state)
        self._left_over = []

    def _forget(self) -> None:
        table_healing.forget(self.state)
        self._left_over = []

    def _check_snapshot(self) -> None:
        read, newer = self.state.snapshot, self.state.newer_snapshot
        if read is not None and newer is not None and newer.epoch > read.epoch:
            raise SnapshotReplaced

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self.state)

    def _give_up(self, error: ActivityError) -> TableResult:
        status = TableStatus.PARKED if outcomes.parks(error) else TableStatus.FAILED
        result = self._result(status, outcomes.message(error))
        return result.model_copy(update={"state": self.state})

    def _result(self, status: TableStatus, message: str) -> TableResult:
        return result_of(self.state, status, message, workflow.now())

    def _note_pace(self, stage: str, seconds: float, span: BatchSpan) -> None:
        self.state.seconds_per_batch[stage] = seconds / span.count

    @property
    def _epoch(self) -> int:
        return self.state.snapshot.epoch if self.state.snapshot else 0

    @property
    def _token(self) -> str:
        """Names the load before the destination has numbered it."""
        healed = self.state.healing.rounds  # a copy because of a difference is of the same moment
        return f"{self.state.generation}.{self._epoch}" + (f".{healed}" if healed else "")

    @property
    def _counts(self) -> bool:
        """The proof wants the source's own count of its rows."""
        return self.state.options.validation != "none"

    @property
    def _load_number(self) -> int:
        assert self.state.load is not None
        return self.state.load.load

    def _work(self, stage: str, summary: str) -> workflow.ActivityConfig:
        return work(stage, self.state.options.outage_limit, self.state.workflow_priority, summary)

    async def _perform(self, stage: str, start: Callable[[], workflow.ActivityHandle[Result]]) -> Result:
        """An activity of a stage, past the gate; where its time went is added up."""
        begun = workflow.now()

        def begin() -> workflow.ActivityHandle[Result]:
            nonlocal begun
            begun = workflow.now()
            return start()

        result = await self.gate.run(begin)
        elapsed = (workflow.now() - begun) / SECOND
        measured = result if isinstance(result, Measured) else Measured(seconds=elapsed)
        self.state.timings = add_activity(self.state.timings, stage, elapsed, measured.seconds, measured.spent)
        return result

    def _show(self, stage: str) -> None:
        self.stage = stage
        workflow.set_current_details(describe(estimate(self.state, stage, workflow.now())))
