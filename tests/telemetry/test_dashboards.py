"""Dashboard and alerts ask only for metrics and labels that the code emits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import metric_names as names
from tests.telemetry.conftest import Observed
from tests.telemetry.promql import Invalid, parse

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
DASHBOARD = DEPLOY / "grafana" / "sterna.json"
CASES = Path(__file__).with_name("alert_cases.yaml")
PROMETHEUS = {"instance", "job"}
"""Labels that Prometheus itself adds."""


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [rule["expr"] for rule in alerts()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def test_dashboard_and_alerts_ask_for_what_is_emitted(observed: Observed) -> None:
    emitted: dict[str, set[str]] = {}
    for metric in names.ALL:
        series = [metric.name] if metric.kind != "histogram" else [f"{metric.name}_bucket", f"{metric.name}_count"]
        for name in series:
            emitted[name] = {*metric.labels, *({"le"} if name.endswith("_bucket") else ())}
    for url in (observed.worker_url(), observed.stack.api_url):
        for name, samples in observed.scrape(url).items():
            if not name.startswith("sterna_"):
                emitted.setdefault(name, set()).update(*(labels for labels, _ in samples))
    for expression in expressions():
        for selector in parse(expression):
            assert selector.name in emitted, expression
            unknown = selector.labels - emitted[selector.name] - PROMETHEUS
            assert not unknown, f"{selector.name} has no label {unknown}: {expression}"


def test_every_metric_of_sterna_is_on_the_dashboard() -> None:
    asked = {selector.name for expression in expressions() for selector in parse(expression)}
    missing = {metric.name for metric in names.ALL if not any(name.startswith(metric.name) for name in asked)}
    assert missing == set()


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}, rule["alert"]
        assert rule["annotations"]["runbook"].startswith("1. "), rule["alert"]


def test_panels_do_not_overlap_and_ids_are_unique() -> None:
    places = [
        (x, y)
        for panel in panels()
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert all(x < 24 for x, _ in places)
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "text",
    [
        "sum(rate(a_total)) > 0",
        "a_total[5m]",
        "sum(a_total[5m])",
        "rate(a_total[5m]",
        'max(a{b="c") > 0',
        "a >",
        "nonsense(a)",
        "1 unless a",
        "a b",
    ],
)
def test_what_prometheus_would_refuse_is_refused_here(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text)


@pytest.fixture
def promtool() -> str:
    beside = Path(sys.executable).parent  # where `make test` puts it
    found = shutil.which("promtool", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    return found or pytest.skip("promtool is not installed")


def test_prometheus_itself_reads_what_the_dashboard_asks(promtool: str, tmp_path: Path) -> None:
    asked = [text.replace("$__rate_interval", "1m") for text in expressions()]
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(asked)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    subprocess.run([promtool, "check", "rules", str(file)], check=True)


def test_alerts_fire_when_they_should_and_only_then(promtool: str, tmp_path: Path) -> None:
    subprocess.run([promtool, "check", "rules", str(ALERTS)], check=True)
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASES.read_text(encoding="utf-8").replace("- ALERTS\n", f"- {ALERTS}\n"), encoding="utf-8")
    subprocess.run([promtool, "test", "rules", str(cases)], check=True)
