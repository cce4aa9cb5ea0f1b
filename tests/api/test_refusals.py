"""Everything wrong in a request is named by its path, with what to do, and values are never repeated."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import Json, open_store, private_settings, running_api
from tests.conftest import NewDatabase
from tests.sample_request import SAMPLE


@pytest.fixture(scope="module")
async def api(
    postgres: PostgresServer, new_database: NewDatabase, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """One API for all tests here: what is refused leaves nothing behind."""
    settings = private_settings(postgres, new_database(), tmp_path_factory.mktemp("api"))
    async with open_store(settings) as store, running_api(settings, store, client) as http:
        yield http


SECRET = "hunter2-never-shown"


def _changed(path: list[str | int], value: Any) -> Json:
    body = copy.deepcopy(SAMPLE)
    place: Any = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return body


def _without(path: list[str | int]) -> Json:
    body = copy.deepcopy(SAMPLE)
    place: Any = body
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return body


def _healed(**options: str) -> Json:
    return {**_changed(["tables", 0, "heal"], True), "options": options}


async def _jobs(api: httpx.AsyncClient) -> list[str]:
    return [job["jobId"] for job in (await api.get("/api/jobs")).json()["jobs"]]


STEP: list[str | int] = ["tables", 0, "transformations", 1]

REFUSED: list[tuple[str, Json, str, str]] = [
    (
        "overlap that append would double",
        _changed(["tables", 0, "incremental"], {"column": "id", "overlap": 5}),
        "tables[0].incremental.overlap",
        "Use loadMode upsert",
    ),
    (
        "no overlap",
        _changed(["tables", 0, "incremental"], {"column": "id", "overlap": SECRET}),
        "tables[0].incremental.overlap",
        "5 minutes",
    ),
    ("unknown field", _changed(["nmae"], SECRET), "nmae", "Did you mean name?"),
    ("unknown option", _changed(["options"], {"paralelTables": 2}), "options.paralelTables", "parallelTables"),
    (
        "a window without a zone",
        _changed(["options"], {"maintenanceWindow": "22:00-05:00"}),
        "options.maintenanceWindow",
        "Europe/Berlin",
    ),
    ("unknown table field", _changed(["tables", 0, "batch_sizes"], 1), "tables[0].batch_sizes", "batchSize"),
    ("inline password", _changed(["source", "password"], SECRET), "source.password", "secretsRef"),
    ("inline token", _changed(["destination", "apiToken"], SECRET), "destination.apiToken", "secretsRef"),
    ("password in URL", _changed(["source", "url"], f"pg://u:{SECRET}@h/d"), "source.url", "secretsRef"),
    ("secret for reference", _changed(["source", "secretsRef"], SECRET), "source.secretsRef", "env:NAME"),
    ("unknown driver option", _changed(["source", "hots"], "x"), "source.hots", "Did you mean host?"),
    ("missing driver option", _without(["source", "database"]), "source.database", "Add it"),
    ("no service name", _without(["destination", "serviceName"]), "destination", "serviceName"),
    ("heal of an upsert", _healed(loadMode="upsert"), "tables[0].heal", "append"),
    ("heal without a proof", _healed(validation="none"), "tables[0].heal", "validation checksum"),
    ("unknown connector", _changed(["source", "type"], "DBASE"), "source.type", "POSTGRES"),
    ("unknown transformation", _changed([*STEP, "type"], "SHUFFLE"), "tables[0].transformations[1].type", "DATA_MASK"),
    ("bad mask", _changed([*STEP, "maskChar"], "XX"), "tables[0].transformations[1].maskChar", ""),
    ("unknown step field", _changed([*STEP, "maskchar"], "X"), "tables[0].transformations[1].maskchar", "maskChar"),
    (
        "unknown function",
        _changed(STEP, {"type": "CUSTOM_FUNCTION", "function": "nope", "columns": ["a"]}),
        "tables[0].transformations[1]",
        "",
    ),
    ("loss of no table", _changed(["options"], {"acceptLossy": ["v"]}), "options.acceptLossy", "schema.table.column"),
    ("no tables", _changed(["tables"], []), "tables", "include"),
    ("no source", _without(["source"]), "source", "Add it"),
    ("wrong type", _changed(["tables"], "users"), "tables", ""),
    ("wrong pattern", _changed(["tables"], {"include": []}), "tables.include", "at least one"),
    ("priority", _changed(["tables", 0, "priority"], 11), "tables[0].priority", ""),
    ("batch size", _changed(["tables", 0, "batchSize"], 2**31), "tables[0].batchSize", "Leave it out"),
    ("twice", _changed(["tables"], [SAMPLE["tables"][0]] * 2), "tables[1]", "Remove one"),
    ("NUL", _changed(["description"], "a\x00b"), "description", "Remove"),
    ("half a surrogate pair", _changed(["source", "user"], "\ud800"), "source.user", "Remove"),
    (
        "a sleeping predicate",
        _changed(["tables", 0, "whereClause"], "pg_sleep(9) IS NULL"),
        "tables[0].whereClause",
        "STERNA_WHERE_FUNCTIONS",
    ),
    (
        "two statements",
        _changed(["tables", 0, "whereClause"], f"a = '{SECRET}'; DROP TABLE users"),
        "tables[0].whereClause",
        "one condition",
    ),
    ("a metadata address", _changed(["source", "host"], "169.254.169.254"), "source.host", "STERNA_ALLOWED_HOSTS"),
    ("two hosts", _changed(["source", "host"], "a,b"), "source.host", "one name"),
    ("a device", _changed(["destination", "walletPath"], "/dev/zero"), "destination.walletPath", "folder"),
    (
        "our own secret",
        _changed(["source", "secretsRef"], "env:VAULT_TOKEN"),
        "source.secretsRef",
        "variable of its own",
    ),
    (
        "a driver's own files",
        _changed(["source"], {"type": "SQLALCHEMY", "url": "mysql+pymysql://db/x?read_default_file=/etc/my.cnf"}),
        "source.url",
        "Leave them out",
    ),
    ("not a number", _changed([*STEP, "keepFirst"], float("nan")), "tables[0].transformations[1].keepFirst", ""),
]


@pytest.mark.parametrize(("body", "field", "remedy"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_wrong_request_is_refused_by_field(api: httpx.AsyncClient, body: Json, field: str, remedy: str) -> None:
    before = await _jobs(api)
    content = json.dumps({**body, "draft": True})
    answer = await api.post("/api/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    document = answer.json()
    assert (document["type"], document["status"]) == ("urn:sterna:problem:invalid", 422)
    assert {error["field"] for error in document["errors"]} == {field}, document
    assert all(error["message"] and error["remedy"] for error in document["errors"])
    assert any(remedy in f"{error['message']} {error['remedy']}" for error in document["errors"]), document
    assert SECRET not in answer.text
    assert await _jobs(api) == before, "nothing was stored"


async def test_all_wrong_fields_are_named_at_once(api: httpx.AsyncClient) -> None:
    body = _changed(["source", "hots"], "x")
    body["tables"][0]["transformations"][1]["maskChar"] = ""
    del body["destination"]["serviceName"]
    document = (await api.post("/api/jobs", json=body)).json()
    assert {error["field"] for error in document["errors"]} == {
        "source.hots",
        "destination",
        "tables[0].transformations[1].maskChar",
    }


async def test_an_edit_is_checked_like_a_new_job(api: httpx.AsyncClient) -> None:
    job = (await api.post("/api/jobs", json={**SAMPLE, "draft": True})).json()
    answer = await api.put(f"/api/jobs/{job['jobId']}", json=_changed(["source", "password"], SECRET))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "source.password")
    unchanged = (await api.get(f"/api/jobs/{job['jobId']}")).json()
    assert unchanged["spec"] == job["spec"]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/api/jobs", "{not json", 400),
        ("GET", "/api/jobs/no-such-job", None, 404),
        ("GET", "/api/jobs/no-such-job/events", None, 404),
        ("POST", "/api/jobs/no-such-job/pause", None, 404),
        ("GET", "/api/nothing", None, 404),
        ("PATCH", "/api/jobs", None, 405),
    ],
)
async def test_every_error_is_a_problem_document(
    api: httpx.AsyncClient, method: str, path: str, content: str | None, status: int
) -> None:
    answer = await api.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    document = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= document.keys()


async def test_an_unknown_field_of_a_command_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/jobs/any/pause", json={"relaese": True})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "relaese", "message": "there is no such field", "remedy": "Did you mean release?"}
    ]
