from __future__ import annotations

import json
import logging
import sys

import pytest

from core.log_context import WorkContext, job_and_table, working_on
from core.logs import TEXT, JsonLines, TextLines
from core.trace_context import serving_request


def logged(formatter: logging.Formatter, message: str, *, fails: bool = False, **extra: object) -> str:
    record = logging.LogRecord("sterna.test", logging.WARNING, __file__, 1, message, (), None)
    record.__dict__.update(extra)
    if fails:
        try:
            raise ValueError("broken")
        except ValueError:
            record.exc_info = sys.exc_info()
    WorkContext().filter(record)
    return formatter.format(record)


def test_a_line_says_what_the_work_is_about_and_no_more_than_is_known() -> None:
    with working_on(job="j", table="t"), working_on(batch="3-6", stage=None):
        line = json.loads(logged(JsonLines(), "slow"))
    assert line["message"] == "slow"
    assert (line["job"], line["table"], line["batch"]) == ("j", "t", "3-6")
    assert "stage" not in line
    assert "job" not in json.loads(logged(JsonLines(), "idle"))


def test_a_traceback_does_not_break_the_line() -> None:
    text = logged(JsonLines(), "first\nsecond", fails=True)
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]


def test_people_read_the_fields_at_the_end_of_the_first_line() -> None:
    with working_on(job="j"):
        first, *rest = logged(TextLines(TEXT), "slow", fails=True).split("\n")
    assert first.endswith("WARNING sterna.test slow [job=j]")
    assert rest[-1] == "ValueError: broken"


def test_a_request_has_a_trace_id_without_exporter_and_keeps_the_one_it_came_with() -> None:
    with serving_request("GET", {}):
        own = json.loads(logged(JsonLines(), "asked"))["traceId"]
    assert len(own) == 32
    given = "4bf92f3577b34da6a3ce929d0e0e4736"
    with serving_request("GET", {"traceparent": f"00-{given}-00f067aa0ba902b7-01"}):
        assert json.loads(logged(JsonLines(), "asked"))["traceId"] == given
    assert "traceId" not in json.loads(logged(JsonLines(), "idle"))


@pytest.mark.parametrize(
    ("workflow_id", "fields"),
    [
        ("migration/j", {"job": "j"}),
        ("migration/j/t", {"job": "j", "table": "t"}),
        ("replay/j", {"job": "j"}),
        ("something else", {}),
        (None, {}),
    ],
)
def test_the_id_of_a_workflow_says_job_and_table(workflow_id: str | None, fields: dict[str, str]) -> None:
    assert job_and_table(workflow_id) == fields


def test_what_a_workflow_logs_says_its_job() -> None:
    line = json.loads(logged(JsonLines(), "copied anew", temporal_workflow={"workflow_id": "migration/j/t"}))
    assert (line["job"], line["table"]) == ("j", "t")
