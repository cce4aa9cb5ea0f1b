"""OTLP export of traces and metrics over HTTP, by the standard OTEL_* variables; imported only where it is wanted."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric

from core.otlp_points import as_otlp

DEFAULT_INTERVAL_MILLIS = 60_000
LAST_SECONDS = 3.0
PROTOCOL = "http/protobuf"
log = logging.getLogger(__name__)


def tracer_provider(service: str) -> TracerProvider:
    """What makes spans and sends them. The caller ends it by `send_the_last`."""
    _mention_protocol("TRACES")
    provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def send_the_last(provider: TracerProvider) -> None:
    """Ends it; what a collector does not take within seconds is lost, so that the process's end need not wait."""
    sending = threading.Thread(target=provider.shutdown, name="otlp-traces-end", daemon=True)
    sending.start()
    sending.join(LAST_SECONDS)


class MetricsPush:
    """Sends all metrics every OTEL_METRIC_EXPORT_INTERVAL milliseconds, and once more when it stops."""

    def __init__(self, service: str, collect: Callable[[], Iterable[Metric]]) -> None:
        """`collect` is asked in a thread of its own."""
        _mention_protocol("METRICS")
        self._resource = _resource(service)
        self._collect = collect
        self._began = time.time_ns()
        self._exporter = OTLPMetricExporter()
        self._interval = int(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL") or DEFAULT_INTERVAL_MILLIS) / 1000
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """As `send_the_last`."""
        self._end.set()
        self._thread.join(LAST_SECONDS)
        self._exporter.shutdown()

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._end.wait(self._interval)
            try:
                self._exporter.export(self._data())
            except Exception:  # a collector or the exporter failed: the next round may not
                log.exception("metrics were not exported")

    def _data(self) -> MetricsData:
        now = time.time_ns()
        metrics = [made for family in self._collect() if (made := as_otlp(family, self._began, now)) is not None]
        scope = ScopeMetrics(InstrumentationScope("sterna", version("sterna")), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _resource(service: str) -> Resource:
    """Who sends: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, where they name no service Sterna's process."""
    from_environment = Resource.create()
    named = from_environment.attributes.get(SERVICE_NAME, "")
    if str(named).startswith("unknown_service"):
        return from_environment.merge(Resource({SERVICE_NAME: service}))
    return from_environment


def _mention_protocol(signal: str) -> None:
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if os.environ.get(name, PROTOCOL) != PROTOCOL:
            log.warning("%s=%s: Sterna speaks %s only", name, os.environ[name], PROTOCOL)
            return
