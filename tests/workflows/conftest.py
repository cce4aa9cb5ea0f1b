from __future__ import annotations

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows.stand_ins import StandIns


@pytest.fixture
def stand_ins(temporal: WorkflowEnvironment) -> StandIns:
    """One table of three batches; nothing goes wrong unless the test says so."""
    return StandIns(temporal.client)
