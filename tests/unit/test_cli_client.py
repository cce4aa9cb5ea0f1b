"""The client commands and what they say, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import Exit
from api.client import ApiProblem, server_sent_data
from deploy.cli import app
from deploy.local.postgres_server import free_port


def test_a_problem_names_each_field_and_its_remedy() -> None:
    problem = ApiProblem(
        422,
        {
            "title": "Unprocessable Entity",
            "detail": "2 fields are wrong",
            "remedy": "Each entry of errors says what to do",
            "errors": [
                {"field": "source.password", "message": "would store a secret", "remedy": "Use secretsRef"},
                {"field": "tables", "message": "names no table"},
            ],
        },
    )
    assert problem.lines() == [
        "2 fields are wrong",
        "  source.password: would store a secret. Use secretsRef",
        "  tables: names no table",
    ]


def test_a_problem_without_fields_ends_with_its_remedy() -> None:
    problem = ApiProblem(409, {"title": "Conflict", "detail": "the job runs", "remedy": "Cancel it first"})
    assert problem.lines() == ["the job runs", "  Cancel it first"]


def test_a_refusal_without_a_problem_document_still_says_something() -> None:
    assert ApiProblem(502, {}).lines() == ["HTTP status 502"]


def test_events_are_read_and_comments_are_not() -> None:
    stream = [": keep-alive", "", "event: progress", "data: {", "data: }", "", "event: other", "data: 1", ""]
    stream += ["id: 4", "event: done", "data: 2", "", "event: progress", "data: cut off"]
    assert list(server_sent_data(iter(stream))) == ["{\n}", "2"]


def test_nobody_at_the_address_is_its_own_exit_status() -> None:
    result = CliRunner().invoke(app, ["jobs", "--api", f"http://127.0.0.1:{free_port()}"])
    assert result.exit_code == Exit.UNREACHABLE
    assert "sterna up" in result.stderr


@pytest.mark.parametrize(("text", "complaint"), [("{", "is not JSON"), ("[1]", "a JSON object is needed")])
def test_a_file_without_a_job_is_wrong_use(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "job.json"
    file.write_text(text)
    result = CliRunner().invoke(app, ["submit", str(file)])
    assert result.exit_code == Exit.WRONG_USE
    assert complaint in result.stderr


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["submit", str(tmp_path / "none.json")])
    assert result.exit_code == Exit.WRONG_USE


@pytest.mark.parametrize(
    "command",
    [
        *("submit", "plan", "jobs", "watch", "pause", "resume", "retry", "cancel", "certificate", "connectors"),
        *("limits", "schedule", "schedules"),
    ],
)
def test_every_client_command_teaches_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert f"Example: sterna {command}" in result.stdout


def test_standard_input_is_read_for_a_dash() -> None:
    port = free_port()
    job = json.dumps({"name": "x"})
    result = CliRunner().invoke(app, ["submit", "-", "--api", f"http://127.0.0.1:{port}"], input=job)
    assert result.exit_code == Exit.UNREACHABLE
