"""The way to Temporal, one for API, workers, command line and tests: address and TLS come from TEMPORAL_* variables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from core.errors import Unavailable
from core.temporal_profile import connect_configuration

CONNECT_TIMEOUT = timedelta(seconds=5)
PAUSE_BETWEEN_TRIES = 1.0

STAGES = ("control", "extract", "transform", "load", "validate")
"""What worker processes serve; each has its task queue."""
Stage = Literal["control", "snapshot", "extract", "transform", "load", "validate"]


async def connect(
    *,
    address: str | None = None,
    namespace: str | None = None,
    identity: str | None = None,
    patience: float = 0.0,
    runtime: Runtime | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """A connected client that speaks pydantic models.

    `address` (host:port) and `namespace` override TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE. `patience` is the number of
    seconds for which an unreachable server is tried again. Raises Unavailable, InvalidConfiguration.
    """
    config = connect_configuration(address, namespace)
    target = config["target_host"]
    deadline = time.monotonic() + patience
    while True:
        try:
            return await Client.connect(
                **config,
                data_converter=pydantic_data_converter,
                identity=identity,
                runtime=runtime,
                interceptors=interceptors,
                connect_timeout=CONNECT_TIMEOUT,
            )
        except (RuntimeError, RPCError, OSError, TimeoutError) as error:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"Temporal at {target} cannot be reached: {error}",
                    remedy="Start the server, or set TEMPORAL_ADDRESS (and TEMPORAL_TLS_* where it asks for TLS)",
                ) from error
        await asyncio.sleep(PAUSE_BETWEEN_TRIES)


def task_queue(prefix: str, stage: Stage) -> str:
    """Name of a stage's task queue; `prefix` is the setting `task_queue_prefix`."""
    return f"{prefix}-{stage}"


def job_workflow_id(job_id: str) -> str:
    """Workflow id of a job, the same for each of its runs."""
    return f"migration/{job_id}"


def replay_workflow_id(job_id: str) -> str:
    """Workflow id of the replay of a job's rejects."""
    return f"replay/{job_id}"


def table_workflow_id(job_id: str, table_id: str) -> str:
    """Workflow id of a table's child."""
    return f"migration/{job_id}/{table_id}"


def schedule_prefix() -> str:
    """What ids of schedules begin with."""
    return "schedule/"


def schedule_id(job_id: str) -> str:
    """Id of a job's schedule, and what the ids of the workflows that it starts begin with."""
    return f"{schedule_prefix()}{job_id}"
