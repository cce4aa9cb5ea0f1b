from __future__ import annotations

import json
import signal
import time

import httpx
from typer.testing import CliRunner, Result

from api.cli import Exit
from api.client import ApiClient
from deploy.cli import app
from deploy.local.postgres_server import free_port
from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases


def sterna(stack: LocalStack, *words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=stdin, env={"STERNA_API": stack.api_url, "COLUMNS": "200"})


def job(name: str, **more: object) -> str:
    nowhere = {"type": "POSTGRES", "host": "127.0.0.1", "port": free_port(), "database": "none", "user": "nobody"}
    tables = [{"sourceSchema": "public", "sourceTable": "t"}]
    return json.dumps({"name": name, "source": nowhere, "destination": nowhere, "tables": tables, **more})


def submitted(stack: LocalStack, name: str, **more: object) -> str:
    result = sterna(stack, "submit", "-", stdin=job(name, **more))
    assert result.exit_code == Exit.DONE, result.output
    return result.stdout.split()[0]


def test_a_draft_is_listed_and_found_by_name_and_by_the_beginning_of_its_id(stack: LocalStack) -> None:
    job_id = submitted(stack, "listed draft", draft=True)
    assert "listed draft" in sterna(stack, "jobs", "--status", "DRAFT").stdout
    assert [found["jobId"] for found in json.loads(sterna(stack, "jobs", "--name", "listed", "--json").stdout)] == [
        job_id
    ]
    with ApiClient(stack.api_url) as client:
        assert client.find_job(job_id[:8])["jobId"] == job_id
        assert client.find_job("listed draft")["jobId"] == job_id


def test_an_unknown_job_and_an_ambiguous_name_are_refused(stack: LocalStack) -> None:
    unknown = sterna(stack, "watch", "no-such-job")
    assert (unknown.exit_code, "sterna jobs" in unknown.stderr) == (Exit.REFUSED, True)
    for _ in range(2):
        submitted(stack, "twin", draft=True)
    twin = sterna(stack, "pause", "twin")
    assert (twin.exit_code, "any of 2 jobs" in twin.stderr) == (Exit.REFUSED, True)


def test_a_wrong_job_is_refused_field_by_field(stack: LocalStack) -> None:
    wrong = json.loads(job("wrong", colour="red"))
    wrong["source"]["password"] = "hunter2"
    result = sterna(stack, "submit", "-", stdin=json.dumps(wrong))
    assert result.exit_code == Exit.REFUSED
    assert "source.password: " in result.stderr
    assert "secretsRef" in result.stderr
    assert "colour: " in result.stderr
    assert "hunter2" not in result.output


def test_the_same_key_makes_one_job(stack: LocalStack) -> None:
    once = job("keyed", draft=True)
    lines = [sterna(stack, "submit", "-", "--idempotency-key", "k1", stdin=once).stdout for _ in range(2)]
    assert lines[0] == lines[1]


def test_a_job_whose_database_is_away_waits_is_paused_resumed_and_cancelled(stack: LocalStack) -> None:
    job_id = submitted(stack, "away")
    with ApiClient(stack.api_url) as client:
        watched = client.watch(job_id)
        assert any(progress.attention for progress in watched)
    assert sterna(stack, "pause", job_id[:8], "--release").exit_code == Exit.DONE
    assert sterna(stack, "resume", job_id[:8]).exit_code == Exit.DONE
    assert sterna(stack, "retry", job_id[:8]).exit_code == Exit.DONE
    assert sterna(stack, "cancel", job_id[:8]).exit_code == Exit.DONE
    ended = sterna(stack, "watch", job_id)
    assert ended.exit_code == Exit.NOT_COMPLETED
    assert "CANCELLED" in ended.stdout


def test_a_job_without_proof_has_no_certificate(stack: LocalStack) -> None:
    job_id = submitted(stack, "unproved", draft=True)
    assert sterna(stack, "certificate", job_id).exit_code == Exit.REFUSED


def test_connectors_say_what_they_can_do(stack: LocalStack) -> None:
    assert "POSTGRES     reads, writes" in sterna(stack, "connectors").stdout


def test_a_plan_shows_statements_and_moves_nothing_and_submit_watch_proves(
    stack: LocalStack, databases: Databases
) -> None:
    databases.prepare(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 50) n"
    )
    spec = json.dumps(databases.spec([{"sourceSchema": "public", "sourceTable": "t"}]))

    planned = sterna(stack, "plan", "-", stdin=spec)
    assert planned.exit_code == Exit.DONE, planned.output
    assert "public.t → public.t: about" in planned.stdout
    assert "CREATE TABLE" in planned.stdout
    with databases.connect_destination() as session:
        assert session.execute("SELECT to_regclass('public.t')").fetchone() == (None,)

    moved = sterna(stack, "submit", "-", "--watch", stdin=spec)
    assert moved.exit_code == Exit.DONE, moved.output
    assert "public.t → public.t: COMPLETED, proved, 50 rows" in moved.stdout
    job_id = moved.stdout.split()[0]
    assert json.loads(sterna(stack, "certificate", job_id).stdout)["verdict"] == "PROVED"


def test_a_watcher_outlives_the_api(stack: LocalStack) -> None:
    job_id = submitted(stack, "outlives")
    with ApiClient(stack.api_url) as client:
        watched = client.watch(job_id)
        next(watched)
        before = stack.process("api").pid
        stack.kill("api", signal.SIGKILL)
        stack.restart("api")
        assert stack.process("api").pid != before
        assert next(watched).job_id == job_id
        client.control(job_id, "cancel")
        assert [progress.status.final for progress in watched][-1]


def test_jobs_survive_a_restart_of_everything_but_the_folder(stack: LocalStack) -> None:
    job_id = submitted(stack, "survives", draft=True)
    for name in ("config-store", "temporal", "api"):
        stack.restart(name)
    deadline = time.monotonic() + 30
    while httpx.get(f"{stack.api_url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
    assert job_id in sterna(stack, "jobs").stdout
