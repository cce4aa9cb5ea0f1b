"""The Temporal SDK of one process: its metrics on a loopback port, its log among ours, its word that workers live."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from datetime import timedelta

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

LIFE_SIGN = timedelta(seconds=5)
"""How often each worker tells Temporal that it lives, and how many of its slots are taken (`sterna queues`)."""
PORTS_TRIED = 5
LOGGER = "temporalio.core"


@dataclass(frozen=True)
class SdkRuntime:
    """A runtime, and where it shows its metrics."""

    runtime: Runtime
    metrics_url: str


def sdk_runtime(life_sign: timedelta = LIFE_SIGN) -> SdkRuntime:
    """A new runtime; a process needs one. Its metrics are named as Temporal documents them, with units in seconds.

    They are on a loopback port of their own, because the SDK's core (Rust) serves them itself; `SdkMetrics` shows them
    with the process's own.
    """
    for left in reversed(range(PORTS_TRIED)):
        address = f"127.0.0.1:{_free_port()}"
        try:
            return SdkRuntime(_runtime(address, life_sign), f"http://{address}/metrics")
        except (RuntimeError, ValueError):  # another program took the port in the meantime
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _runtime(address: str, life_sign: timedelta) -> Runtime:
    metrics = PrometheusConfig(
        bind_address=address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    log = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logger=logging.getLogger(LOGGER), append_target_to_name=False),
    )
    return Runtime(
        telemetry=TelemetryConfig(logging=log, metrics=metrics),
        worker_heartbeat_interval=life_sign,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
