"""The job's hold on its snapshot: starts and stops the keeper, and knows which moment counts."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.snapshot import SnapshotActivities
    from core.models import Endpoint, Snapshot, SnapshotInput
    from workflows import outcomes
    from workflows.activity_options import keeping


class SnapshotLease:
    """At most one keeper runs. Each snapshot that it signals has a higher epoch than all before it."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.history: list[Snapshot] = []
        self._keeper: workflow.ActivityHandle[None] | None = None
        self._earlier_epochs = 0

    @property
    def held(self) -> bool:
        """A keeper runs and has told its moment."""
        return self._keeper is not None and self.current is not None and self.current.epoch > self._earlier_epochs

    def take(self, snapshot: Snapshot) -> None:
        """The keeper's signal: this moment counts from now on."""
        self.current = snapshot
        self.history.append(snapshot)

    async def acquire(self, job_id: str, run: int, source: Endpoint, routes: list[str]) -> None:
        """Starts a keeper and returns when it has told its moment. Raises ActivityError where it cannot."""
        if self._keeper is None:
            self._earlier_epochs = self.current.epoch if self.current else 0
            given = SnapshotInput(
                job_id=job_id, run=run, source=source, first_epoch=self._earlier_epochs + 1, routes=routes
            )
            self._keeper = workflow.start_activity_method(
                SnapshotActivities.keep_snapshot, given, **keeping(f"keep the snapshot of {source}")
            )
        keeper = self._keeper
        await workflow.wait_condition(lambda: self.held or keeper.done())
        if not self.held:
            self._keeper = None
            await keeper

    async def release(self) -> None:
        """Ends the keeper's session, where there is one."""
        if self._keeper is None:
            return
        keeper, self._keeper = self._keeper, None
        keeper.cancel()
        try:
            await keeper
        except ActivityError as error:
            if not outcomes.cancelled(error):
                workflow.logger.warning("the snapshot's keeper had failed: %s", outcomes.message(error))
