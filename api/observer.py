"""What metrics of the whole installation are: jobs as the config store counts them, queues as Temporal does."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from api.queue_models import QueueView
from api.queues import QueueReader
from core import metric_names as names
from core.config_store.store import ConfigStore
from core.errors import MigrationError
from core.meters import Meters, Sampled
from core.progress import JobProgress, TableStatus
from core.temporal_client import job_workflow_id

FRESH_SECONDS = 5.0
LONGEST_LOOK_SECONDS = 4.0
"""Prometheus waits for ten seconds, by default."""
QUERY_TIMEOUT = timedelta(seconds=2)
MOST_QUERIES = 50
"""Jobs that are asked for parked tables; a query is a task for a control worker."""
QUERIES_AT_ONCE = 5
JOBS_PART, QUEUES_PART = "jobs", "queues"

log = logging.getLogger(__name__)


class Observer:
    """Looks when somebody reads the metrics; every API process shows the same numbers."""

    def __init__(self, store: ConfigStore, client: Client, queues: QueueReader, meters: Meters) -> None:
        self._store = store
        self._client = client
        self._queues = queues
        self._turn = asyncio.Lock()
        self._looked = float("-inf")
        self._shown: dict[str, Sampled] = {}
        for metric in (
            names.JOBS,
            names.JOBS_IN_NEED,
            names.PARKED_TABLES,
            names.QUEUE_BACKLOG,
            names.QUEUE_AGE,
            names.QUEUE_WORKERS,
            names.QUEUE_SLOTS,
            names.QUEUE_SLOTS_USED,
            names.OBSERVED,
        ):
            meters.sample(metric, lambda name=metric.name: self._shown.get(name, {}))  # type: ignore[misc]

    async def look(self) -> None:
        """Renews what the gauges show, where it is older than a few seconds. What cannot be asked is not shown."""
        async with self._turn:
            if time.monotonic() - self._looked < FRESH_SECONDS:
                return
            jobs, queues = await asyncio.gather(self._jobs(), self._queue_gauges())
            told: Sampled = {(JOBS_PART,): float(bool(jobs)), (QUEUES_PART,): float(bool(queues))}
            self._shown = {**jobs, **queues, names.OBSERVED.name: told}
            self._looked = time.monotonic()

    async def run(self, interval: float) -> None:
        """Looks for ever, for metrics that are pushed."""
        while True:
            await self.look()
            await asyncio.sleep(interval)

    async def _jobs(self) -> dict[str, Sampled]:
        try:
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                counts = await self._store.count_jobs()
                in_need = await self._store.jobs_in_need()
        except (MigrationError, TimeoutError) as error:
            log.warning("metrics lack jobs: %s", str(error) or "the config store does not answer")
            return {}
        shown: dict[str, Sampled] = {
            names.JOBS.name: {(status.value,): float(count) for status, count in counts.items()},
            names.JOBS_IN_NEED.name: {(): float(len(in_need))},
        }
        with suppress(TimeoutError):  # no control worker answers queries
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                parked = await self._parked_tables(in_need[:MOST_QUERIES])
                shown[names.PARKED_TABLES.name] = {(): float(parked)}
        return shown

    async def _parked_tables(self, job_ids: list[str]) -> int:
        turns = asyncio.Semaphore(QUERIES_AT_ONCE)

        async def parked(job_id: str) -> int:
            handle = self._client.get_workflow_handle(job_workflow_id(job_id))
            async with turns:
                try:
                    answer = await handle.query("progress", result_type=JobProgress, rpc_timeout=QUERY_TIMEOUT)
                except (RPCError, WorkflowQueryFailedError):
                    return 0
            return sum(table.status is TableStatus.PARKED for table in answer.tables)

        return sum(await asyncio.gather(*map(parked, job_ids)))

    async def _queue_gauges(self) -> dict[str, Sampled]:
        try:
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                queues = (await self._queues.read()).queues
        except (RPCError, TimeoutError) as error:
            log.warning("metrics lack queues: Temporal does not answer: %s", error)
            return {}
        return {
            names.QUEUE_BACKLOG.name: {_labels(queue): float(queue.backlog) for queue in queues},
            names.QUEUE_AGE.name: {_labels(queue): queue.backlog_age_seconds for queue in queues},
            names.QUEUE_WORKERS.name: {_labels(queue): float(len(queue.workers)) for queue in queues},
            names.QUEUE_SLOTS.name: {_labels(queue): float(queue.slots) for queue in queues if queue.slots is not None},
            names.QUEUE_SLOTS_USED.name: {_labels(queue): float(queue.slots_used) for queue in queues},
        }


def _labels(queue: QueueView) -> tuple[str, ...]:
    return queue.stage, queue.kind
