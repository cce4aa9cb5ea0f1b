"""Tables of what was measured, in Markdown."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from typing import Any

from bench.contender import Contender, Reading, Role
from bench.measures import BOUNDS_ROWS, MEASURES, Measure
from bench.process_usage import CLIENT
from bench.scenario import Scenario
from bench.servers import machine

SHOWN_FAULT = 160
SERVERS = ("source", "destination", "mariadb")


class Report:
    """Grows scenario by scenario."""

    def __init__(self, settings: Sequence[str]) -> None:
        load = os.getloadavg()[0]
        self.settings = [machine(), f"load of the machine before the first run: {load:.1f}", *settings]
        self.scenarios: list[Scenario] = []

    def add(self, scenario: Scenario) -> None:
        """A scenario that was measured."""
        self.scenarios.append(scenario)

    @property
    def faults(self) -> list[str]:
        """Of runs that must not fail."""
        return [fault for scenario in self.scenarios for fault in scenario.faults]

    def of(self, scenario: Scenario) -> str:
        """Its contenders, then what each process of Sterna took, then the settings."""
        lines = [f"### {scenario.title}, {scenario.rows:,} rows", ""]
        lines += _head("contender", "runs", "s", "lowest – highest", "rows/s", "to the limit", "CPU s", "peak MB")
        lines += [_row(scenario, contender) for contender in scenario.contenders]
        processes = _processes(scenario)
        if processes:
            lines += ["", "CPU seconds and peak memory of each process, median run:", "", *processes]
        lines += ["", *(f"- **{each.name}**: {each.settings}" for each in scenario.contenders)]
        return "\n".join([*lines, ""])

    def judgement(self) -> str:
        """Every measure that has figures; in brackets where its bound is meant for another size."""
        lines = _head("scenario", "measure", "median", "lowest – highest", "must", "aim", "")
        for scenario in self.scenarios:
            for measure in MEASURES:
                if measure.scenario == scenario.name and (values := measure.values(scenario)):
                    lines.append(_judged(scenario, measure, values))
        return "\n".join(lines)


def _judged(scenario: Scenario, measure: Measure, values: Sequence[float]) -> str:
    median = statistics.median(values)
    sign = "≤" if measure.at_most else "≥"
    bounds = [f"{sign} {bound:g} {measure.unit}" for bound in (measure.must, measure.aim)]
    if measure.meets(median, measure.aim):
        verdict = "aim reached"
    else:
        verdict = "met" if measure.meets(median, measure.must) else "**missed**"
    if scenario.rows != BOUNDS_ROWS.get(scenario.name, scenario.rows):
        verdict = f"({verdict})"
    spread = f"{min(values):.2f} – {max(values):.2f}"
    where = f"{scenario.title}, {scenario.rows:,} rows"
    return _line(where, measure.title, f"{median:.2f} {measure.unit}", spread, *bounds, verdict)


def _row(scenario: Scenario, contender: Contender) -> str:
    name = contender.name.replace("|", "\\|")
    times = scenario.seconds(contender.name)
    if not times:
        faults = [reading.fault for reading in scenario.readings(contender.name)]
        why = scenario.absent.get(contender.name) or (faults[-1] if faults else "not run")
        return _line(name, "0", *[""] * 5, " ".join(why.split())[-SHOWN_FAULT:].replace("|", "\\|"))
    seconds = statistics.median(times)
    typical = _typical(scenario.readings(contender.name))
    return _line(
        name,
        len(times),
        f"{seconds:.2f}",
        f"{min(times):.2f} – {max(times):.2f}",
        f"{(contender.rows or scenario.rows) / seconds:,.0f}",
        _to_limit(scenario, contender),
        f"{_cpu(contender, typical):.1f}",
        f"{_peak(contender, typical):.0f}",
    )


def _to_limit(scenario: Scenario, contender: Contender) -> str:
    """The median of the ratios within each round."""
    best = scenario.best_limit(contender.compared_with)
    pairs = [
        readings[contender.name].seconds / readings[best].seconds
        for readings in scenario.rounds
        if best in readings and contender.name in readings and not readings[contender.name].fault
    ]
    return f"{statistics.median(pairs):.2f}" if pairs else ""


def _cpu(contender: Contender, run: Reading) -> float:
    """Of the databases and of whoever did the work."""
    sterna = contender.role is Role.STERNA
    taking_part = [
        name for name in run.usage if name in (*SERVERS, CLIENT) or (sterna and not name.startswith("idle "))
    ]
    return sum(run.usage[name].cpu for name in taking_part)


def _peak(contender: Contender, run: Reading) -> float:
    """Of the largest process of Sterna, or of a contender's own programs."""
    if contender.role is Role.STERNA:
        return max(usage.peak for name, usage in run.usage.items() if name.startswith("worker-"))
    return run.usage[CLIENT].peak if CLIENT in run.usage else 0.0


def _processes(scenario: Scenario) -> list[str]:
    names = [each.name for each in scenario.contenders if each.role is Role.STERNA and scenario.seconds(each.name)]
    if not names:
        return []
    runs = [_typical(scenario.readings(name)) for name in names]
    processes = [name for name in runs[0].usage if not name.startswith("idle ") and name != CLIENT]
    lines = _head("process", *(f"{name}: CPU s / MB" for name in names))
    for process in sorted(processes, key=lambda name: (name not in SERVERS, name)):
        cells = [
            f"{run.usage[process].cpu:.2f} / {run.usage[process].peak:.0f}" if process in run.usage else ""
            for run in runs
        ]
        lines.append(_line(process, *cells))
    return lines


def _typical(readings: Sequence[Reading]) -> Reading:
    """The run with the (lower) median of the times."""
    verified = [reading for reading in readings if not reading.fault]
    return sorted(verified, key=lambda reading: reading.seconds)[(len(verified) - 1) // 2]


def _head(first: str, *others: str) -> list[str]:
    return [_line(first, *others), "|---|" + "---:|" * len(others)]


def _line(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"
