"""The composition root of a worker process: serves the stages it is told to, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib import import_module

from temporalio.worker import Worker

from activities.failures import TypedFailures
from activities.resources.activity_scope import EndsWithActivity
from activities.resources.encryption_keys import find_key_ring
from connectors.registry import find_type
from core.encryption.key_ring import KeyRing
from core.errors import InvalidConfiguration
from core.logs import configure_logging
from core.redaction import RedactsSecrets, ResolvedSecrets
from core.settings import Settings
from core.telemetry import Telemetry, telemetry
from core.temporal_client import STAGES, connect, task_queue
from worker.health import Health, serving
from worker.parts import Parts, Service
from worker.telemetry import CountsActivities

PATIENCE_SECONDS = 60.0
LOG = logging.getLogger("sterna.worker")


def run(stages: Sequence[str], settings: Settings) -> None:
    """Serves the stages until SIGTERM or SIGINT. Raises InvalidConfiguration for a stage that does not exist,
    and what `find_key_ring` raises."""
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown or not stages:
        raise InvalidConfiguration(f"no such stage: {', '.join(unknown)}", remedy=f"Stages are {', '.join(STAGES)}")
    resolved = ResolvedSecrets()
    configure_logging(settings, [RedactsSecrets(resolved)])
    keys = find_key_ring(settings.encryption_keys)
    with telemetry("worker") as begun:
        asyncio.run(_serve(stages, settings, begun, keys, resolved))


async def _serve(
    stages: Sequence[str], settings: Settings, begun: Telemetry, keys: KeyRing, resolved: ResolvedSecrets
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(patience=PATIENCE_SECONDS, runtime=begun.runtime, interceptors=begun.interceptors)
    parts = Parts.build(client, settings, begun.meters, keys, resolved)
    health = Health(client, asyncio.get_running_loop(), begun.meters)
    counting = CountsActivities(parts, stages)
    async with AsyncExitStack() as running:
        running.push_async_callback(asyncio.to_thread, parts.vault.close)
        running.enter_context(serving(health, settings.metrics_host, settings.metrics_port))
        for stage in stages:
            module = import_module(f"worker.stages.{stage}")
            for service in await running.enter_async_context(module.services(parts)):
                health.watch(await running.enter_async_context(_worker(parts, service, counting)))
        health.begin()
        LOG.info("serving %s", ", ".join(stages))
        preloading = asyncio.create_task(asyncio.to_thread(_preload, settings.preload))
        await stop.wait()
        health.stop()
        await preloading


def _preload(types: Sequence[str]) -> None:
    """A first import takes a second of CPU: better now than in the first job."""
    for name in types:
        try:
            find_type(name).connector_class()
        except InvalidConfiguration as error:
            LOG.warning("STERNA_PRELOAD: %s", error)


def _worker(parts: Parts, service: Service, counting: CountsActivities) -> Worker:
    return Worker(
        parts.client,
        task_queue=task_queue(parts.settings.task_queue_prefix, service.queue),
        activities=service.activities,
        workflows=service.workflows,
        max_concurrent_activities=service.slots,
        interceptors=[counting, TypedFailures(parts.fields), EndsWithActivity()],
        graceful_shutdown_timeout=timedelta(seconds=parts.settings.graceful_shutdown_seconds),
        max_heartbeat_throttle_interval=service.heartbeat_throttle,
        default_heartbeat_throttle_interval=service.heartbeat_throttle,
    )
