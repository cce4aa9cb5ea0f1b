from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.replay.record import HISTORIES, REPOSITORY
from worker.stages.control import WORKFLOWS

RECORDED = sorted(HISTORIES.glob("*/*.json"))
REPLAYER = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)


def history(events: dict[str, Any]) -> WorkflowHistory:
    """Under the id that the workflow had then: its children's ids begin with it."""
    started = events["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], events)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_todays_workflows_do_what_the_recorded_ones_did(path: Path) -> None:
    await REPLAYER.replay_workflow(history(json.loads(path.read_text(encoding="utf-8"))))


async def test_a_history_that_went_another_way_is_refused() -> None:
    events = json.loads(RECORDED[0].read_text(encoding="utf-8"))
    scheduled = next(event for event in events["events"] if "activityTaskScheduledEventAttributes" in event)
    scheduled["activityTaskScheduledEventAttributes"]["activityType"]["name"] = "something_else"
    with pytest.raises(NondeterminismError, match="something_else"):
        await REPLAYER.replay_workflow(history(events))


def test_the_histories_are_of_commits_before_this_one() -> None:
    head = _git("rev-parse", "--short=12", "HEAD")
    for folder in {path.parent for path in RECORDED}:
        assert folder.name != head, "a commit cannot vouch for itself"
        _git("merge-base", "--is-ancestor", folder.name, "HEAD")


def _git(*arguments: str) -> str:
    ran = subprocess.run(["git", "-C", str(REPOSITORY), *arguments], check=False, capture_output=True, text=True)
    if "not a git repository" in ran.stderr:
        pytest.skip("this is no clone: there are no commits to compare with")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()
