"""The API on a real HTTP port, with a config store and a Temporal server of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from api.app import create_app
from api.reconciler import Reconciler
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.documents import DocumentStore
from core.encryption.data_keys import DataKeys
from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import add_key, open_key_ring
from core.job_start import JobStarter
from core.settings import Settings
from core.temporal_client import STAGES
from deploy.local.postgres_server import PostgresServer, end_with_parent, free_port
from tests.conftest import API_KEY, NewDatabase, connect

Json = dict[str, Any]


def private_settings(postgres: PostgresServer, database: str, folder: Path) -> Settings:
    """Settings with a config store, folders and task queues that nobody else uses."""
    key_file = folder / "admin.key"
    key_file.write_text(API_KEY, encoding="utf-8")
    add_key(folder / "keys")
    return Settings(
        admin_key_file=key_file,
        config_store=f"postgresql+asyncpg://{postgres.user}@127.0.0.1:{postgres.port}/{database}",
        documents=folder / "documents",
        staging=folder / "staging",
        leases=folder / "leases",
        task_queue_prefix=f"test-{uuid.uuid4().hex[:8]}",
        api_port=free_port(),
        encryption_keys=f"file:{folder / 'keys'}",
    )


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[ConfigStore]:
    """The migrated config store."""
    store = ConfigStore(open_engine(settings.config_store))
    await store.upgrade()
    yield store
    await store.close()


def build_app(settings: Settings, store: ConfigStore, client: Client) -> FastAPI:
    """The application on these parts."""
    fields = FieldCipher(open_key_ring(settings.encryption_keys))
    documents = DocumentStore(settings.documents, DataKeys(settings.documents, fields))
    return create_app(settings, store, client, documents, fields)


@asynccontextmanager
async def running_api(settings: Settings, store: ConfigStore, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP to an API that serves on a real port."""
    app = build_app(settings, store, client)
    server = uvicorn.Server(
        uvicorn.Config(app, port=settings.api_port, log_level="warning", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    base_url = f"http://127.0.0.1:{settings.api_port}"
    key = {"Authorization": f"Bearer {API_KEY}"}
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=30, headers=key) as http:
        yield http
    server.should_exit = True
    await serving


@pytest.fixture
def settings(postgres: PostgresServer, new_database: NewDatabase, tmp_path: Path) -> Settings:
    """Settings of one test."""
    return private_settings(postgres, new_database(), tmp_path)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[ConfigStore]:
    """The config store of one test."""
    async with open_store(settings) as store:
        yield store


@pytest.fixture(scope="session")
def client(temporal: WorkflowEnvironment) -> Client:
    """A client of the Temporal server."""
    return temporal.client


@pytest.fixture
def reconciler(store: ConfigStore, client: Client, settings: Settings) -> Reconciler:
    """A reconciler that looks when the test says so."""
    return Reconciler(store, client, JobStarter(store, client, settings.task_queue_prefix))


@pytest.fixture
async def api(settings: Settings, store: ConfigStore, client: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The API of one test."""
    async with running_api(settings, store, client) as http:
        yield http


@dataclass(frozen=True)
class Live:
    """A whole service: API, config store and a worker process that serves every stage."""

    settings: Settings
    store: ConfigStore
    api: httpx.AsyncClient
    reconciler: Reconciler


@pytest.fixture(scope="session")
async def live(
    postgres: PostgresServer, new_database: NewDatabase, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Live]:
    """One for all tests: each has jobs of its own."""
    folder = tmp_path_factory.mktemp("live")
    settings = private_settings(postgres, new_database(), folder)
    with worker_process(settings, client, folder / "worker.log"):
        async with open_store(settings) as store, running_api(settings, store, client) as api:
            starter = JobStarter(store, client, settings.task_queue_prefix)
            yield Live(settings, store, api, Reconciler(store, client, starter))


@contextmanager
def worker_process(
    settings: Settings, client: Client, log: Path, stages: Sequence[str] = STAGES, **more: str
) -> Iterator[None]:
    """The product's worker as its own process, with more environment variables, stopped at the end of the block."""
    program = f"from core.settings import Settings; from worker.main import run; run({list(stages)}, Settings())"
    environment = {
        **os.environ,
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "STERNA_CONFIG_STORE": settings.config_store,
        "STERNA_DOCUMENTS": str(settings.documents),
        "STERNA_STAGING": str(settings.staging),
        "STERNA_ENCRYPTION_KEYS": str(settings.encryption_keys),
        "STERNA_TASK_QUEUE_PREFIX": settings.task_queue_prefix,
        "STERNA_GRACEFUL_SHUTDOWN_SECONDS": "1",
        **more,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent,
        )
    try:
        yield
        assert process.poll() is None, f"the worker died: {log.read_text()[-2000:]}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def databases(postgres: PostgresServer, new_database: NewDatabase) -> tuple[str, str]:
    """A source database with two small tables, and an empty destination."""
    source, destination = new_database(), new_database()
    with connect(postgres, source) as session:
        session.execute("CREATE TABLE users (id int PRIMARY KEY, ssn text)")
        session.execute("INSERT INTO users SELECT n, 'ssn-' || n FROM generate_series(1, 1000) n")
        session.execute("CREATE TABLE notes (body text)")
        session.execute("INSERT INTO notes SELECT 'note ' || n FROM generate_series(1, 10) n")
    return source, destination


@pytest.fixture
def request_body(postgres: PostgresServer, databases: tuple[str, str]) -> Json:
    """A job between the two databases."""
    source, destination = (
        {"type": "POSTGRES", "host": "127.0.0.1", "port": postgres.port, "database": name, "user": postgres.user}
        for name in databases
    )
    return {
        "name": "Two tables",
        "source": source,
        "destination": destination,
        "tables": [
            {
                "sourceTable": "users",
                "destinationTable": "CUSTOMERS",
                "transformations": [{"type": "DATA_MASK", "columns": ["ssn"]}],
            },
            {"sourceTable": "notes"},
        ],
    }


async def until(look: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    """Waits until a condition holds; fails when it does not come true."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.1)


async def status_becomes(api: httpx.AsyncClient, job_id: str, status: str, *, seconds: float = 40) -> Json:
    """Waits for a job's status and gives the job."""
    job: Json = {}

    async def look() -> bool:
        nonlocal job
        job = (await api.get(f"/api/jobs/{job_id}")).json()
        return bool(job["status"] == status)

    try:
        await until(look, seconds=seconds)
    except TimeoutError:
        raise AssertionError(f"the job is {job['status']} ({job['attention']}), not {status}") from None
    return job
