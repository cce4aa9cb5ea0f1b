"""A process's metrics: counted here under the names of core/metric_names.py, read by Prometheus and by OTLP export."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from core import metric_names
from core.metric_names import Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""Bounds of histograms: a hop through Temporal takes tens of milliseconds, an index build half an hour."""

log = logging.getLogger(__name__)

Sampled = Mapping[tuple[str, ...], float]
"""Values of a gauge by the values of its labels, in their order."""


class Meters:
    """Counters and histograms are told what happens, gauges are asked when somebody looks. Safe from any thread."""

    def __init__(self, process: str) -> None:
        """`process` is what runs here: `api` or `worker`."""
        # A gauge more for each series, which Prometheus has no use for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counters = {m.name: self._counter(m) for m in metric_names.ALL if m.kind == "counter"}
        self._histograms = {m.name: self._histogram(m) for m in metric_names.ALL if m.kind == "histogram"}
        self.sample(metric_names.BUILD, lambda: {(version("sterna"), process): 1.0})

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Something happened `amount` times."""
        self._counters[metric.name].labels(*labels).inc(amount)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Something took so long."""
        self._histograms[metric.name].labels(*labels).observe(value)

    def sample(self, metric: Metric, ask: Callable[[], Sampled]) -> None:
        """From now on the gauge is what `ask` answers, in the thread of who looks; nothing where it answers nothing."""
        self.registry.register(_Gauge(metric, ask))

    def sample_one(self, metric: Metric, ask: Callable[[], float]) -> None:
        """A gauge without labels."""
        self.sample(metric, lambda: {(): ask()})

    def show(self, collector: Collector) -> None:
        """Metrics that are counted elsewhere."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """All of them in Prometheus's text format (CONTENT_TYPE)."""
        return generate_latest(self.registry)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.meaning, metric.labels, buckets=SECONDS, registry=self.registry)


class _Gauge(Collector):
    def __init__(self, metric: Metric, ask: Callable[[], Sampled]) -> None:
        self._metric = metric
        self._ask = ask

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Registering must not ask for values."""
        yield GaugeMetricFamily(self._metric.name, self._metric.meaning, labels=self._metric.labels)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._metric.name, self._metric.meaning, labels=self._metric.labels)
        try:
            answer = self._ask()
        except Exception:  # one gauge that fails must not hide the other metrics
            log.exception("%s cannot be told", self._metric.name)
            answer = {}
        for labels, value in answer.items():
            family.add_metric(labels, value)
        yield family
