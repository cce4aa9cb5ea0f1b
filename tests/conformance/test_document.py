"""docs/connectors.md says what connectors, harnesses and the suite declare, and every connector runs the suite."""

from __future__ import annotations

from connectors.conformance.behaviours import behaviours_of
from connectors.conformance.matrix import SAMPLES
from connectors.conformance.suite import ConformanceSuite
from connectors.registry import BUILT_IN
from tests.conformance import document, test_suite
from tests.conformance.harnesses.registered import HARNESSES


def test_the_page_is_current() -> None:
    written = document.PAGE.read_text(encoding="utf-8")
    assert written == document.page(), "run: python -m tests.conformance.document"


def test_every_built_in_connector_runs_the_suite() -> None:
    classes = [member for member in vars(test_suite).values() if isinstance(member, type)]
    run = {
        suite.harness_type for suite in classes if issubclass(suite, ConformanceSuite) and "harness_type" in vars(suite)
    }
    assert run == set(HARNESSES.values())
    assert list(HARNESSES) == [known.name for known in BUILT_IN]


def test_every_behaviour_says_what_it_is() -> None:
    behaviours = list(behaviours_of(ConformanceSuite))
    assert len(behaviours) > 60
    assert [found.name for found in behaviours if not found.sentence.endswith(".")] == []
    assert len({found.name for found in behaviours}) == len(behaviours)


def test_gaps_and_exceptions_name_behaviours_that_exist_and_give_reasons() -> None:
    names = {found.name for found in behaviours_of(ConformanceSuite)}
    for harness in HARNESSES.values():
        for key, reason in {**harness.gaps, **harness.without}.items():
            assert key.partition("[")[0] in names, f"{harness.type_name}: {key}"
            assert len(reason) > 10
        assert set(harness.natives) <= set(SAMPLES)
