"""Advice on queues in words: which stage holds up the others, and what to do about it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from api.progress_text import format_duration
from api.queue_models import Advice, QueueView

OLD_SECONDS = 3.0
"""A younger backlog is how queues look that are in use: the next batch lies ready for the slot that comes free."""
STUCK_SECONDS = 30.0
"""So long nothing waits beside a free slot, but for a reason."""
LEVELS = ("critical", "warning", "note")


def advise(queues: Sequence[QueueView]) -> list[Advice]:
    """What to do, the most pressing first; nothing where all is well."""
    found = [advice for queue in queues if (advice := _unserved(queue) or _stuck(queue)) is not None]
    held_up = [queue for queue in queues if _held_up(queue)]
    found += [_crowded(queue, first=number == 0) for number, queue in enumerate(sorted(held_up, key=_pressure))]
    return sorted(found, key=lambda advice: LEVELS.index(advice.level))


def _unserved(queue: QueueView) -> Advice | None:
    if queue.workers:
        return None
    remedy = f"start one with `sterna worker --stages {_served_by(queue)}`"
    if queue.backlog:
        return Advice(
            level="critical",
            queue=queue.name,
            text=f"no worker serves {queue.name}, and {_waiting(queue)}: {remedy}",
        )
    if queue.stage == "control":
        text = f"no worker serves {_titled(queue)}: no job can begin or go on; {remedy}"
        return Advice(level="critical", queue=queue.name, text=text)
    return Advice(
        level="note",
        queue=queue.name,
        text=f"no worker serves {queue.name}. Nothing waits there now; before a job needs it, {remedy}",
    )


def _stuck(queue: QueueView) -> Advice | None:
    """Work waits beside free slots."""
    if queue.slots is None or not _has_room(queue) or not queue.backlog or queue.backlog_age_seconds < STUCK_SECONDS:
        return None
    return Advice(
        level="warning",
        queue=queue.name,
        text=(
            f"{_waiting(queue)} in {queue.name} although {queue.slots - queue.slots_used} of {queue.slots} slots are "
            "free: look into the logs of its workers, and whether their machine or Temporal is overloaded"
        ),
    )


def _held_up(queue: QueueView) -> bool:
    old = queue.backlog > 0 and queue.backlog_age_seconds >= OLD_SECONDS
    return bool(queue.workers) and old and not _has_room(queue)


def _crowded(queue: QueueView, *, first: bool) -> Advice:
    stage, count = _served_by(queue), len(queue.workers)
    busy = f"{count} worker{' is' if count == 1 else 's are'} busy"
    slots = "" if queue.slots is None else f" ({queue.slots_used} of {queue.slots} slots)"
    what = f"{stage} is the bottleneck" if first else f"{stage} is held up too"
    remedy = f"add {stage} workers"
    if stage != "control":
        remedy += f", or raise STERNA_{stage.upper()}_SLOTS where machine and databases have room"
    return Advice(level="warning", queue=queue.name, text=f"{what}: {_waiting(queue)}, {busy}{slots}: {remedy}")


def _has_room(queue: QueueView) -> bool:
    return queue.slots is not None and queue.slots_used < queue.slots


def _pressure(queue: QueueView) -> tuple[float, int]:
    """The stage with the longest wait first."""
    return -queue.backlog_age_seconds, -queue.backlog


def _waiting(queue: QueueView) -> str:
    things = "workflow task" if queue.kind == "workflows" else "task"
    one = queue.backlog == 1
    age = format_duration(queue.backlog_age_seconds)
    return f"{queue.backlog} {things}{' waits' if one else 's wait'}, the oldest for {age}"


def _titled(queue: QueueView) -> str:
    return f"the workflows of {queue.name}" if queue.kind == "workflows" else queue.name


def _served_by(queue: QueueView) -> str:
    """Keepers of snapshots are served by control workers."""
    return "control" if queue.stage == "snapshot" else queue.stage
