"""A job's standstill: nothing of it runs while an operator has paused it or its maintenance window is closed."""

from __future__ import annotations

from enum import Enum

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.snapshot_lease import SnapshotLease
    from workflows.stage_gate import StageGate
    from workflows.table_children import TableChildren


class Reason(Enum):
    """Why a job stands still."""

    OPERATOR = "operator"
    WINDOW = "window"


class Standstill:
    """The job goes on when no reason is left."""

    def __init__(self, gate: StageGate, children: TableChildren, snapshot: SnapshotLease) -> None:
        self._gate = gate
        self._children = children
        self._snapshot = snapshot
        self._reasons: set[Reason] = set()

    async def begin(self, reason: Reason, *, release: bool) -> None:
        """Returns when nothing runs any more, or the reason is gone again; `release` lets go of the snapshot then."""
        self._reasons.add(reason)
        self._children.paused = True
        told = self._children.signal("pause")
        await self._gate.close()
        await told
        if release and self._gate.closed:
            await self._snapshot.release()

    async def end(self, reason: Reason) -> None:
        """Goes on, unless there is another reason to stand still."""
        self._reasons.discard(reason)
        if self._reasons:
            return
        self._children.paused = False
        self._gate.open()
        await self._children.signal("resume")
