"""Prometheus's metrics as OTLP's data points: what is counted once is exported both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import prometheus_client
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from prometheus_client.samples import Sample

CUMULATIVE = AggregationTemporality.CUMULATIVE
Labels = tuple[tuple[str, str], ...]


def as_otlp(family: prometheus_client.Metric, began: int, now: int) -> Metric | None:
    """The family at that time (nanoseconds), counted since `began`; None where it has no value."""
    if not family.samples:
        return None
    if family.type == "histogram":
        data: Sum | Gauge | Histogram = Histogram(_histograms(family.samples, began, now), CUMULATIVE)
    elif family.type == "counter":
        data = Sum([_number(sample, began, now) for sample in family.samples], CUMULATIVE, is_monotonic=True)
    else:
        data = Gauge([_number(sample, began, now) for sample in family.samples])
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Metric(name, family.documentation, "", data)


def _number(sample: Sample, began: int, now: int) -> NumberDataPoint:
    return NumberDataPoint(dict(sample.labels), began, now, sample.value)


def _histograms(samples: Sequence[Sample], began: int, now: int) -> list[HistogramDataPoint]:
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    sums: dict[Labels, float] = {}
    for sample in samples:
        labels = _labels(sample.labels)
        if sample.name.endswith("_bucket"):
            buckets.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    return [_histogram(labels, sorted(found), sums.get(labels, 0.0), began, now) for labels, found in buckets.items()]


def _histogram(
    labels: Labels, buckets: list[tuple[float, float]], total: float, began: int, now: int
) -> HistogramDataPoint:
    """Prometheus counts up to each bound, OTLP between bounds; the last bound is infinity."""
    up_to = [int(count) for _, count in buckets]
    between = [count - before for count, before in zip(up_to, [0, *up_to], strict=False)]
    bounds = [bound for bound, _ in buckets[:-1]]
    unknown: Any = None  # least and greatest value; the encoder leaves them out
    return HistogramDataPoint(dict(labels), began, now, up_to[-1], total, between, bounds, unknown, unknown)


def _labels(labels: Mapping[str, str]) -> Labels:
    return tuple((name, value) for name, value in labels.items() if name != "le")
