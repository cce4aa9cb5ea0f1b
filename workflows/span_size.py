"""How many batches one activity takes: from the plan's guess to what the databases are measured to move."""

from __future__ import annotations

from core.stage_models import MOST_BATCHES_PER_ACTIVITY

SPAN_SECONDS = 3.0
"""What an activity should take: so that its way through Temporal costs nothing beside it, a pause need not stop it, and
little is done again where a worker dies."""
MOST_GROWTH = 4
"""Times the planned number: what is in flight at once lies in staging."""


def batches_to_take(planned: int, left: int, parallel: int, seconds_per_batch: float) -> int:
    """At least 1 of the `left` batches. `planned`: by the catalog's sizes. `seconds_per_batch`: of the slowest stage as
    measured last, 0.0 before the first. Near the end an activity takes less, so that all of `parallel` stay busy."""
    if seconds_per_batch <= 0:
        return min(planned, left)
    wanted = int(SPAN_SECONDS / seconds_per_batch)
    largest = min(MOST_GROWTH * planned, MOST_BATCHES_PER_ACTIVITY, max(planned, left // (2 * parallel)))
    return min(max(1, min(wanted, largest)), left)
