from __future__ import annotations

from pathlib import Path

from core import metric_names
from core.meters import Meters
from core.metric_names import Metric

DOCS = Path(__file__).parents[2] / "docs" / "telemetry.md"


def test_the_documentation_lists_every_metric() -> None:
    assert metric_names.markdown_table() in DOCS.read_text(encoding="utf-8"), (
        "run: python -c 'from core.metric_names import markdown_table; print(markdown_table())'"
    )


def test_every_metric_is_in_the_list_once() -> None:
    defined = [value for value in vars(metric_names).values() if isinstance(value, Metric)]
    assert sorted(metric.name for metric in defined) == sorted(metric.name for metric in metric_names.ALL)


def test_no_label_is_without_bound() -> None:
    labels = {label for metric in metric_names.ALL for label in metric.labels}
    assert labels.isdisjoint({"job", "job_id", "table", "table_id", "batch", "attempt", "identity", "path"})


def test_a_gauge_that_nobody_can_answer_is_not_shown() -> None:
    meters = Meters("worker")
    answers: dict[tuple[str, ...], float] = {}
    meters.sample(metric_names.QUEUE_BACKLOG, lambda: answers)
    assert b"sterna_queue_backlog{" not in meters.text()
    answers["load", "activities"] = 40.0
    assert b'sterna_queue_backlog{kind="activities",stage="load"} 40.0' in meters.text()
