"""A password is nowhere but in its file and in the workers' memory: everything that Sterna writes or says is searched.

A decoy lies beside each canary, in a place where it may be seen, so that a search that finds nothing has looked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import connect
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import open_client, until
from tests.end_to_end.test_personal_data import told

USER = "canary_login"
RIGHT, WRONG = "c4nary-right-Zq7vXw", "c4nary-wrong-Jm2pKt"
DECOY = "decoy-in-the-open"
ROWS = 2_000


def spellings(text: str) -> list[bytes]:
    """As it is, in hex, and in base64 wherever it begins."""
    plain = text.encode()
    shifted = [base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    return [plain, plain.hex().encode(), *shifted]


CANARIES = [spelling for text in (RIGHT, WRONG) for spelling in spellings(text)]


def leaks(places: dict[str, bytes]) -> list[str]:
    return [name for name, held in places.items() if any(canary in held for canary in CANARIES)]


@pytest.fixture
def login(postgres: PostgresServer) -> Iterator[None]:
    """A user whom the test's PostgreSQL asks for the password, unlike the others."""
    rules = postgres.folder / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    with connect(postgres, "postgres") as session:
        session.execute(f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{RIGHT}'".encode())
        rules.write_text(f"host all {USER} 127.0.0.1/32 scram-sha-256\n{before}", encoding="utf-8")
        session.execute("SELECT pg_reload_conf()")
    with pytest.raises(psycopg.OperationalError, match="password"):
        until(
            lambda: psycopg.connect(
                host="127.0.0.1", port=postgres.port, user=USER, password=WRONG, dbname="postgres"
            ).close()
        )
    yield
    rules.write_text(before, encoding="utf-8")
    with connect(postgres, "postgres") as session:
        session.execute("SELECT pg_reload_conf()")


def spec(databases: Databases, folder: Path, source: str) -> dict[str, Any]:
    """Both sides log in by a password from a file; the file's name may be seen."""
    for name, password in (("right", RIGHT), ("wrong", WRONG)):
        (folder / f"{DECOY}-{name}").write_text(json.dumps({"username": USER, "password": password}), encoding="utf-8")
    wanted = databases.spec([{"sourceTable": "numbers", "batchSize": 200}], parallelBatches=2)
    for side, name in (("source", source), ("destination", "right")):
        del wanted[side]["user"]
        wanted[side]["secretsRef"] = f"file:{folder / DECOY}-{name}"
    return wanted


def config_store(stack: LocalStack) -> dict[str, bytes]:
    """Every row of every table as text."""
    store = stack.config_store
    with psycopg.connect(
        host="127.0.0.1", port=store.port, user=store.user, dbname=stack.config_store_url.rsplit("/", 1)[1]
    ) as session:
        tables = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            f"config store: {table}": repr(
                session.execute(f'SELECT t::text FROM "{table}" AS t'.encode()).fetchall()
            ).encode()
            for (table,) in tables
        }


def on_disk(folder: Path, word: str) -> dict[str, bytes]:
    """Files that vanish meanwhile are seen the next time."""
    found = {}
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                found[f"{word}: {path.relative_to(folder)}"] = path.read_bytes()
        except FileNotFoundError:
            continue
    return found


def documents(stack: LocalStack) -> dict[str, bytes]:
    """Decrypted."""
    store = stack.document_store
    found = {}
    for path in stack.documents.rglob("*.json"):
        reference = str(path.relative_to(stack.documents))
        if not path.name.startswith("."):  # a wrapped key
            with store.opened(reference) as content:
                found[f"document: {reference}"] = content.read()
    return found


def arguments() -> dict[str, bytes]:
    """Of all processes of this machine."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[f"arguments: {path.parent.name}"] = path.read_bytes()
        except OSError:
            continue
    return found


def answers(jobs: Jobs, job_id: str) -> dict[str, bytes]:
    job = f"/api/jobs/{job_id}"
    paths = ["/api/jobs", "/api/audit", "/api/queues", "/metrics", "/api/connectors", job]
    paths += [f"{job}/{name}" for name in ("progress", "certificate", "rejects", "profile")]
    found = {f"answer: {path}": jobs.http.get(path).content for path in paths}
    html = jobs.http.get(f"{job}/certificate", headers={"Accept": "text/html"})
    return {**found, "answer: certificate as HTML": html.content}


@pytest.mark.usefixtures("login")
async def test_a_password_is_in_nothing_that_sterna_writes_or_says(
    databases: Databases, jobs: Jobs, stack: LocalStack, tmp_path: Path
) -> None:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.3)
    databases.prepare(f"UPDATE public.numbers SET word = '{DECOY}' || id")
    refused = jobs.post(spec(databases, tmp_path, "wrong"))
    waiting = jobs.wait(refused)
    assert "password" in json.dumps(waiting).lower(), "the wrong password made an error"
    moved = jobs.post(spec(databases, tmp_path, "right"))
    staged: dict[str, bytes] = until(
        lambda: {name: held for name, held in on_disk(stack.staging, "staged").items() if DECOY.encode() in held}
    )
    places = {**staged, **arguments()}
    table.brake(0)
    ended = jobs.wait(moved)
    assert ended["status"] == "COMPLETED", ended
    assert jobs.certificate(moved)["verdict"] == "PROVED"

    client = await open_client(stack)
    for job_id in (refused, moved):
        places |= answers(jobs, job_id)
        places |= {f"history: {found}": held async for found, held in told(client, job_id)}
    places |= {**config_store(stack), **documents(stack), **on_disk(stack.logs, "log")}
    places |= {f"on disk, {name}": held for name, held in on_disk(stack.folder, "file").items()}
    jobs.command(refused, "cancel")
    assert leaks(places) == []

    seen = {name.partition(":")[0] for name, held in places.items() if DECOY.encode() in held}
    assert {"staged", "history", "config store", "document", "answer", "on disk, file"} <= seen
    assert {"arguments", "log"} <= {name.partition(":")[0] for name in places}
    for spelling in CANARIES:
        assert leaks({"planted": b"x" + spelling + b"y"}) == ["planted"]
    for place in places:
        assert leaks({place: places[place] + RIGHT.encode()}) == [place]
        break
