from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from workflows.migration_job import MigrationJob
from workflows.table_migration import TableMigration

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
REPLAYER = Replayer(workflows=[MigrationJob, TableMigration], data_converter=pydantic_data_converter)


def history(events: dict[str, Any]) -> WorkflowHistory:
    """Under the id that the workflow had then: its children's ids begin with it."""
    started = events["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], events)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_todays_workflows_do_what_the_recorded_ones_did(path: Path) -> None:
    await REPLAYER.replay_workflow(history(json.loads(path.read_text(encoding="utf-8"))))


async def test_a_history_that_went_another_way_is_refused() -> None:
    events = json.loads(HISTORIES[0].read_text(encoding="utf-8"))
    scheduled = next(event for event in events["events"] if "activityTaskScheduledEventAttributes" in event)
    scheduled["activityTaskScheduledEventAttributes"]["activityType"]["name"] = "something_else"
    with pytest.raises(NondeterminismError, match="something_else"):
        await REPLAYER.replay_workflow(history(events))
