"""Notices through the whole service: a job's request, its worker, and a mail and an HTTP server that listen."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import Json, open_store, private_settings, running_api, status_becomes, until, worker_process
from tests.certificates import Authority
from tests.conftest import NewDatabase, connect
from tests.notice_listeners import PASSWORD, USER, HttpServer, MailServer, http_server, mail_server

KEY = "signing-key-of-this-test"


@dataclass(frozen=True)
class Service:
    """API and worker, whose channels `ops`, `team`, `pager` and `dead` lead to these listeners."""

    api: httpx.AsyncClient
    mail: MailServer
    http: HttpServer
    log: Path


def _channels(folder: Path, authority: Authority, mail: MailServer, http: HttpServer) -> Path:
    for name, text in {
        "login": f'{{"username": "{USER}", "password": "{PASSWORD}"}}',
        "slack": f"{http.url}/slack/secret-part",
        "key": KEY,
    }.items():
        (folder / name).write_text(text)
    file = folder / "channels.toml"
    file.write_text(
        f"[ops]\ntype='email'\nhost='127.0.0.1'\nport={mail.port}\ncaFile='{authority.file}'\n"
        f"sender='sterna@example.com'\nto=['dba@example.com']\nlogin='file:{folder}/login'\n"
        f"[team]\ntype='slack'\nwebhook='file:{folder}/slack'\n"
        f"[pager]\ntype='webhook'\nurl='{http.url}/pager'\nsigningSecret='file:{folder}/key'\n"
        f"[dead]\ntype='slack'\nwebhook='file:{folder}/missing'\n"
    )
    return file


@pytest.fixture(scope="module")
async def service(
    postgres: PostgresServer, new_database: NewDatabase, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("notices")
    authority = Authority(folder)
    with mail_server(authority.server_context("127.0.0.1")) as mail, http_server() as http:
        file = _channels(folder, authority, mail, http)
        settings = private_settings(postgres, new_database(), folder).model_copy(update={"notice_channels": file})
        more = {"STERNA_NOTICE_CHANNELS": str(file), "NO_PROXY": "127.0.0.1"}
        with worker_process(settings, client, folder / "worker.log", **more):
            async with open_store(settings) as store, running_api(settings, store, client) as api:
                yield Service(api, mail, http, folder / "worker.log")


async def _post(service: Service, body: Json, *notify: Json) -> str:
    response = await service.api.post("/api/jobs", json={**body, "options": {"maxRejects": 5, "notify": list(notify)}})
    assert response.status_code == 201, response.text
    return str(response.json()["jobId"])


async def _notices(service: Service, job_id: str) -> list[Json]:
    found: list[Json] = (await service.api.get(f"/api/jobs/{job_id}/notices")).json()["notices"]
    return found


async def _mail(service: Service, job_id: str) -> EmailMessage:
    """The only one about the job, when it has come."""

    async def arrived() -> bool:
        return bool(service.mail.about(job_id))

    await until(arrived)
    [mail] = service.mail.about(job_id)
    return mail


async def test_completion_and_rejects_reach_every_channel_once_although_the_first_attempt_is_refused(
    service: Service, request_body: Json, postgres: PostgresServer
) -> None:
    body = copy.deepcopy(request_body)
    body["tables"] = [{"sourceTable": "notes"}]
    with connect(postgres, body["destination"]["database"]) as session:
        session.execute("CREATE TABLE notes (body text CHECK (body <> 'note 7'))")
    service.http.answers, service.mail.refuse = [503], 1
    job_id = await _post(
        service,
        body,
        {"channel": "pager", "on": ["completed"]},
        {"channel": "team", "on": ["completed"]},
        {"channel": "ops", "on": ["completed", "rejects"]},
        {"channel": "ops", "on": ["rejects"], "rejectsOver": 1},
    )
    await status_becomes(service.api, job_id, "COMPLETED")

    async def all_taken() -> bool:
        found = await _notices(service, job_id)
        return len(found) == 4 and all(notice["status"] == "DELIVERED" for notice in found)

    await until(all_taken)
    found = await _notices(service, job_id)
    assert sorted((notice["channel"], notice["event"]) for notice in found) == [
        ("ops", "completed"),
        ("ops", "rejects"),
        ("pager", "completed"),
        ("team", "completed"),
    ]
    assert sum(notice["attempts"] for notice in found) == 6
    assert sorted(mail["X-Sterna-Event"] for mail in service.mail.about(job_id)) == ["completed", "rejects"]
    hooks = service.http.at("/pager", job_id)
    assert len({post.headers["webhook-id"] for post in hooks}) == 1
    assert len(hooks) + len(service.http.at("/slack/secret-part", "Two tables")) == 3
    for post in hooks:
        signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
        expected = base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
        assert post.headers["webhook-signature"] == f"v1,{expected}"
        assert (post.json["data"]["rows"], post.json["data"]["rejected"]) == (9, 1)
    assert "note 7" not in " ".join(str(mail.get_content()) for mail in service.mail.about(job_id))
    assert "secret-part" not in service.log.read_text()


async def test_a_job_whose_proof_fails_is_told_to_those_who_want_failures(
    service: Service, request_body: Json, postgres: PostgresServer
) -> None:
    body = copy.deepcopy(request_body)
    body["tables"] = [{"sourceTable": "notes"}]
    with connect(postgres, body["destination"]["database"]) as session:
        session.execute(
            "CREATE TABLE notes (body text); CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.body := NEW.body || '!'; RETURN NEW; END $$;"
            "CREATE TRIGGER spoil BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION spoil()"
        )
    job_id = await _post(service, body, {"channel": "ops", "on": ["failed"]}, {"channel": "pager", "on": ["completed"]})
    await status_becomes(service.api, job_id, "FAILED")
    mail = await _mail(service, job_id)
    assert mail["X-Sterna-Event"] == "failed"
    assert "notes" in mail.get_content()
    assert service.http.at("/pager", job_id) == []


async def test_parked_tables_are_told_and_a_channel_that_fails_is_said_in_the_attention(
    service: Service, request_body: Json, postgres: PostgresServer
) -> None:
    body = copy.deepcopy(request_body)
    body["tables"] = [{"sourceTable": "notes"}]
    with connect(postgres, body["destination"]["database"]) as session:
        session.execute("CREATE TABLE notes (another text)")
    job_id = await _post(service, body, {"channel": "ops"}, {"channel": "dead", "on": ["cancelled"]})
    mail = await _mail(service, job_id)
    assert mail["X-Sterna-Event"] == "parked"
    assert "notes" in mail.get_content()
    await service.api.post(f"/api/jobs/{job_id}/cancel")
    await status_becomes(service.api, job_id, "CANCELLED")

    async def said() -> bool:
        job = (await service.api.get(f"/api/jobs/{job_id}")).json()
        return "the notice 'cancelled' was not delivered" in (job["attention"] or "")

    await until(said)


async def test_a_channel_that_is_not_configured_is_refused_with_those_that_are(
    service: Service, request_body: Json
) -> None:
    options = {"notify": [{"channel": "ops"}, {"channel": "http://example.com"}]}
    response = await service.api.post("/api/jobs", json={**request_body, "options": options})
    assert response.status_code == 422
    options = {"notify": [{"channel": "ops"}, {"channel": "boss"}]}
    response = await service.api.post("/api/jobs", json={**request_body, "options": options})
    [error] = response.json()["errors"]
    assert error["field"] == "options.notify[1].channel"
    assert error["remedy"] == "Channels are dead, ops, pager, team"
