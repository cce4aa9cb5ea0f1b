"""Every command over REST leaves its events in the audit trail, which is filtered, exported and verified."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi.routing import iter_route_contexts
from temporalio.client import Client
from typer.testing import CliRunner, Result

from api.cli import Exit
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.settings import Settings
from core.temporal_client import job_workflow_id
from deploy.cli import app as commands
from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import Json, Live, build_app, status_becomes
from tests.conftest import connect

READING = {"GET", "HEAD", "OPTIONS"}
BY_ITSELF = ("schedule", "sterna")


class Story:
    """Requests one after the other, and the events that each left."""

    def __init__(self, live: Live) -> None:
        self.api = live.api
        self.told: set[tuple[str, str]] = set()
        self._seen = 0

    async def tell(
        self,
        method: str,
        path: str,
        actions: list[str],
        body: Any = None,
        *,
        job_id: str = "",
        status: int = 0,
        actor: str = "administrator",
    ) -> Json:
        """Sends a request that must succeed (or end with `status`) and leave events of these actions."""
        await self._new_events()
        answer = await self.api.request(method, path.replace("{job_id}", job_id), json=body)
        assert answer.status_code == status if status else answer.is_success, answer.text
        found = await self._new_events()
        assert [event["action"] for event in found] == actions, (method, path)
        for event in found:
            assert (event["actor"], event["address"]) == (actor, "127.0.0.1")
            assert event["jobId"] in (job_id or event["jobId"], None)
        self.told.add((method, path))
        given: Json = answer.json() if answer.content else {}
        return {"events": found, **given}

    async def _new_events(self) -> list[Json]:
        found = (await self.api.get("/api/audit", params={"limit": 100})).json()["events"]
        new = [event for event in found if event["eventId"] > self._seen and event["actor"] not in BY_ITSELF]
        self._seen = found[0]["eventId"] if found else 0
        return new[::-1]


async def test_every_changing_route_leaves_its_events_with_actor_and_address(
    live: Live, client: Client, request_body: Json, postgres: PostgresServer, databases: tuple[str, str]
) -> None:
    story = Story(live)
    await story.tell("POST", "/api/jobs/plan", ["plan"], request_body)
    await _commands_to_a_job(story, {**request_body, "source": {**request_body["source"], "database": "nowhere"}})
    await _replay(story, request_body, postgres, databases)
    await _access(story)
    application = build_app(live.settings, live.store, client)
    changing = {
        (method, str(route.path))
        for route in iter_route_contexts(application.routes)
        for method in (route.methods or set()) - READING
    }
    assert changing == story.told, "a route that changes something has no case here, or a case has no route"


async def _commands_to_a_job(story: Story, body: Json) -> None:
    draft = await story.tell("POST", "/api/jobs", ["create"], {**body, "draft": True})
    job_id = draft["jobId"]
    job = "/api/jobs/{job_id}"
    edited = await story.tell("PUT", job, ["update"], {**body, "name": "Renamed"}, job_id=job_id)
    assert [edited["events"][0][side]["name"] for side in ("before", "after")] == ["Two tables", "Renamed"]
    await story.tell("POST", f"{job}/pause", [], job_id=job_id, status=409)
    await story.tell("POST", f"{job}/start", ["start"], job_id=job_id)
    await story.tell("PUT", f"{job}/schedule", ["schedule"], {"cron": "0 3 * * *"}, job_id=job_id)
    await story.tell("POST", f"{job}/schedule/pause", ["pause schedule"], {"note": "moving"}, job_id=job_id)
    resumed = await story.tell("POST", f"{job}/schedule/resume", ["resume schedule"], job_id=job_id)
    assert (resumed["events"][0]["before"]["paused"], resumed["events"][0]["before"]["note"]) == (True, "moving")
    await story.tell("POST", f"{job}/schedule/trigger", ["trigger schedule"], job_id=job_id)
    await story.tell("DELETE", f"{job}/schedule", ["unschedule"], job_id=job_id)
    await story.tell("POST", f"{job}/pause", ["pause"], {"release": True}, job_id=job_id)
    await status_becomes(story.api, job_id, "PAUSED")
    resumed = await story.tell("POST", f"{job}/resume", ["resume"], job_id=job_id)
    assert resumed["events"][0]["before"] == {"status": "PAUSED"}
    await story.tell("PATCH", f"{job}/limits", ["limit"], {"parallelBatches": 2}, job_id=job_id)
    await story.tell("POST", f"{job}/retry", ["retry"], job_id=job_id)
    await story.tell("POST", f"{job}/approve", ["approve", "approve refused"], job_id=job_id, status=409)
    unknown = {"tables": ["no_such_table"]}
    await story.tell("POST", f"{job}/retry", ["retry", "retry refused"], unknown, job_id=job_id, status=404)
    await story.tell("POST", f"{job}/cancel", ["cancel"], job_id=job_id)
    await status_becomes(story.api, job_id, "CANCELLED")
    deleted = await story.tell("DELETE", job, ["delete"], job_id=job_id)
    assert (deleted["events"][0]["before"]["name"], deleted["events"][0]["after"]) == ("Renamed", None)


async def _access(story: Story) -> None:
    made = await story.tell("POST", "/api/keys", ["create key"], {"name": "nightly", "role": "viewer"})
    assert made["secret"] not in json.dumps(made["events"])
    key = "/api/keys/{key_id}"
    await story.tell("DELETE", f"/api/keys/{made['keyId']}", ["revoke key"])
    code = await story.tell("POST", "/api/login-codes", ["create login code"], {"name": "dba"})
    await story.tell("POST", "/api/session", ["log in"], {"code": code["code"]}, actor="dba")
    await story.tell("DELETE", "/api/session", ["log out"], actor="dba")
    story.api.cookies.clear()
    story.told = {(method, key if path.startswith("/api/keys/") else path) for method, path in story.told}


async def _replay(story: Story, body: Json, postgres: PostgresServer, databases: tuple[str, str]) -> None:
    with connect(postgres, databases[1]) as session:
        session.execute("CREATE TABLE notes (body text CHECK (body <> 'note 7'))")
    body = {**body, "tables": [{"sourceTable": "notes"}], "options": {"maxRejects": 1}}
    created = await story.tell("POST", "/api/jobs", ["create", "start"], body)
    await status_becomes(story.api, created["jobId"], "COMPLETED")
    await story.tell("POST", "/api/jobs/{job_id}/rejects/replay", ["replay"], job_id=created["jobId"])


async def test_commands_over_temporals_own_surface_are_recorded_without_a_name(
    live: Live, client: Client, request_body: Json
) -> None:
    request_body["source"]["database"] = "nowhere"
    job_id = (await live.api.post("/api/jobs", json=request_body)).json()["jobId"]
    job = client.get_workflow_handle(job_workflow_id(job_id))
    await job.signal("pause", {"release": True})
    await status_becomes(live.api, job_id, "PAUSED")
    await job.signal("resume")
    await status_becomes(live.api, job_id, "ACTIVE")
    await job.execute_update("set_limits", {"parallelBatches": 2})
    await job.execute_update("retry_tables", {"tables": ["users"]})
    await job.cancel()
    await status_becomes(live.api, job_id, "CANCELLED")
    found = (await live.api.get("/api/audit", params={"job": job_id, "actor": "temporal"})).json()["events"][::-1]
    assert [(event["action"], event["address"]) for event in found] == [
        ("pause", None), ("resume", None), ("limit", None), ("retry", None), ("cancel", None),
    ]  # fmt: skip
    told = [{name: value for name, value in (event["after"] or {}).items() if name != "at"} for event in found]
    assert told == [{"release": True}, {}, {"parallelBatches": 2}, {"tables": ["users"]}, {}]


@pytest.fixture
async def events(store: ConfigStore) -> list[str]:
    """Events of two actors on one job, and what a hostile client might call itself."""
    job_id = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
    for actor in ("ann", "bob", "=cmd|'/c calc'!A1", "ann\u2028\x85"):
        for action in ("pause", "resume"):
            await store.record_event(job_id, action, actor=Actor(actor, "@10.0.0.9"), after={"note": 'a "b",\nc'})
    await store.record_event(None, "login", actor=Actor("ann", "10.0.0.9"))
    return ["login", *(["resume", "pause"] * 4)]


async def test_events_are_filtered_and_paged_newest_first(api: httpx.AsyncClient, events: list[str]) -> None:
    async def found(**parameters: Any) -> list[Json]:
        pages: list[Json] = []
        while True:
            answer = await api.get("/api/audit", params=parameters)
            assert answer.status_code == 200, answer.text
            pages += answer.json()["events"]
            if answer.json()["nextCursor"] is None:
                return pages
            parameters["cursor"] = answer.json()["nextCursor"]

    assert [event["action"] for event in await found(limit=2)] == events
    assert [event["eventId"] for event in await found(actor="ann", action="pause")] == [1]
    of_job = await found(job="6F9619FF-8B86-4D11-B42D-00C04FC964FF", limit=3)
    assert [event["eventId"] for event in of_job] == [8, 7, 6, 5, 4, 3, 2, 1]
    moment = of_job[3]["happenedAt"]
    assert [event["eventId"] for event in await found(since=moment)] == [9, 8, 7, 6, 5]
    assert [event["eventId"] for event in await found(until=moment)] == [4, 3, 2, 1]
    for wrong in ({"cursor": "x"}, {"since": "yesterday"}, {"job": "1"}, {"limit": 0}):
        assert (await api.get("/api/audit", params=wrong)).status_code == 422, wrong  # type: ignore[arg-type]


async def test_an_export_holds_every_event_and_no_formula(api: httpx.AsyncClient, events: list[str]) -> None:
    answer = await api.get("/api/audit/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    exported = [json.loads(line) for line in answer.text.split("\n") if line]
    assert exported[::-1] == (await api.get("/api/audit")).json()["events"]
    answer = await api.get("/api/audit/export", params={"format": "csv", "action": "pause"})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["eventId"] for row in rows] == ["1", "3", "5", "7"]
    assert rows[2]["actor"] == "'=cmd|'/c calc'!A1"
    assert {row["address"] for row in rows} == {"'@10.0.0.9"}
    assert json.loads(rows[0]["after"]) == {"note": 'a "b",\nc'}
    assert rows[0]["before"] == ""


@pytest.fixture
def look(store: ConfigStore, settings: Settings, postgres: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """A session of a superuser on the config store."""
    with connect(postgres, settings.config_store.rpartition("/")[2]) as session:
        yield session


async def test_the_command_line_lists_exports_and_verifies(
    api: httpx.AsyncClient,
    events: list[str],
    settings: Settings,
    look: psycopg.Connection[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STERNA_CONFIG_STORE", settings.config_store)

    async def sterna(*words: str) -> Result:
        arguments = ["audit", *words, "--api", str(api.base_url)]
        return await asyncio.to_thread(CliRunner().invoke, commands, arguments)

    file = str(tmp_path / "audit.jsonl")
    listed = (await sterna("list", "--actor", "ann", "--action", "login")).stdout
    assert "ann from 10.0.0.9: login" in listed
    exported = await sterna("export", "--output", file)
    assert exported.exit_code == Exit.DONE, exported.stderr
    told = [await sterna("verify", *source) for source in ([], ["--direct"], [file])]
    assert len({answer.stdout for answer in told}) == 1
    assert [answer.exit_code for answer in told] == [Exit.DONE] * 3, told[0].stderr
    head = told[0].stdout.split()[-1]
    assert head == f"9:{look.execute('SELECT hash FROM audit_event WHERE event_id = 9').fetchone()[0]}"  # type: ignore[index]
    look.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
    look.execute("DELETE FROM audit_event WHERE event_id = 9")
    for source in ([], ["--direct"]):
        assert (await sterna("verify", *source)).exit_code == Exit.DONE
        cut = await sterna("verify", *source, "--expect-head", head)
        assert (cut.exit_code, "event 9 is missing" in cut.stderr) == (Exit.NOT_COMPLETED, True)
    assert (await sterna("verify", "--expect-head", "9")).exit_code == Exit.WRONG_USE
