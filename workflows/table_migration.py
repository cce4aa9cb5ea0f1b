"""One table of a job: its batches through extract, transform and load, then keys, then the proof."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from core.limits import TableLimits
    from core.models import TableResult, TableRun
    from core.progress import Snapshot, TableProgress, TableStatus
    from core.stage_models import (
        BatchSpan,
        StagedBatches,
    )
    from workflows import incremental_pass, outcomes, table_healing
    from workflows.bounded_window import BoundedWindow
    from workflows.span_size import batches_to_take
    from workflows.stage_gate import StageGate
    from workflows.table_report import describe, estimate, proof_input, result_of
    from workflows.table_steps import TableSteps
    from workflows.throttle import Throttle

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
        self._steps = TableSteps(run, self.gate)

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
                await window.submit(self._steps.begin_load())
            if self.state.entry.incremental and self.state.bounds is None:
                await self._steps.fix_bounds()
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
            await self._tell_job("snapshot_gone", self._steps.epoch)
            await self._begin_again()
        except asyncio.CancelledError:
            await window.abandon()
            raise

    async def _renew_snapshot(self) -> None:
        self.state.snapshot_expired = False
        newer = self.state.newer_snapshot
        if newer is None or newer.epoch <= self._steps.epoch:
            await self._tell_job("snapshot_gone", self._steps.epoch)
        await self._begin_again()

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
        if self._steps.counts and (self.state.healing.stale or not self.state.entry.is_small):
            await window.submit(self._steps.count_source())
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
                        staged = await self._steps.transform(span, staged)
                await workflow.wait_condition(lambda: self.state.load is not None)
                async with self._throttle.turns["load"]:
                    await self._throttle.pace.before_loading(staged)
                    await self._steps.load(span, staged)
                return
            except ActivityError as error:
                if outcomes.kind(error) != "StagedBatchGone":
                    raise

    async def _extract(self, span: BatchSpan) -> StagedBatches:
        staged = await self._steps.extract(span)
        self._throttle.observe(staged)
        return staged

    async def _build_keys(self) -> None:
        self._show("building keys and indexes")
        await self._steps.build_keys()

    async def _compare(self) -> bool:
        """Before rows of another moment are replaced: finds them, by keys that are built first. False: the table is
        to be copied anew."""
        state = self.state
        if state.healing.repair is not None:
            return True
        if state.entry.builds_after_load:
            await self._build_keys()
        self._show("comparing both sides")
        compared = await self._steps.compare()
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

    async def _prove(self) -> TableResult | None:
        """None: a difference was found, and what differs is to be loaded anew."""
        self._show("validating")
        given = proof_input(self.state, workflow.now())
        proof = await self._steps.validate(given)
        proved = {"evidence": proof.evidence, "proved": proof.proved}
        if proof.failed and given.heals:
            if table_healing.heal(self.state):
                self._forget()
            return None
        if proof.failed:
            found = table_healing.verdict(self.state, proof.message)
            return self._result(TableStatus.FAILED, found).model_copy(update=proved)
        return self._result(TableStatus.COMPLETED, proof.message).model_copy(update=proved)

    async def _begin_again(self) -> None:
        """Waits for the new moment. Rows that were loaded stay where they can be compared with it."""
        self._show("waiting for a new snapshot")
        state, old = self.state, self._steps.epoch
        await workflow.wait_condition(lambda: state.newer_snapshot is not None and state.newer_snapshot.epoch > old)
        if table_healing.keeps_rows(state):
            table_healing.keep(state)
        else:
            state.snapshot = state.newer_snapshot
            self._forget()
        self._left_over = []

    def _forget(self) -> None:
        table_healing.forget(self.state)
        self._steps.forget_rejects()
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

    def _show(self, stage: str) -> None:
        self.stage = stage
        workflow.set_current_details(describe(estimate(self.state, stage, workflow.now())))
