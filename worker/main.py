"""The composition root of a worker process: serves the stages it is told to, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.failures import TypedFailures
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.errors import InvalidConfiguration
from core.settings import Settings
from core.temporal_client import connect
from worker import registration
from worker.registration import STAGES, WORKFLOWS, Activity, Parts

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""Pause and cancel travel on the answers to heartbeats, so they must not be held back for long."""
KEEPERS_AT_ONCE = 1000
CONTROL_SLOTS = 50
PATIENCE_SECONDS = 60.0


def run(stages: Sequence[str], settings: Settings) -> None:
    """Serves the stages until SIGTERM or SIGINT. Raises InvalidConfiguration for a stage that does not exist."""
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown or not stages:
        raise InvalidConfiguration(f"no such stage: {', '.join(unknown)}", remedy=f"Stages are {', '.join(STAGES)}")
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(_serve(stages, settings))


async def _serve(stages: Sequence[str], settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(patience=PATIENCE_SECONDS)
    async with AsyncExitStack() as running:
        for worker in await _build_workers(running, client, stages, settings):
            await running.enter_async_context(worker)
        logging.getLogger("sterna.worker").info("serving %s", ", ".join(stages))
        await stop.wait()


async def _build_workers(
    running: AsyncExitStack, client: Client, stages: Sequence[str], settings: Settings
) -> list[Worker]:
    parts = Parts.build(client, settings)
    workers = []
    for stage in stages:
        if stage == "control":
            store = await running.enter_async_context(_open_store(settings))
            activities = registration.control_activities(parts, store)
            workers.append(_worker(parts, "control", activities, CONTROL_SLOTS, workflows=WORKFLOWS))
            keepers = registration.snapshot_activities(parts)
            workers.append(_worker(parts, "snapshot", keepers, KEEPERS_AT_ONCE))
        else:
            activities = getattr(registration, f"{stage}_activities")(parts)
            workers.append(_worker(parts, stage, activities, getattr(settings, f"{stage}_slots")))
    return workers


def _worker(
    parts: Parts, stage: str, activities: list[Activity], slots: int, *, workflows: Sequence[type] = ()
) -> Worker:
    return Worker(
        parts.client,
        task_queue=f"{parts.settings.task_queue_prefix}-{stage}",
        activities=activities,
        max_concurrent_activities=slots,
        interceptors=[TypedFailures()],
        graceful_shutdown_timeout=timedelta(seconds=parts.settings.graceful_shutdown_seconds),
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        workflows=workflows,
    )


@asynccontextmanager
async def _open_store(settings: Settings) -> AsyncIterator[ConfigStore]:
    """Migrations are applied before the first job is served."""
    store = ConfigStore(open_engine(settings.config_store))
    await store.upgrade()
    try:
        yield store
    finally:
        await store.close()
