from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from api.cli import Exit
from deploy.cli import app
from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import SLOW_FUNCTION, Databases, Jobs

SLOW_READING = f"{SLOW_FUNCTION}()"
"""Evaluated once for each query, so it holds up reading, digest and count."""
AT_THE_SOURCE = ("source", "digest", "count")
OUTSIDE = ("queue", "retries", "temporal")


def parts(profile: dict[str, Any]) -> dict[tuple[str, str], float]:
    return {(stage["stage"], part["part"]): part["seconds"] for stage in profile["stages"] for part in stage["parts"]}


def test_a_slow_source_shows_as_waiting_for_it_and_nowhere_else(
    stack: LocalStack, databases: Databases, jobs: Jobs
) -> None:
    databases.prepare(
        f"CREATE FUNCTION {SLOW_FUNCTION}() RETURNS bool STABLE LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(0.7); RETURN true; END';"
        "CREATE TABLE untouched (id int PRIMARY KEY, word text);"
        "CREATE TABLE masked (id int PRIMARY KEY, word text);"
        "INSERT INTO untouched SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i;"
        "INSERT INTO masked SELECT * FROM untouched; ANALYZE"
    )
    mask = {"type": "DATA_MASK", "columns": ["word"], "maskChar": "X"}
    tables = [
        {"sourceTable": "untouched", "whereClause": SLOW_READING},
        {"sourceTable": "masked", "whereClause": SLOW_READING, "batchSize": 10000, "transformations": [mask]},
    ]
    job_id = jobs.run(databases.spec(tables))["jobId"]

    profile = jobs.http.get(f"/api/jobs/{job_id}/profile").raise_for_status().json()
    assert (profile["rows"], profile["unmeasured"], len(profile["tables"])) == (40000, [], 2)
    for table in [profile, *profile["tables"]]:
        inside = {part: spent for (stage, part), spent in parts(table).items() if stage == "extract"}
        inside = {part: spent for part, spent in inside.items() if part not in OUTSIDE}
        assert sum(inside.get(part, 0.0) for part in AT_THE_SOURCE) > 0.7 * sum(inside.values()), inside
    assert all(parts(profile)[("extract", part)] > 0.6 for part in AT_THE_SOURCE)
    assert {"begin", "extract", "transform", "load", "finish", "validate"} == {
        stage["stage"] for stage in profile["stages"]
    }
    places = profile["places"]
    assert places["the source server"] > places["the destination server"] + places["staging"]

    alone = next(table for table in profile["tables"] if "untouched" in table["name"])
    beside = sum(spent for (stage, _), spent in parts(alone).items() if stage == "begin")
    summed = alone["seconds"] - beside  # the load begins beside the extract
    assert 0.8 * alone["wallSeconds"] < summed < 1.05 * alone["wallSeconds"], "one batch: one after another"

    for evidence in jobs.certificate(job_id)["tables"]:
        for stage in ("begin", "extract", "load", "finish", "validate"):
            named = {key: seconds for key, seconds in evidence["seconds"].items() if key.startswith(f"{stage}.")}
            inside = sum(seconds for key, seconds in named.items() if key.split(".")[1] not in OUTSIDE)
            assert 0 < inside <= evidence["seconds"][stage] + 0.001

    shown = CliRunner().invoke(app, ["profile", job_id, "untouched"], env={"STERNA_API": stack.api_url})
    assert shown.exit_code == Exit.DONE, shown.output
    assert "waiting for the source server" in shown.stdout
    as_json = CliRunner().invoke(app, ["profile", job_id, "--json"], env={"STERNA_API": stack.api_url})
    assert json.loads(as_json.stdout)["stages"] == profile["stages"]
