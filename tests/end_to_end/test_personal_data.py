"""Values of rows stay out of Temporal's history, out of logs, and lie encrypted in documents."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import open_key_ring
from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import open_client

EMAIL, PERSON, PREDICATE = "jane.roe@canary.example", "Canary Jane Roe", "canary-predicate"
ACCOUNT = 4929123412341234
CANARIES = [text.encode() for text in (EMAIL, PERSON, PREDICATE, str(ACCOUNT), str(ACCOUNT + 1))]
TABLES = [
    {"sourceTable": "people", "whereClause": f"email <> '{PREDICATE}'"},
    {"sourceTable": "accounts", "batchSize": 1},
]
SEALED = re.compile(rb"sealed:1:[\w-]+:[\w-]+")


@pytest.fixture
def people(databases: Databases) -> Databases:
    """Personal keys of text and of integers, and two rows that the destination will not have both."""
    databases.prepare(
        "CREATE TABLE people (email text PRIMARY KEY, name text NOT NULL);"
        f"INSERT INTO people VALUES ('{EMAIL}', '{PERSON}'), ('2{EMAIL}', '{PERSON}'), ('other', 'Other');"
        "CREATE TABLE accounts (number bigint PRIMARY KEY, owner text);"
        f"INSERT INTO accounts SELECT {ACCOUNT} + i, '{PERSON}' FROM generate_series(0, 9) AS i; ANALYZE"
    )
    with databases.connect_destination() as destination:
        destination.execute("CREATE TABLE people (email text PRIMARY KEY, name text NOT NULL UNIQUE)")
    return databases


def copy_to_sqlite(people: Databases, path: Path) -> Path:
    with people.connect_source() as source, sqlite3.connect(path) as copy:
        copy.execute("CREATE TABLE people (email text PRIMARY KEY, name text NOT NULL)")
        copy.execute("CREATE TABLE accounts (number integer PRIMARY KEY, owner text)")
        for table in ("people", "accounts"):
            copy.executemany(f"INSERT INTO {table} VALUES (?, ?)", source.execute(f"SELECT * FROM {table}").fetchall())
    return path


async def told(client: Client, job_id: str) -> AsyncIterator[tuple[str, bytes]]:
    """Ids of a job's workflows, and all that Temporal would tell about them, with payloads decoded."""
    started = client.list_workflows("ExecutionStatus IS NOT NULL")
    async for found in started:
        if job_id in found.id or found.id.startswith("plan/"):
            handle = client.get_workflow_handle(found.id, run_id=found.run_id)
            events = [event.SerializeToString() async for event in handle.fetch_history_events()]
            described = (await handle.describe()).raw_description.SerializeToString()
            yield found.id, b"".join([*events, described])


def files(stack: LocalStack) -> Iterator[Path]:
    """What the stack keeps on disk, Temporal's own database with it. The config store holds the request as posted."""
    for path in stack.folder.rglob("*"):
        if path.is_file() and "config-store" not in path.parts:
            yield path


async def test_no_value_of_a_row_is_in_histories_logs_or_files_and_operators_still_see_it(
    people: Databases, jobs: Jobs, stack: LocalStack, tmp_path: Path
) -> None:
    assert PREDICATE not in jobs.http.post("/api/jobs/plan", json=people.spec(TABLES)).raise_for_status().text
    job_id = jobs.post(people.spec(TABLES))
    parked = jobs.wait(job_id)
    table = next(table for table in parked["tables"] if "people" in table["name"])
    assert table["status"] == "PARKED", parked
    assert "people_name_key" in table["message"]
    workflow_id = f"migration/{job_id}/{table['tableId']}"

    client = await open_client(stack)
    fields = FieldCipher(open_key_ring(f"file:{stack.key_file}"))
    histories = {found: held async for found, held in told(client, job_id)}
    assert {workflow_id, f"migration/{job_id}"} < histories.keys()
    for found, held in histories.items():
        assert not [canary for canary in CANARIES if canary in held], found
    assert b"PARKED" in histories[f"migration/{job_id}"]
    assert b"load batch 0 of public.people" in histories[workflow_id]
    sealed = SEALED.findall(histories[workflow_id])
    assert any(PERSON in fields.open(token.decode(), workflow_id) for token in sealed)
    jobs.command(job_id, "cancel")
    jobs.wait(job_id, lambda progress: progress["status"] == "CANCELLED")

    with people.connect_destination() as destination:
        destination.execute("DROP TABLE accounts; TRUNCATE people")
    source = {"type": "SQLITE", "path": str(copy_to_sqlite(people, tmp_path / "people.db"))}  # its ranges are of keys
    job_id = jobs.post({**people.spec(TABLES, maxRejects=5), "source": source})
    assert jobs.wait(job_id)["status"] == "COMPLETED"
    rejects = jobs.http.get(f"/api/jobs/{job_id}/rejects").raise_for_status().json()
    assert [reject["values"]["name"] for reject in rejects["rejects"]] == [PERSON]
    assert jobs.certificate(job_id)["verdict"] == "PROVED"
    certificate = stack.documents / f"jobs/{job_id}/runs/1/certificate.json"
    whole = certificate.read_bytes()
    certificate.write_bytes(whole[:-1])
    refused = jobs.http.get(f"/api/jobs/{job_id}/certificate")
    certificate.write_bytes(whole)
    assert (refused.status_code, refused.json()["type"]) == (500, "urn:sterna:problem:damaged")
    assert "certificate.json was changed or cut short" in refused.json()["detail"]
    async for found, held in told(client, job_id):
        assert not [canary for canary in CANARIES if canary in held], found
    for path in files(stack):
        content = path.read_bytes()
        assert not [canary for canary in CANARIES if canary in content], path
