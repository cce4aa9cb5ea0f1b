"""How much of a table goes on at once, and how fast: its part of the job's limits, less while its source is slow."""

from __future__ import annotations

from temporalio import workflow

from workflows.bounded_window import BoundedWindow
from workflows.governor import Governor
from workflows.pace import Pace
from workflows.turns import Turns

with workflow.unsafe.imports_passed_through():
    from core.limits import TableLimits
    from core.models import TableRun
    from core.stage_models import StagedBatches

BATCHES_IN_FLIGHT = 2
"""Times what one stage takes at once: while some are loaded, as many are extracted, so that both databases work. More
would only lie in staging."""
SOURCE = "source"
"""The part of an extract's time that it waits for the source."""


class Throttle:
    """Limits and what was seen of the source lie in the table's state, which continue-as-new carries on."""

    def __init__(self, state: TableRun) -> None:
        self._state = state
        self.pace = Pace(state.entry, state.limits_now)
        self._governor = Governor(state.pressure)
        self.turns = {stage: Turns(state.limits_now.parallel_batches) for stage in ("extract", "transform", "load")}
        self._window = self.open_window()
        self._resize()

    def open_window(self) -> BoundedWindow:
        """For the batches of one copy; changed limits hold for it."""
        self._window = BoundedWindow(BATCHES_IN_FLIGHT * self._state.limits_now.parallel_batches)
        return self._window

    def limit(self, limits: TableLimits) -> None:
        """Other limits hold."""
        self._state.limits = limits
        self.pace.limit(limits)
        self._resize()

    def observe(self, staged: StagedBatches) -> None:
        """An extract has ended; workers of an earlier release do not say how long it waited for the source."""
        if SOURCE in staged.spent:
            size = sum(batch.bytes for batch in staged.batches)
            self._governor.observe(staged.spent[SOURCE], size, self._state.limits_now.parallel_batches)
            self._resize()

    def _resize(self) -> None:
        limit = self._state.limits_now.parallel_batches
        self._window.size = BATCHES_IN_FLIGHT * limit
        for stage, turns in self.turns.items():
            turns.size = self._governor.allowed(limit) if stage == "extract" else limit
