"""What `GET /api/queues` answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from core.base_model import Model
from core.temporal_client import Stage


class QueueWorker(Model):
    """A process that serves the queue."""

    identity: str = Field(examples=["4711@worker-load-0"])
    """Process id and host, as Temporal's own tools show it."""
    last_seen: datetime | None = None
    """When it last told Temporal that it lives, or asked for work."""
    slots: int | None = None
    """Tasks that it takes at once; null until it has said so."""
    slots_used: int | None = None
    """Those of them that are taken."""


class QueueView(Model):
    """One task queue of a stage, as Temporal counts it."""

    name: str = Field(examples=["sterna-load"])
    stage: Stage
    kind: Literal["activities", "workflows"]
    backlog: int
    """Tasks that no worker has taken yet, about; an activity takes up to 16 batches."""
    backlog_age_seconds: float
    """How long the oldest of them waits."""
    added_per_second: float
    """Over the last half minute, about."""
    taken_per_second: float
    """The same of tasks that workers took."""
    workers: list[QueueWorker]

    @property
    def slots(self) -> int | None:
        """Of all workers together; None where one has not said."""
        told = [worker.slots for worker in self.workers]
        return None if not told or None in told else sum(slots or 0 for slots in told)

    @property
    def slots_used(self) -> int:
        """Of all workers together, as far as they have said."""
        return sum(worker.slots_used or 0 for worker in self.workers)


class Advice(Model):
    """What an operator should know or do."""

    level: Literal["critical", "warning", "note"]
    """`critical`: work stands still. `warning`: it is held up. `note`: nothing need be done now."""
    queue: str
    text: str


class QueueList(Model):
    """All queues in the order in which a batch passes them, with advice, the most pressing first."""

    queues: list[QueueView]
    advice: list[Advice]
