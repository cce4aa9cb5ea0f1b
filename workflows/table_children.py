"""The tables' child workflows: a queue in priority order and a bounded window of those that run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from core.models import TableEntry, TableResult, TableRun
    from core.progress import TableStatus
    from core.search_attributes import JOB_ID
    from workflows import outcomes
    from workflows.table_migration import TableMigration

PLACES = 4
"""Of one table; a small one takes one of them."""
PREDECESSOR_PAUSE = timedelta(seconds=1)
Handle = workflow.ChildWorkflowHandle[Any, TableResult]


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
        self._taken = 0
        self._handles: dict[str, Handle] = {}
        self._untold: dict[str, list[tuple[str, tuple[Any, ...]]]] = {}
        self._telling = asyncio.Lock()
        self._stopping = False
        self.paused = False

    @property
    def busy(self) -> bool:
        """Some table runs or has not begun."""
        return bool(self._queue or self._running)

    @property
    def queued(self) -> bool:
        """Some table has not begun."""
        return bool(self._queue)

    @property
    def running(self) -> set[str]:
        """Ids of the tables whose child has begun, or is about to."""
        return set(self._running)

    def enqueue(self, entries: list[TableEntry]) -> None:
        """Adds tables; 1 goes first, 10 last."""
        self._queue = sorted(self._queue + entries, key=lambda entry: entry.priority)

    def withdraw(self, table_id: str) -> None:
        """Takes a table that has not begun out of the queue."""
        self._queue = [entry for entry in self._queue if entry.table_id != table_id]

    async def run_queue(
        self, parallel: Callable[[], int], describe: Callable[[TableEntry], TableRun], interrupted: Callable[[], bool]
    ) -> None:
        """Starts what is queued, `parallel` at once as it stands then, until nothing is queued and nothing runs, or
        until interrupted, which leaves running children alone. `describe` gives a child's input at its start.

        Small tables take a quarter of a place: they mostly wait for Temporal and for the servers' answers.
        """

        def next_entry() -> TableEntry | None:
            """A table whose parking is still being recorded is not begun again before that is done."""
            if self.paused or self._taken >= PLACES * parallel():
                return None
            entry = next((entry for entry in self._queue if entry.table_id not in self._running), None)
            return entry if entry and self._taken + _places(entry) <= PLACES * parallel() else None

        while self.busy and not interrupted():
            await workflow.wait_condition(lambda: bool(next_entry()) or not self.busy or interrupted())
            entry = next_entry()
            if entry is not None and not interrupted():
                self._queue.remove(entry)
                self._taken += _places(entry)
                self._running[entry.table_id] = asyncio.create_task(self._run(entry, describe(entry)))

    def signal(self, name: str, *arguments: Any) -> Awaitable[object]:
        """Tells every child: one that is being started as soon as it can hear; one that has ended needs no telling.

        Children hear in the order of these calls, whenever the results are awaited: the server delivers signals that
        are under way together in any order, so that a resume would overtake its pause.
        """
        for untold in self._untold.values():
            untold.append((name, arguments))
        return asyncio.create_task(self._tell(list(self._handles.values()), name, arguments))

    async def stop(self) -> None:
        """Cancels every child and returns when all have ended."""
        self._stopping = True
        self._queue.clear()
        for task in list(self._running.values()):
            task.cancel()
        await workflow.wait_condition(lambda: not self._running)

    async def _tell(self, handles: list[Handle], name: str, arguments: tuple[Any, ...]) -> None:
        async with self._telling:
            told = [handle.signal(name, args=list(arguments)) for handle in handles]
            await asyncio.gather(*told, return_exceptions=True)

    async def _run(self, entry: TableEntry, run: TableRun) -> None:
        try:
            result = await self._result(entry, run)
            await self._ended(result)
        finally:
            del self._running[entry.table_id]
            self._taken -= _places(entry)

    async def _result(self, entry: TableEntry, run: TableRun) -> TableResult:
        self._untold[entry.table_id] = []
        try:
            handle = await self._start(entry, run)
            self._began(entry.table_id)
            await self._catch_up(entry.table_id, handle)
            return await handle
        except (ChildWorkflowError, asyncio.CancelledError) as error:
            return self._without_result(entry, error)
        finally:
            self._untold.pop(entry.table_id, None)
            self._handles.pop(entry.table_id, None)

    async def _start(self, entry: TableEntry, run: TableRun) -> Handle:
        """Waits for a predecessor that an earlier execution of the job left behind, which was cancelled with it."""
        while True:
            try:
                return await workflow.start_child_workflow(
                    TableMigration.run,
                    run,
                    id=f"{workflow.info().workflow_id}/{entry.table_id}",
                    parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
                    cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                    priority=Priority(priority_key=run.workflow_priority),
                    search_attributes=TypedSearchAttributes([SearchAttributePair(JOB_ID, self._job_id)]),
                    static_summary=entry.name,
                )
            except WorkflowAlreadyStartedError:
                await workflow.sleep(PREDECESSOR_PAUSE)

    async def _catch_up(self, table_id: str, handle: Handle) -> None:
        """Tells a child what was said while it was being started, in that order, then lets it hear the rest."""
        while untold := self._untold[table_id]:
            name, arguments = untold.pop(0)
            await self._tell([handle], name, arguments)
        del self._untold[table_id]
        self._handles[table_id] = handle

    def _without_result(self, entry: TableEntry, error: BaseException) -> TableResult:
        if outcomes.cancelled(error) and self._stopping:
            return TableResult(table_id=entry.table_id, status=TableStatus.CANCELLED, message="cancelled")
        message = "its workflow was cancelled from outside" if outcomes.cancelled(error) else outcomes.message(error)
        return TableResult(table_id=entry.table_id, status=TableStatus.FAILED, message=message)


def _places(entry: TableEntry) -> int:
    return 1 if entry.is_small else PLACES
