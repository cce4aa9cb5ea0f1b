"""What a process begins with: metrics, the Temporal SDK's among them, and export where OTEL_* variables ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from opentelemetry import trace
from temporalio.client import Interceptor
from temporalio.runtime import Runtime

from core.meters import Meters
from core.otlp_export import MetricsPush, exports, tracer_provider
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


@contextmanager
def telemetry(process: Literal["api", "worker"]) -> Iterator[Telemetry]:
    """Runs until the block ends; what is not sent yet is sent then. Once in a process."""
    with ExitStack() as running:
        sdk = sdk_runtime()
        meters = Meters(process)
        meters.show(SdkMetrics(sdk.metrics_url))
        interceptors: list[Interceptor] = []
        provider = tracer_provider(f"sterna-{process}")
        if provider is not None:
            from temporalio.contrib.opentelemetry import TracingInterceptor  # half a second of imports

            running.callback(provider.shutdown)
            trace.set_tracer_provider(provider)
            interceptors.append(TracingInterceptor(provider.get_tracer("sterna.temporal")))
        pushes = exports("metrics")
        if pushes:
            running.callback(MetricsPush(f"sterna-{process}", meters.registry.collect).stop)
        yield Telemetry(meters, sdk.runtime, interceptors, pushes)
