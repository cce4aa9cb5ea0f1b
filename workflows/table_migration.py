"""One table of a job: its batches through extract, transform and load, then keys, then the proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.ddl import DdlActivities
    from activities.extract import ExtractActivities
    from activities.load import LoadActivities
    from activities.transform import TransformActivities
    from activities.validate import ValidateActivities
    from core.changed_values import add_changed
    from core.models import (
        BatchSpan,
        CountInput,
        ExtractInput,
        Finished,
        FinishInput,
        LoadedBatches,
        LoadInput,
        LoadStart,
        Measured,
        StagedBatches,
        TableResult,
        TableRun,
        TransformInput,
        ValidateInput,
    )
    from core.progress import Snapshot, TableProgress, TableStatus
    from core.time_spent import add_activity
    from workflows import outcomes
    from workflows.activity_options import work
    from workflows.bounded_window import BoundedWindow
    from workflows.reject_budget import RejectBudget
    from workflows.span_size import batches_to_take
    from workflows.stage_gate import StageGate
    from workflows.table_report import describe, estimate, result_of


Result = TypeVar("Result")
SECOND = timedelta(seconds=1)
BATCHES_IN_FLIGHT = 2
"""Times what one stage takes at once: while some are loaded, as many are extracted, so that both databases work. More
would only lie in staging."""
SOON = timedelta(seconds=2)
MOST_COPIES = 10
"""A source whose readers lose every snapshot (behind a load balancer, for example) parks the table at last."""


class SnapshotReplaced(Exception):
    """The rows read so far belong to a moment that is gone: the table must be copied again."""


@workflow.defn
class TableMigration:
    """Moves one table, batch by batch, and ends with its proof, or parked with a reason."""

    @workflow.init
    def __init__(self, run: TableRun) -> None:
        self.state = run
        self.gate = StageGate(closed=run.paused)
        self.rejects = RejectBudget(run)
        self.stage = "waiting"
        self._left_over = list(run.unfinished)
        self._telling: asyncio.Task[None] | None = None
        self._stages = {
            stage: asyncio.Semaphore(run.options.parallel_batches) for stage in ("extract", "transform", "load")
        }

    @workflow.run
    async def run(self, run: TableRun) -> TableResult:
        """Returns COMPLETED, PARKED or FAILED; ends as cancelled where it is cancelled."""
        self.state.started_at = self.state.started_at or workflow.now()
        try:
            if self.state.snapshot_expired:
                await self._renew_snapshot()
            while not self.state.source_read:
                await self._copy()
            if self.state.entry.is_small:
                self._telling = asyncio.create_task(self._tell_in_time())
            else:
                await self._tell_source_read()
            if self.state.entry.builds_after_load:
                await self._build_keys()
            return await self._prove()
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

    @workflow.query
    def progress(self) -> TableProgress:
        """Where the table is, for people."""
        return estimate(self.state, self.stage, workflow.now())

    async def _copy(self) -> None:
        """All rows of one moment into one load; starts over where the moment is lost."""
        window = BoundedWindow(BATCHES_IN_FLIGHT * self.state.options.parallel_batches)
        try:
            if self.state.load is None:
                await window.submit(self._begin_load())
            await self._move_batches(window)
            self.state.source_read = True
        except SnapshotReplaced:
            await window.abandon()
            await self._begin_again()
        except ActivityError as error:
            await window.abandon()
            if not self._may_copy_again(outcomes.kind(error)):
                raise
            await self._tell_job("snapshot_gone", self._epoch)
            await self._begin_again()
        except asyncio.CancelledError:
            await window.abandon()
            raise

    def _may_copy_again(self, kind: str) -> bool:
        """Under a new snapshot, without an operator. Where it may not, his retry must not meet the old one again."""
        if kind not in ("SnapshotGone", "SnapshotExpired"):
            return False
        again = kind == "SnapshotGone" and self.state.copy_number < MOST_COPIES
        self.state.snapshot_expired = not again and self.state.snapshot is not None
        return again

    async def _renew_snapshot(self) -> None:
        self.state.snapshot_expired = False
        newer = self.state.newer_snapshot
        if newer is None or newer.epoch <= self._epoch:
            await self._tell_job("snapshot_gone", self._epoch)
        await self._begin_again()

    async def _begin_load(self) -> None:
        """Beside the first extracts; the first load waits for it."""
        given = LoadStart(route=self.state.entry.route, token=self._token)
        options = self._work("load", f"begin the load of {self.state.entry.name}")
        self.state.load = await self._perform(
            "begin", lambda: workflow.start_activity_method(LoadActivities.begin_load, given, **options)
        )

    async def _move_batches(self, window: BoundedWindow) -> None:
        self._show("moving rows")
        while span := self._next_span():
            await window.submit(self._move(span))
            self._check_snapshot()
            if workflow.info().is_continue_as_new_suggested():
                await window.drain()
                self._check_snapshot()
                await self._continue_as_new()
        if self._counts and not self.state.entry.is_small:
            await window.submit(self._count_source())
        await window.drain()
        self._check_snapshot()

    def _next_span(self) -> BatchSpan | None:
        """A span that an earlier run of this workflow left unfinished, else the next one of the plan. It stays in
        `unfinished` until it is loaded, so that neither parking nor continue-as-new can lose it."""
        state = self.state
        if self._left_over:
            return self._left_over.pop(0)
        if state.next_batch >= state.entry.batches:
            return None
        count = batches_to_take(
            state.entry.batches_per_activity,
            state.entry.batches - state.next_batch,
            state.options.parallel_batches,
            max(state.seconds_per_batch.values(), default=0.0),
        )
        span = BatchSpan(first=state.next_batch, count=count)
        state.next_batch += count
        state.unfinished.append(span)
        return span

    async def _move(self, span: BatchSpan) -> None:
        while True:
            try:
                async with self._stages["extract"]:
                    staged = await self._extract(span)
                if self.state.entry.arrow:
                    async with self._stages["transform"]:
                        staged = await self._transform(span, staged)
                await workflow.wait_condition(lambda: self.state.load is not None)
                async with self._stages["load"]:
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
            count=self._counts and self.state.entry.is_small,
        )
        options = self._work("extract", f"extract {_named(span)} of {self.state.entry.name}")
        staged = await self._perform(
            "extract", lambda: workflow.start_activity_method(ExtractActivities.extract_batches, given, **options)
        )
        self._note_pace("extract", staged.seconds, span)
        if staged.counted_rows is not None:
            self.state.counted_rows = staged.counted_rows
        return staged

    async def _transform(self, span: BatchSpan, staged: StagedBatches) -> StagedBatches:
        given = TransformInput(
            route=self.state.entry.route,
            token=self._token,
            batches=staged.batches,
            digests=self.state.options.validation == "checksum",
        )
        options = self._work("transform", f"transform {_named(span)} of {self.state.entry.name}")

        return await self.rejects.spend(
            given,
            lambda asked: self._perform(
                "transform",
                lambda: workflow.start_activity_method(TransformActivities.transform_batches, asked, **options),
            ),
            self.rejects.reserve,
        )

    async def _load(self, span: BatchSpan, staged: StagedBatches) -> None:
        rows = sum(batch.digest.rows for batch in staged.batches)
        given = LoadInput(
            route=self.state.entry.route,
            load=self._load_number,
            batches=staged.batches,
            digests=self.state.options.validation == "checksum",
        )
        options = self._work("load", f"load {_named(span)} of {self.state.entry.name} ({rows} rows)")

        await self.rejects.spend(
            given,
            lambda asked: self._perform(
                "load", lambda: workflow.start_activity_method(LoadActivities.load_batches, asked, **options)
            ),
            lambda loaded: self._take_in(span, staged, loaded),
        )

    def _take_in(self, span: BatchSpan, staged: StagedBatches, loaded: LoadedBatches) -> None:
        self._note_pace("load", loaded.seconds, span)
        self.rejects.settle(staged, loaded.rejected)
        self.state.extracted += loaded.digest
        self.state.changed = add_changed(self.state.changed, loaded.changed)
        self.state.bytes_done += loaded.bytes
        self.state.batches_done += span.count
        self.state.unfinished.remove(span)

    async def _count_source(self) -> None:
        given = CountInput(route=self.state.entry.route, snapshot=self.state.snapshot, measured=True)
        options = self._work("extract", f"count the rows of {self.state.entry.name}")
        counted = await self._perform(
            "extract", lambda: workflow.start_activity_method(ExtractActivities.count_source, given, **options)
        )
        self.state.counted_rows = counted if isinstance(counted, int) else counted.rows

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
        given = FinishInput(
            route=self.state.entry.route,
            measured=True,
            load=self._load_number,
            max_rejects=self.state.options.max_rejects,
        )
        options = self._work("load", f"keys and indexes of {self.state.entry.name}")
        finished = await self._perform(
            "finish", lambda: workflow.start_activity_method(DdlActivities.finish_table, given, **options)
        )
        if isinstance(finished, Finished) and finished.loaded is not None:
            self.state.extracted, self.state.rejected = finished.loaded, finished.rejected

    async def _prove(self) -> TableResult:
        self._show("validating")
        assert self.state.load is not None
        assert self.state.started_at is not None
        given = ValidateInput(
            route=self.state.entry.route,
            extracted=self.state.extracted,
            counted_rows=self.state.counted_rows,
            begun=self.state.load,
            mode=self.state.options.validation,
            snapshot=self.state.snapshot,
            copies=self.state.copy_number,
            timings=self.state.timings,
            wall_seconds=(workflow.now() - self.state.started_at) / SECOND,
            changed=self.state.changed,
            rejected=self.state.rejected,
        )
        options = self._work("validate", f"validate {self.state.entry.name} ({self.state.extracted.rows} rows)")
        proof = await self._perform(
            "validate", lambda: workflow.start_activity_method(ValidateActivities.validate_table, given, **options)
        )
        proved = {"evidence": proof.evidence, "proved": proof.proved}
        if proof.failed:
            return self._result(TableStatus.FAILED, proof.message).model_copy(update=proved)
        return self._result(TableStatus.COMPLETED, proof.message).model_copy(update=proved)

    async def _begin_again(self) -> None:
        """Waits for the new moment, then forgets what was read: the next load takes its rows away first."""
        self._show("waiting for a new snapshot")
        state, old = self.state, self._epoch
        await workflow.wait_condition(lambda: state.newer_snapshot is not None and state.newer_snapshot.epoch > old)
        state.copy_number += 1
        state.snapshot, state.load, state.next_batch = state.newer_snapshot, None, 0
        state.unfinished, state.counted_rows, state.changed = [], None, {}
        state.extracted, state.batches_done, state.bytes_done = type(state.extracted)(), 0, 0
        self.rejects.begin_again()
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
        return f"{self.state.generation}.{self._epoch}"

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


def _named(span: BatchSpan) -> str:
    if span.count == 1:
        return f"batch {span.first}"
    return f"batches {span.first} to {span.first + span.count - 1}"
