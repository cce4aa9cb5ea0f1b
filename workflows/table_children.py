"""The tables' child workflows: a queue in priority order and a bounded window of those that run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ChildWorkflowError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from core.models import TableEntry, TableResult, TableRun, TableStatus
    from workflows import outcomes
    from workflows.search_attributes import JOB_ID
    from workflows.table_migration import TableMigration


class TableChildren:
    """Starts children while it may, and tells how each began and ended. A child's failure is its table's result."""

    def __init__(
        self, job_id: str, began: Callable[[str], None], ended: Callable[[TableResult], Awaitable[None]]
    ) -> None:
        self._job_id = job_id
        self._began = began
        self._ended = ended
        self._queue: list[TableEntry] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._handles: dict[str, workflow.ChildWorkflowHandle[Any, TableResult]] = {}
        self.paused = False

    @property
    def queued(self) -> bool:
        """Some table has not begun."""
        return bool(self._queue)

    def enqueue(self, entries: list[TableEntry]) -> None:
        """Adds tables; 1 goes first, 10 last."""
        self._queue = sorted(self._queue + entries, key=lambda entry: entry.priority)

    async def run_queue(self, parallel: int, describe: Callable[[TableEntry], TableRun]) -> None:
        """Runs until nothing is queued and nothing runs; `describe` gives a child's input at its start."""

        def may_start() -> bool:
            return bool(self._queue) and len(self._running) < parallel and not self.paused

        while self._queue or self._running:
            await workflow.wait_condition(lambda: may_start() or not (self._queue or self._running))
            if may_start():
                entry = self._queue.pop(0)
                self._running[entry.table_id] = asyncio.create_task(self._run(entry, describe(entry)))

    async def signal(self, name: str, *arguments: Any) -> None:
        """Tells every running child; one that has just ended needs no telling."""
        told = [handle.signal(name, args=list(arguments)) for handle in self._handles.values()]
        await asyncio.gather(*told, return_exceptions=True)

    async def stop(self) -> None:
        """Cancels every child and returns when all have ended."""
        self._queue.clear()
        for task in list(self._running.values()):
            task.cancel()
        await workflow.wait_condition(lambda: not self._running)

    async def _run(self, entry: TableEntry, run: TableRun) -> None:
        try:
            handle = await workflow.start_child_workflow(
                TableMigration.run,
                run,
                id=f"{workflow.info().workflow_id}/{entry.table_id}",
                parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
                cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                priority=Priority(priority_key=run.workflow_priority),
                search_attributes=TypedSearchAttributes([SearchAttributePair(JOB_ID, self._job_id)]),
                static_summary=entry.name,
            )
            self._handles[entry.table_id] = handle
            self._began(entry.table_id)
            result = await handle
        except (ChildWorkflowError, asyncio.CancelledError) as error:
            result = _without_result(entry, error)
        self._handles.pop(entry.table_id, None)
        await self._ended(result)
        del self._running[entry.table_id]


def _without_result(entry: TableEntry, error: BaseException) -> TableResult:
    if outcomes.cancelled(error):
        return TableResult(table_id=entry.table_id, status=TableStatus.CANCELLED, message="cancelled")
    return TableResult(table_id=entry.table_id, status=TableStatus.FAILED, message=outcomes.message(error))
