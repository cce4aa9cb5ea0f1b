"""The part of docs/benchmarks.md that `make bench` writes, and its charts."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.chart import draw
from bench.report import Report
from bench.scenario import Scenario, tell
from bench.scenarios import COPY, FROM_MARIADB, KEY, TO_MARIADB, WIDE

PAGE = Path("docs/benchmarks.md")
FOLDER = Path("docs/benchmarks")
BEGIN, END = "<!-- written by make bench -->", "<!-- end of what make bench writes -->"
CHARTS = {
    "postgres": ("PostgreSQL → PostgreSQL", (COPY, KEY, WIDE)),
    "mariadb": ("PostgreSQL and MariaDB", (TO_MARIADB, FROM_MARIADB)),
}


def write(report: Report, minutes: float) -> None:
    """Replaces that part by this report. Raises ValueError where the page has no place for it."""
    charts = _draw_charts(report.scenarios)
    judgement = [
        "### Against the bounds",
        "",
        "In brackets: the bound is meant for another size.",
        "",
        *report.judgement().splitlines(),
        "",
    ]
    when = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {platform.system()} {platform.machine()} in {minutes:.0f} minutes:"
    )
    settings = [when, "", *(f"- {line}" for line in report.settings), ""]
    tables = [report.of(scenario) for scenario in report.scenarios]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    body = "\n".join([BEGIN, "", *settings, *judgement, *charts, *tables, END])
    PAGE.write_text(f"{before}{body}{after}", encoding="utf-8")


def _draw_charts(scenarios: Sequence[Scenario]) -> list[str]:
    FOLDER.mkdir(exist_ok=True)
    lines = []
    for name, (title, wanted) in CHARTS.items():
        shown = [scenario for scenario in scenarios if scenario.name in wanted]
        if not shown:
            continue
        try:
            draw(shown, [FOLDER / f"{name}.svg", FOLDER / f"{name}.png"])
        except ImportError:
            tell("no charts: matplotlib is missing, `make bench` installs it")
            return []
        lines += [f"![{title}: seconds of each contender]({FOLDER.name}/{name}.svg)", ""]
    return lines
