"""Asks Temporal for its task queues: what waits, how fast it goes, and who serves them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    DescribeWorkerRequest,
    ListWorkersRequest,
    ListWorkersResponse,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.queue_advice import advise
from api.queue_models import QueueList, QueueView, QueueWorker
from core.temporal_client import Stage, task_queue

RPC_TIMEOUT = timedelta(seconds=3)
SILENCE = timedelta(seconds=30)
"""Workers tell that they live every few seconds; one that is silent for so long is gone."""
IDLE_POLL = timedelta(seconds=90)
"""A worker that tells nothing asks for work at least once a minute, unless all its slots are taken."""
WORKERS_A_PAGE, MOST_PAGES = 500, 20
"""Of the namespace; each process has one for each of its queues."""
Kind = Literal["activities", "workflows"]
ACTIVITIES: Kind = "activities"
WORKFLOWS: Kind = "workflows"
QUEUES: tuple[tuple[Stage, Kind], ...] = (
    ("control", WORKFLOWS),
    ("control", ACTIVITIES),
    ("snapshot", ACTIVITIES),
    ("extract", ACTIVITIES),
    ("transform", ACTIVITIES),
    ("load", ACTIVITIES),
    ("validate", ACTIVITIES),
)
TYPES = {ACTIVITIES: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, WORKFLOWS: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW}
NO_HEARTBEATS = (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.INVALID_ARGUMENT)
"""What servers answer that do not list workers, or not to us: then slots are not known."""


class QueueReader:
    """Reads the queues of one installation."""

    def __init__(self, client: Client, prefix: str) -> None:
        """`prefix` is the setting `task_queue_prefix`."""
        self._client = client
        self._prefix = prefix

    async def read(self) -> QueueList:
        """All queues as they are now, with advice. Raises RPCError."""
        heartbeats = await self._heartbeats()
        queues = await asyncio.gather(*(self._read(stage, kind, heartbeats) for stage, kind in QUEUES))
        return QueueList(queues=queues, advice=advise(queues))

    async def _read(self, stage: Stage, kind: Kind, heartbeats: list[WorkerHeartbeat]) -> QueueView:
        name = task_queue(self._prefix, stage)
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=TYPES[kind],
            report_stats=True,
        )
        found = await self._client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
        stats = found.stats
        return QueueView(
            name=name,
            stage=stage,
            kind=kind,
            backlog=stats.approximate_backlog_count,
            backlog_age_seconds=stats.approximate_backlog_age.ToTimedelta() / timedelta(seconds=1),
            added_per_second=stats.tasks_add_rate,
            taken_per_second=stats.tasks_dispatch_rate,
            workers=_workers(kind, found, [beat for beat in heartbeats if beat.task_queue == name], datetime.now(UTC)),
        )

    async def _heartbeats(self) -> list[WorkerHeartbeat]:
        """The newest word of each worker."""
        found: list[WorkerHeartbeat] = []
        request = ListWorkersRequest(namespace=self._client.namespace, page_size=WORKERS_A_PAGE)
        try:
            for _ in range(MOST_PAGES):
                listed = await self._client.workflow_service.list_workers(request, timeout=RPC_TIMEOUT)
                found += await self._heartbeats_of(listed)
                request.next_page_token = listed.next_page_token
                if not listed.next_page_token:
                    break
        except RPCError as error:
            if error.status not in NO_HEARTBEATS:
                raise
        return found

    async def _heartbeats_of(self, listed: ListWorkersResponse) -> list[WorkerHeartbeat]:
        if listed.workers_info:  # newer servers list names only
            return [info.worker_heartbeat for info in listed.workers_info]
        keys = [worker.worker_instance_key for worker in listed.workers if self._is_ours(worker.task_queue)]
        return await asyncio.gather(*(self._heartbeat(key) for key in keys))

    async def _heartbeat(self, key: str) -> WorkerHeartbeat:
        request = DescribeWorkerRequest(namespace=self._client.namespace, worker_instance_key=key)
        try:
            found = await self._client.workflow_service.describe_worker(request, timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:  # it went meanwhile
                return WorkerHeartbeat()
            raise
        return found.worker_info.worker_heartbeat

    def _is_ours(self, queue: str) -> bool:
        return queue in {task_queue(self._prefix, stage) for stage, _ in QUEUES}


def _workers(
    kind: Kind, found: DescribeTaskQueueResponse, heartbeats: Iterable[WorkerHeartbeat], now: datetime
) -> list[QueueWorker]:
    """Who tells that it lives, and who asks for work without telling anything (workers of other programs)."""
    told: dict[str, QueueWorker | None] = {}
    for beat in heartbeats:
        seen = beat.heartbeat_time.ToDatetime(UTC)
        gone = beat.status == WorkerStatus.WORKER_STATUS_SHUTDOWN or now - seen > SILENCE
        worker = None if gone else _as_told(kind, beat, seen)
        told[beat.worker_identity] = worker or told.get(beat.worker_identity)
    for poller in found.pollers:
        seen = poller.last_access_time.ToDatetime(UTC)
        if poller.identity not in told and now - seen < IDLE_POLL:
            told[poller.identity] = QueueWorker(identity=poller.identity, last_seen=seen)
    return sorted((worker for worker in told.values() if worker is not None), key=lambda worker: worker.identity)


def _as_told(kind: Kind, beat: WorkerHeartbeat, seen: datetime) -> QueueWorker:
    slots = beat.workflow_task_slots_info if kind == WORKFLOWS else beat.activity_task_slots_info
    return QueueWorker(
        identity=beat.worker_identity,
        last_seen=seen,
        slots=slots.current_used_slots + slots.current_available_slots,
        slots_used=slots.current_used_slots,
    )
