"""Charts of scenarios: one bar for each contender, with the lowest and highest run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.contender import Role
from bench.scenario import Scenario

COLOURS = {Role.LIMIT: "#9aa5b1", Role.PROOF_LIMIT: "#9aa5b1", Role.STERNA: "#1f6feb", Role.PEER: "#e0a458"}
WIDTH, ROW_HEIGHT, HEAD_HEIGHT = 9.0, 0.3, 0.7


def draw(scenarios: Sequence[Scenario], files: Sequence[Path]) -> None:
    """Writes one figure with a panel for each scenario to each file, in the format of its suffix.

    Raises ImportError where matplotlib is missing: requirements/bench.txt is installed by `make bench` only.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "sterna"  # the same figures give the same file
    drawn = [scenario for scenario in scenarios if len(_bars(scenario)) > 1]
    heights = [HEAD_HEIGHT + ROW_HEIGHT * len(_bars(scenario)) for scenario in drawn]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    panels = figure.subplots(len(drawn), 1, height_ratios=heights, squeeze=False)
    for scenario, (panel,) in zip(drawn, panels, strict=True):
        bars = _bars(scenario)[::-1]
        names = [name for name, _, _ in bars]
        medians = [statistics.median(times) for _, _, times in bars]
        spread = [
            [median - min(times) for median, (_, _, times) in zip(medians, bars, strict=True)],
            [max(times) - median for median, (_, _, times) in zip(medians, bars, strict=True)],
        ]
        drawn_bars = panel.barh(
            names, medians, xerr=spread, color=[COLOURS[role] for _, role, _ in bars], ecolor="#444"
        )
        panel.bar_label(drawn_bars, [f" {median:.2f} s" for median in medians], fontsize=8)
        panel.set_title(f"{scenario.title}, {scenario.rows:,} rows (seconds, less is better)", fontsize=9, loc="left")
        panel.tick_params(labelsize=8)
        panel.margins(x=0.12)
        panel.spines[["top", "right"]].set_visible(False)
    for file in files:
        figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)


def _bars(scenario: Scenario) -> list[tuple[str, Role, list[float]]]:
    contenders = ((each.name, each.role, scenario.seconds(each.name)) for each in scenario.contenders)
    return [(name, role, times) for name, role, times in contenders if times]
