"""docs/fidelity.md names tests and cases that exist, and names every case of a lossy or weaker value."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.conformance.behaviours import behaviours_of
from connectors.conformance.suite import ConformanceSuite
from tests.conformance.lossy_values import LOSSY
from tests.conformance.test_weaker_meaning import WEAKER

TESTS = Path(__file__).parent.parent
ROWS = [
    line.split("|")[1:3]
    for line in (TESTS.parent / "docs" / "fidelity.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| what |")
]
PROOF = re.compile(r"(case|weaker|behaviour|) ?`([^`]+)`")


def named(kind: str) -> set[str]:
    """What the page names as that: `case`, `weaker`, `behaviour`, or '' for a test."""
    return {name for _, proofs in ROWS for word, name in PROOF.findall(proofs) if word == kind}


def test_every_line_is_shown_by_something() -> None:
    assert len(ROWS) > 30
    assert [what for what, proofs in ROWS if not PROOF.search(proofs)] == []


def test_every_case_of_a_value_is_on_the_page_and_no_other() -> None:
    assert named("case") == {case.case for case in LOSSY}
    assert named("weaker") == {case.case for case in WEAKER}


def test_behaviours_and_tests_of_the_page_exist() -> None:
    behaviours = {f"test_{found.name.removeprefix('test_')}" for found in behaviours_of(ConformanceSuite)}
    assert named("behaviour") - behaviours == set()
    missing = []
    for name in named(""):
        path, _, test = name.partition("::")
        text = (TESTS / path).read_text(encoding="utf-8")
        if test and not re.search(rf"^(async )?def {test}\(", text, re.MULTILINE):
            missing.append(name)
    assert missing == []
