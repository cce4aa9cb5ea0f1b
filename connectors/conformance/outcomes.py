"""pytest plugin: the table behaviour × connector at the end of a run, and assertions that show what they compared."""

from __future__ import annotations

from collections import defaultdict

import pytest

pytest.register_assert_rewrite(
    *(f"connectors.conformance.{name}" for name in ("ddl", "exactly_once", "failures", "options", "proof")),
    *(f"connectors.conformance.{name}" for name in ("copying", "reading", "writing")),
)

MARKS = {"passed": "yes", "skipped": "–", "xfailed": "gap", "failed": "NO"}
CASE = "conformance"
WORST_FIRST = ("NO", "gap", "yes", "–")


class Outcomes:
    """Gathers the suite's outcomes of one run."""

    def __init__(self) -> None:
        self.marks: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Marks each test with its behaviour and connector; the mark travels with its report, from other processes too
        (pytest-xdist)."""
        for item in items:
            harness = getattr(getattr(item, "cls", None), "harness_type", None)
            if harness is not None and isinstance(item, pytest.Function):
                item.user_properties.append((CASE, [item.originalname.removeprefix("test_"), harness.type_name]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the outcome of the call, or of what went wrong around it."""
        case = dict(report.user_properties).get(CASE)
        if not isinstance(case, list) or (report.when != "call" and report.passed):
            return
        behaviour, connector = case
        outcome = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        self.marks[behaviour][connector].add(MARKS[outcome])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the table."""
        if not self.marks:
            return
        connectors = sorted({name for outcomes in self.marks.values() for name in outcomes})
        width = max(map(len, self.marks))
        terminalreporter.section("conformance: yes, NO, gap (known, declared), – (means nothing there)")
        terminalreporter.write_line(" " * width + "  " + "  ".join(connectors))
        for behaviour, outcomes in self.marks.items():
            cells = (worst(outcomes.get(name, set())).ljust(len(name)) for name in connectors)
            terminalreporter.write_line(f"{behaviour.ljust(width)}  {'  '.join(cells)}")


def worst(marks: set[str]) -> str:
    """Of several cases the one that matters."""
    return next((mark for mark in WORST_FIRST if mark in marks), "")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the gathering once for each run."""
    config.pluginmanager.register(Outcomes(), "sterna-conformance")
