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
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import open_client, until
from tests.end_to_end.test_personal_data import told
from tests.password_login import PasswordLogin, password_login

DECOY = "decoy-in-the-open"
ROWS = 2_000


def spellings(text: str) -> list[bytes]:
    """As it is, in hex, and in base64 wherever it begins."""
    plain = text.encode()
    shifted = [base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    return [plain, plain.hex().encode(), *shifted]


def leaks(places: dict[str, bytes], login: PasswordLogin) -> list[str]:
    canaries = [spelling for text in (login.right, login.wrong) for spelling in spellings(text)]
    return [name for name, held in places.items() if any(canary in held for canary in canaries)]


@pytest.fixture
def login(postgres: PostgresServer) -> Iterator[PasswordLogin]:
    with password_login(postgres, "canary_login") as found:
        yield found


def spec(databases: Databases, folder: Path, login: PasswordLogin, source: str) -> dict[str, Any]:
    """Both sides log in by a password from a file; the file's name may be seen."""
    wanted = databases.spec([{"sourceTable": "numbers", "batchSize": 200}], parallelBatches=2)
    login.give(wanted["source"], source, folder / f"{DECOY}-{source == login.right}")
    login.give(wanted["destination"], login.right, folder / f"{DECOY}-destination")
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


async def test_a_password_is_in_nothing_that_sterna_writes_or_says(
    databases: Databases, jobs: Jobs, stack: LocalStack, login: PasswordLogin, tmp_path: Path
) -> None:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.3)
    databases.prepare(f"UPDATE public.numbers SET word = '{DECOY}' || id")
    refused = jobs.post(spec(databases, tmp_path, login, login.wrong))
    waiting = jobs.wait(refused)
    assert "password" in json.dumps(waiting).lower(), "the wrong password made an error"
    moved = jobs.post(spec(databases, tmp_path, login, login.right))
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
    assert leaks(places, login) == []

    seen = {name.partition(":")[0] for name, held in places.items() if DECOY.encode() in held}
    assert {"staged", "history", "config store", "document", "answer", "on disk, file"} <= seen
    assert {"arguments", "log"} <= {name.partition(":")[0] for name in places}
    for spelling in [*spellings(login.right), *spellings(login.wrong)]:
        assert leaks({**places, "planted": b"x" + spelling + b"y"}, login) == ["planted"]
