"""The fixtures of the end-to-end tests, for tests that break things."""

from __future__ import annotations

from tests.end_to_end.conftest import breakable_stack as breakable_stack
from tests.end_to_end.conftest import databases as databases
from tests.end_to_end.engine_places import engine as engine
