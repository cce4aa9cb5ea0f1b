"""Where the time of a table went: plain numbers that travel in payloads and lie in documents."""

from __future__ import annotations

TimeSpent = dict[str, float]
"""Seconds, summed over activities. `extract` is what passed inside the stage's activities; `extract.source`,
`extract.worker` … are its parts. Those in TEMPORAL passed outside of them and come on top."""

QUEUE = "queue"
"""Until a worker took the activity: the wait for a free slot and the way to it cannot be told apart."""
RETRIES = "retries"
"""Earlier attempts that failed, and the waits before the next."""
HOPS = "temporal"
"""Temporal and the workflow, before the activity was scheduled and after it had ended."""
TEMPORAL = (QUEUE, RETRIES, HOPS)


def outside(parts: TimeSpent) -> float:
    """Seconds that passed before an activity started."""
    return sum(parts.get(part, 0.0) for part in (QUEUE, RETRIES))


def add_activity(total: TimeSpent, stage: str, elapsed: float, seconds: float, parts: TimeSpent) -> TimeSpent:
    """`total` and one more activity: `elapsed` as its workflow saw it, `seconds` inside it, `parts` as it measured
    them. What it did not see itself is HOPS."""
    hops = max(0.0, elapsed - outside(parts) - seconds)
    added = {stage: seconds, **{f"{stage}.{part}": spent for part, spent in parts.items()}, f"{stage}.{HOPS}": hops}
    return total | {key: total.get(key, 0.0) + spent for key, spent in added.items()}
