"""The activities of one table, each with what it is given and what its answer changes in the table's state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.compare import CompareActivities
    from activities.ddl import DdlActivities
    from activities.extract import ExtractActivities
    from activities.load import LoadActivities
    from activities.transform import TransformActivities
    from activities.validate import ValidateActivities
    from core.changed_values import add_changed
    from core.models import TableRun
    from core.stage_models import (
        BatchSpan,
        Compared,
        CountInput,
        ExtractInput,
        Finished,
        FinishInput,
        LoadedBatches,
        LoadInput,
        LoadStart,
        Measured,
        StagedBatches,
        TransformInput,
        ValidateInput,
        ValidationResult,
    )
    from core.time_spent import add_activity
    from workflows import incremental_pass, table_healing
    from workflows.activity_options import work
    from workflows.reject_budget import Answer, Given, RejectBudget
    from workflows.stage_gate import StageGate
    from workflows.table_report import named

Result = TypeVar("Result")
SECOND = timedelta(seconds=1)


class TableSteps:
    """Each waits for the gate, may be repeated where a pause stopped it, and raises ActivityError."""

    def __init__(self, state: TableRun, gate: StageGate) -> None:
        self._state = state
        self._gate = gate
        self._rejects = RejectBudget(state)

    async def begin_load(self) -> None:
        """The generation of the table's contents."""
        given = LoadStart(route=self._state.entry.route, token=self.token, empties=self._state.healing.empties)
        options = self._work("load", f"begin the load of {self._state.entry.name}")
        self._state.load = await self._perform(
            "begin", lambda: workflow.start_activity_method(LoadActivities.begin_load, given, **options)
        )

    async def fix_bounds(self) -> None:
        """Of an incremental pass, before anything is read."""
        options = self._work("extract", f"find the rows of {self._state.entry.name} that are new")
        fixed = await self._perform("extract", lambda: incremental_pass.fix_bounds(self._state, self.token, options))
        self._state.bounds = fixed.reference

    async def extract(self, span: BatchSpan) -> StagedBatches:
        """Stages the batches; of a small table, counts the source too."""
        given = ExtractInput(
            route=self._state.entry.route,
            token=self.token,
            span=span,
            snapshot=self._state.snapshot,
            digests=self._state.options.validation == "checksum",
            bounds=self._state.bounds,
            count=self.counts and self._state.entry.is_small and not self._state.healing.stale,
            repair=self._state.healing.repair,
        )
        options = self._work("extract", f"extract {named(span)} of {self._state.entry.name}")
        staged = await self._perform(
            "extract", lambda: workflow.start_activity_method(ExtractActivities.extract_batches, given, **options)
        )
        self._note_pace("extract", staged.seconds, span)
        if staged.counted_rows is not None:
            self._state.counted_rows = staged.counted_rows
        return staged

    async def transform(self, span: BatchSpan, staged: StagedBatches) -> StagedBatches:
        """Replaces the staged batches by transformed ones."""
        given = TransformInput(
            route=self._state.entry.route,
            token=self.token,
            batches=staged.batches,
            digests=self._state.options.validation == "checksum",
        )
        options = self._work("transform", f"transform {named(span)} of {self._state.entry.name}")
        return await self._sparing(
            given,
            lambda asked: self._perform(
                "transform",
                lambda: workflow.start_activity_method(TransformActivities.transform_batches, asked, **options),
            ),
            self._rejects.reserve,
        )

    async def load(self, span: BatchSpan, staged: StagedBatches) -> None:
        """Loads the batches, which are done then."""
        rows = sum(batch.digest.rows for batch in staged.batches)
        given = LoadInput(
            route=self._state.entry.route,
            load=self._load_number,
            batches=staged.batches,
            repair=self._state.healing.repair,
            digests=self._state.options.validation == "checksum",
        )
        options = self._work("load", f"load {named(span)} of {self._state.entry.name} ({rows} rows)")
        await self._sparing(
            given,
            lambda asked: self._perform(
                "load", lambda: workflow.start_activity_method(LoadActivities.load_batches, asked, **options)
            ),
            lambda loaded: self._take_in(span, staged, loaded),
        )

    def _take_in(self, span: BatchSpan, staged: StagedBatches, loaded: LoadedBatches) -> None:
        self._rejects.settle(staged, loaded.rejected)
        self._note_pace("load", loaded.seconds, span)
        self._state.extracted += loaded.digest
        self._state.changed = add_changed(self._state.changed, loaded.changed)
        self._state.bytes_done += loaded.bytes
        self._state.batches_done += span.count
        self._state.unfinished.remove(span)

    def forget_rejects(self) -> None:
        """All rows are read anew."""
        self._rejects.begin_again()

    async def count_source(self) -> None:
        """The source's own count."""
        route, bounds = self._state.entry.route, self._state.bounds
        given = CountInput(route=route, snapshot=self._state.snapshot, measured=True, bounds=bounds)
        options = self._work("extract", f"count the rows of {self._state.entry.name}")
        counted = await self._perform(
            "extract", lambda: workflow.start_activity_method(ExtractActivities.count_source, given, **options)
        )
        self._state.counted_rows = counted if isinstance(counted, int) else counted.rows

    async def build_keys(self) -> None:
        """Keys, indexes, checks, comments, sequences."""
        given = FinishInput(
            route=self._state.entry.route,
            measured=True,
            load=None if self._state.healing.stale else self._load_number,
            max_rejects=self._state.options.max_rejects,
        )
        options = self._work("load", f"keys and indexes of {self._state.entry.name}")
        finished = await self._perform(
            "finish", lambda: workflow.start_activity_method(DdlActivities.finish_table, given, **options)
        )
        if isinstance(finished, Finished) and finished.loaded is not None:
            self._state.extracted, self._state.rejected = finished.loaded, finished.rejected

    async def compare(self) -> Compared:
        """Which rows differ on both sides."""
        given = table_healing.comparison(self._state)
        options = self._work("validate", f"compare both sides of {self._state.entry.name}")
        return await self._perform(
            "compare", lambda: workflow.start_activity_method(CompareActivities.compare_table, given, **options)
        )

    async def validate(self, given: ValidateInput) -> ValidationResult:
        """The proof."""
        options = self._work("validate", f"validate {self._state.entry.name} ({self._state.extracted.rows} rows)")
        return await self._perform(
            "validate", lambda: workflow.start_activity_method(ValidateActivities.validate_table, given, **options)
        )

    async def _sparing(
        self, given: Given, perform: Callable[[Given], Awaitable[Answer]], take: Callable[[Answer], None]
    ) -> Answer:
        """Without the rows that do not fit, as far as the job allows that; rows that take the place of others all fit,
        or the table is copied anew."""
        if self._state.healing.stale:
            result = await perform(given)
            take(result)
            return result
        return await self._rejects.spend(given, perform, take)

    def _note_pace(self, stage: str, seconds: float, span: BatchSpan) -> None:
        self._state.seconds_per_batch[stage] = seconds / span.count

    @property
    def epoch(self) -> int:
        """Of the moment that is read; 0 without a snapshot."""
        return self._state.snapshot.epoch if self._state.snapshot else 0

    @property
    def token(self) -> str:
        """Names the load before the destination has numbered it: greater than those asked for before (see
        `LoadBeginning`)."""
        healed = self._state.healing.rounds  # a copy because of a difference is of the same moment
        return f"{self._state.generation}.{self.epoch}.{healed}"

    @property
    def counts(self) -> bool:
        """The proof wants the source's own count of its rows."""
        return self._state.options.validation != "none"

    @property
    def _load_number(self) -> int:
        assert self._state.load is not None
        return self._state.load.load

    def _work(self, stage: str, summary: str) -> workflow.ActivityConfig:
        return work(stage, self._state.options.outage_limit, summary)

    async def _perform(self, stage: str, start: Callable[[], workflow.ActivityHandle[Result]]) -> Result:
        """An activity of a stage, past the gate; where its time went is added up."""
        begun = workflow.now()

        def begin() -> workflow.ActivityHandle[Result]:
            nonlocal begun
            begun = workflow.now()
            return start()

        result = await self._gate.run(begin)
        elapsed = (workflow.now() - begun) / SECOND
        measured = result if isinstance(result, Measured) else Measured(seconds=elapsed)
        self._state.timings = add_activity(self._state.timings, stage, elapsed, measured.seconds, measured.spent)
        return result
