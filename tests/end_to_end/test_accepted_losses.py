"""Values that do not fit, as an operator of the service meets them: the plan, the job's attention, the certificate."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from deploy.local.mariadb_server import MariadbServer
from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases, Jobs

Source = Callable[[str, str], dict[str, Any]]


@dataclass(frozen=True)
class Loss:
    """A column `v` of the table `t`, of which one value does not fit."""

    source: str
    type: str
    rows: str
    existing: str
    limit: str
    example: str
    found: list[Any]
    """At the destination where the loss is accepted."""
    planned: bool = False
    """Refused by the plan; else by the run."""


LOSSES = (
    Loss("MYSQL", "TINYINT(1)", "(1, 0), (2, 7)", "boolean", "zero_or_one", "7", [False, True]),
    Loss(
        "MYSQL",
        "BIGINT UNSIGNED",
        "(1, 5), (2, 18446744073709551615)",
        "bigint",
        "range",
        "18446744073709551615",
        [5, None],
        planned=True,
    ),
    Loss("SQLITE", "TEXT", "(1, 'ab'), (2, 'abcd' || char(0))", "text", "no_nul", "abcd\0", ["ab", "abcd"]),
)


@pytest.fixture
def make_source(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Source]:
    """By connector type: makes the table, and says where it is as a job does."""

    def mysql(native: str, rows: str) -> dict[str, Any]:
        server: MariadbServer = request.getfixturevalue("mariadb")
        place = {"host": "127.0.0.1", "port": server.port, "user": server.user}
        name = f"losses_{secrets.token_hex(4)}"
        with closing(pymysql.connect(**place, autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(f"CREATE TABLE {name}.t (id INT PRIMARY KEY, v {native})")
            cursor.execute(f"INSERT INTO {name}.t VALUES {rows}")
        return {"type": "MYSQL", **place, "database": name}

    def sqlite(native: str, rows: str) -> dict[str, Any]:
        file = tmp_path / "losses.sqlite"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {native})")
            connection.execute(f"INSERT INTO t VALUES {rows}")
        return {"type": "SQLITE", "path": str(file)}

    return {"MYSQL": mysql, "SQLITE": sqlite}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.limit)
def test_a_loss_is_refused_with_what_to_do_and_counted_once_accepted(
    loss: Loss, make_source: dict[str, Source], databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    with databases.connect_destination() as connection:
        connection.execute(f"CREATE TABLE t (id bigint PRIMARY KEY, v {loss.existing})".encode())
    source = make_source[loss.source](loss.type, loss.rows)
    spec = databases.spec([{"sourceTable": "t"}]) | {"source": source}
    accepting = '"acceptLossy": ["public.t.v"]'

    plan = jobs.http.post("/api/jobs/plan?scan=true", json=spec).raise_for_status().json()
    [found] = plan["tables"][0]["scan"]["violations"]
    assert (found["column"], found["limit"], found["count"], found["example"]) == ("v", loss.limit, 1, loss.example)
    assert [accepting in problem["reason"] for problem in plan["problems"]] == ([True] if loss.planned else [])

    job_id = jobs.post(spec)
    waiting = jobs.wait(job_id)
    assert waiting["status"] == "ACTIVE"
    [table] = waiting["tables"]
    assert table["status"] == "PARKED"
    assert "t" in waiting["attention"]
    assert accepting in table["message"]
    if not loss.planned:
        assert "1 row of one batch cannot go into public.t.v" in table["message"]
        kept = [json.loads(stack.document_store.read(reference)) for reference in refusals(stack, job_id)]
        assert [(document["column"], document["example"]) for document in kept] == [("public.t.v", loss.example)]
        assert refusals(stack, job_id)[0] in table["message"]
    assert rows(databases) == []
    jobs.command(job_id, "cancel")
    jobs.wait(job_id, lambda progress: progress["status"] == "CANCELLED")

    spec["options"] = {"acceptLossy": ["public.t.v"]}
    job_id = jobs.post(spec)
    ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended
    certificate = jobs.certificate(job_id)
    assert certificate["verdict"] == "PROVED"
    assert certificate["options"]["acceptLossy"] == ["public.t.v"]
    [changed] = certificate["tables"][0]["changedValues"]
    assert (changed["column"], changed["limit"], changed["count"]) == ("v", loss.limit, 1)
    assert rows(databases) == loss.found


def test_names_that_mean_no_column_are_problems_and_hold_up_what_they_were_meant_for(
    databases: Databases, jobs: Jobs
) -> None:
    databases.prepare("CREATE TABLE t (id int PRIMARY KEY, v text)")
    spec = databases.spec([{"sourceTable": "t"}], acceptLossy=["public.t.V", "public.other.v"])
    plan = jobs.http.post("/api/jobs/plan", json=spec).raise_for_status().json()
    misspelt = "acceptLossy names public.t.V, which public.t has not. It has: id, v"
    nowhere = "acceptLossy names public.other.v, and no table of the job has that column at the destination"
    assert [problem["reason"] for problem in plan["problems"]] == [misspelt, nowhere]
    spec["options"] = {"acceptLossy": ["public.t.V"]}
    job_id = jobs.post(spec)
    [table] = jobs.wait(job_id)["tables"]
    assert (table["status"], table["message"]) == ("PARKED", misspelt)
    jobs.command(job_id, "cancel")
    spec["options"] = {"acceptLossy": ["public.other.v"]}
    job_id = jobs.post(spec)
    assert nowhere in jobs.wait(job_id)["attention"]
    jobs.command(job_id, "cancel")


def refusals(stack: LocalStack, job_id: str) -> list[str]:
    """References of the documents about values of the job that were refused."""
    found = stack.documents.glob(f"jobs/{job_id}/**/refused-*.json")
    return [path.relative_to(stack.documents).as_posix() for path in found]


def rows(databases: Databases) -> list[Any]:
    """Values of the destination's table by key."""
    with databases.connect_destination() as connection:
        return [value for (value,) in connection.execute("SELECT v FROM t ORDER BY id")]
