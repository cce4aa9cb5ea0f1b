"""The suite: a class to inherit, with one database's harness.

    class TestMine(ConformanceSuite):
        harness_type = MyHarness

        @pytest.fixture(scope="class")
        @classmethod
        def harness(cls) -> Iterator[MyHarness]:
            yield MyHarness({"path": ...})

It needs pytest-asyncio. `pytest_plugins = ["connectors.conformance.outcomes"]` in the top conftest.py prints the table
of behaviours at the end and shows what failed assertions compared.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from connectors.conformance.behaviours import NEEDS, PREFIX, gap, why_not
from connectors.conformance.ddl import Shapes
from connectors.conformance.exactly_once import LoadsOnce
from connectors.conformance.failures import Fails
from connectors.conformance.harness import Harness
from connectors.conformance.healing import Heals
from connectors.conformance.matrix import MATRIX, SAMPLES
from connectors.conformance.options import Offers
from connectors.conformance.proof import Proves
from connectors.conformance.reading import KEYS, Reads
from connectors.conformance.upserts import Upserts
from connectors.conformance.violations import MovesOut
from connectors.conformance.watermarks import MARKS, Passes
from connectors.conformance.writing import Writes

WIDE = 1000
"""Characters of a column that is not put into tables with many others: databases limit the length of rows."""


class ConformanceSuite(Fails, Shapes, Heals, Proves, LoadsOnce, Upserts, MovesOut, Writes, Passes, Reads, Offers):
    """Every behaviour, for one connector."""

    harness_type: ClassVar[type[Harness]]
    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.asyncio]

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        """Cases: types that the harness spells, types of the matrix, kinds of keys."""
        natives = cls.harness_type.natives
        cases: dict[str, list[str]] = {
            "native": list(natives),
            "existing_native": [name for name in natives if (SAMPLES[name].value.length or 0) < WIDE],
            "sample": [sample.name for sample in MATRIX],
            "mark": [name for name in MARKS if name in natives],
            "keys": [case for case, (sample, _) in KEYS.items() if sample in natives],
        }
        for name, values in cases.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values)

    @pytest.fixture(autouse=True)
    def _judge(self, request: pytest.FixtureRequest) -> None:
        """Skips what means nothing for this database, and expects known gaps to fail."""
        name = request.function.__name__.removeprefix(PREFIX)
        callspec = getattr(request.node, "callspec", None)
        case = callspec.id if callspec is not None else None
        reason = why_not(self.harness_type, name, getattr(request.function, NEEDS, ()), case)
        if reason is not None:
            pytest.skip(reason)
        known = gap(self.harness_type, name, case)
        if known is not None:
            request.node.add_marker(pytest.mark.xfail(reason=known, strict=True))
