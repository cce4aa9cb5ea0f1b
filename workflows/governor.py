"""Takes pressure off a source that answers slowly: fewer extracts at once, and more again when it recovers."""

from __future__ import annotations

from statistics import median

from core.read_pressure import ReadPressure

SLOW_TIMES = 3.0
"""An extract is slow when the source took so many times as long for a megabyte as at its best."""
EASY_TIMES = 1.5
IN_A_ROW = 3
LEAST_SECONDS = 0.5
"""Nobody suffers from what takes less."""
SMALLEST_MEGABYTES = 1.0
"""What is smaller is taken for as much: its time is that of a few answers, whatever its size."""


class Governor:
    """Judges by the time that extracts waited for the source, which neither busy workers nor staging add to. The best
    is a median, so that one lucky extract makes no others look slow."""

    def __init__(self, state: ReadPressure) -> None:
        self._state = state

    def allowed(self, limit: int) -> int:
        """Extracts at once, where the job's limits allow so many."""
        return limit if self._state.at_once is None else min(self._state.at_once, limit)

    def observe(self, seconds: float, size: int, limit: int) -> None:
        """Takes in one extract of so many bytes, in the order in which they end."""
        state = self._state
        taken = seconds / max(size / 1e6, SMALLEST_MEGABYTES)
        state.recent = [*state.recent, taken][-IN_A_ROW:]
        if len(state.recent) == IN_A_ROW:
            usual = median(state.recent)
            state.best = usual if state.best is None else min(state.best, usual)
        if state.best is None:
            return
        slow = seconds >= LEAST_SECONDS and taken > SLOW_TIMES * state.best
        easy = seconds < LEAST_SECONDS or taken < EASY_TIMES * state.best
        state.slow = state.slow + 1 if slow else 0
        state.easy = state.easy + 1 if easy else 0
        if state.slow == IN_A_ROW:
            state.slow = 0
            state.at_once = max(1, self.allowed(limit) // 2)
            state.times = median(state.recent) / max(state.best, 1e-6)
        elif state.easy == IN_A_ROW and state.at_once is not None:
            state.easy = 0
            state.at_once = None if state.at_once + 1 >= limit else state.at_once + 1
