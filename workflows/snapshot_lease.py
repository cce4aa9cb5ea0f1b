"""The job's hold on its snapshot: starts and stops the keeper, and knows which moment counts."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.snapshot import SnapshotActivities
    from core.models import SnapshotInput
    from core.progress import Snapshot
    from workflows import outcomes
    from workflows.activity_options import keeping


class SnapshotLease:
    """At most one keeper runs. Each snapshot that counts has a higher epoch than all before it."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.history: list[Snapshot] = []
        self._keeper: workflow.ActivityHandle[None] | None = None
        self._earlier_epochs = 0
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def held(self) -> bool:
        """A keeper runs and has told its moment. Where it lost that moment, it takes the next one by itself."""
        told = self.current is not None and self.current.epoch > self._earlier_epochs
        return self._keeper is not None and not self._keeper.done() and told

    def take(self, snapshot: Snapshot) -> bool:
        """The keeper's signal: this moment counts from now on. False: a newer one counts already, because the signal
        comes from a keeper that was taken for dead."""
        if self.current is not None and snapshot.epoch <= self.current.epoch:
            return False
        self.current = snapshot
        self.history.append(snapshot)
        return True

    async def acquire(self, given: SnapshotInput, outage_seconds: int) -> None:
        """Starts a keeper and returns when it has told its moment, or was let go of meanwhile.

        `first_epoch` of the input is set here. Raises ActivityError where there is no snapshot to be had.
        """
        if self._keeper is None or self._keeper.done():
            self._earlier_epochs = self.current.epoch if self.current else 0
            self._keeper = workflow.start_activity_method(
                SnapshotActivities.keep_snapshot,
                given.model_copy(update={"first_epoch": self._earlier_epochs + 1}),
                **keeping(outage_seconds, f"keep the snapshot of {given.source}"),
            )
        keeper = self._keeper
        await workflow.wait_condition(lambda: self.held or keeper.done() or self._keeper is not keeper)
        if self._keeper is keeper and keeper.done():
            self._keeper = None
            await keeper

    async def release(self) -> None:
        """Ends the keeper's session, where there is one, and returns when it is gone, whoever asked for its end."""
        self.let_go()
        await workflow.wait_condition(lambda: not self._ending)

    def let_go(self) -> None:
        """Asks the keeper to end its session, where there is one, and does not wait for that."""
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            ending = asyncio.create_task(self._end(keeper))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _end(self, keeper: workflow.ActivityHandle[None]) -> None:
        keeper.cancel()
        try:
            await keeper
        except ActivityError as error:
            if not outcomes.cancelled(error):
                workflow.logger.warning("the snapshot's keeper had failed: %s", outcomes.message(error))
