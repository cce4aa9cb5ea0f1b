from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from core.otlp_points import as_otlp
from core.telemetry import exports


@pytest.mark.parametrize(
    ("variables", "signal", "expected"),
    [
        ({}, "traces", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "traces", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "metrics", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "metrics", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, "traces", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, "metrics", False),
    ],
)
def test_nothing_is_exported_unless_the_standard_variables_ask_for_it(
    variables: dict[str, str], signal: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_TRACES_EXPORTER",
        "OTEL_SDK_DISABLED",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert exports(signal) is expected


def test_what_prometheus_reads_is_what_otlp_carries() -> None:
    disable_created_metrics()
    registry = CollectorRegistry()
    Counter("rows_total", "rows", ["stage"], registry=registry).labels("load").inc(7)
    Gauge("age", "age", registry=registry).set(1.5)
    seconds = Histogram("seconds", "seconds", buckets=(1, 10), registry=registry)
    for value in (0.5, 5, 6, 50):
        seconds.observe(value)
    made = {metric.name: metric for family in registry.collect() if (metric := as_otlp(family, 1, 2)) is not None}
    [rows] = made["rows_total"].data.data_points
    assert (dict(rows.attributes or {}), getattr(rows, "value", None)) == ({"stage": "load"}, 7)
    [age] = made["age"].data.data_points
    assert getattr(age, "value", None) == 1.5
    [point] = made["seconds"].data.data_points
    assert list(getattr(point, "bucket_counts", [])) == [1, 2, 1]
    assert list(getattr(point, "explicit_bounds", [])) == [1, 10]
    assert (getattr(point, "count", None), getattr(point, "sum", None)) == (4, 61.5)
