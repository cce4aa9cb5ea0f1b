"""What a process begins with: metrics, the Temporal SDK's among them, and export where OTEL_* variables ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from opentelemetry import trace
from temporalio.client import Interceptor
from temporalio.runtime import Runtime

from core.meters import Meters
from core.sdk_metrics import SdkMetrics
from core.temporal_runtime import sdk_runtime


@dataclass(frozen=True)
class Telemetry:
    """For the process's connection to Temporal: `connect(runtime=…, interceptors=…)`."""

    meters: Meters
    runtime: Runtime
    interceptors: list[Interceptor] = field(default_factory=list)
    """Spans of calls, workflows and activities, in the client and in its workers; none where traces go nowhere, so that
    histories hold no trace headers."""
    pushes_metrics: bool = False


def exports(signal: str) -> bool:
    """Whether `traces` or `metrics` are to be exported."""
    wanted = signal.upper()
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get(f"OTEL_{wanted}_EXPORTER", "otlp").lower() != "otlp":
        return False
    return any(
        os.environ.get(name) for name in (f"OTEL_EXPORTER_OTLP_{wanted}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )


@contextmanager
def telemetry(process: Literal["api", "worker"]) -> Iterator[Telemetry]:
    """Runs until the block ends; what is not sent yet is sent then. Once in a process."""
    with ExitStack() as running:
        sdk = sdk_runtime()
        meters = Meters(process)
        meters.show(SdkMetrics(sdk.metrics_url))
        interceptors: list[Interceptor] = []
        if exports("traces"):  # imports of what is seldom used
            from temporalio.contrib.opentelemetry import TracingInterceptor

            from core.otlp_export import send_the_last, tracer_provider

            provider = tracer_provider(f"sterna-{process}")
            running.callback(send_the_last, provider)
            trace.set_tracer_provider(provider)
            interceptors.append(TracingInterceptor(provider.get_tracer("sterna.temporal")))
        pushes = exports("metrics")
        if pushes:
            from core.otlp_export import MetricsPush

            running.callback(MetricsPush(f"sterna-{process}", meters.registry.collect).stop)
        yield Telemetry(meters, sdk.runtime, interceptors, pushes)
