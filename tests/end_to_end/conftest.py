"""A whole stack for the test session, and what tests ask of it: databases, jobs, comparisons."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.job_progress import NOBODY_ANSWERS
from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase, connect
from tests.end_to_end.engine_places import engine as engine

FINAL = ("COMPLETED", "FAILED", "CANCELLED")
SLOW_FUNCTION = "public.slow"
"""What whereClauses may call beyond the list, where a test creates it."""


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """One stack for all tests that do not break it."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        environment = {"STERNA_WHERE_FUNCTIONS": json.dumps([SLOW_FUNCTION])}
        with LocalStack(Path(folder) / "stack", environment=environment, restart_dead=False) as running:
            yield running


@pytest.fixture(scope="session")
def breakable_stack() -> Iterator[LocalStack]:
    """A stack for tests that kill its processes: what dies stays dead until `restart`; a second load worker takes over.

    Its Temporal server suggests very early that workflows continue as new. Its staging is encrypted.
    """
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        with LocalStack(
            Path(folder) / "stack",
            stages=("control", "extract", "transform", "load", "load", "validate"),
            temporal_options=("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=300"),
            restart_dead=False,
            environment={"STERNA_WHERE_CLAUSES": "trusted", "STERNA_ENCRYPT_STAGING": "true"},
        ) as running:
            yield running


@dataclass
class Databases:
    """A source and a destination database on the test session's PostgreSQL."""

    server: PostgresServer
    source: str
    destination: str

    def spec(self, tables: list[dict[str, Any]] | dict[str, Any], **options: Any) -> dict[str, Any]:
        """A job between the two."""
        return {
            "name": "test",
            "source": self._side(self.source),
            "destination": self._side(self.destination),
            "tables": tables,
            "options": options,
        }

    def _side(self, database: str) -> dict[str, Any]:
        return {
            "type": "POSTGRES",
            "host": "127.0.0.1",
            "port": self.server.port,
            "database": database,
            "user": self.server.user,
        }

    def connect_source(self) -> psycopg.Connection[tuple[object, ...]]:
        return connect(self.server, self.source)

    def connect_destination(self) -> psycopg.Connection[tuple[object, ...]]:
        return connect(self.server, self.destination)

    def prepare(self, sql: str) -> None:
        """Runs SQL in the source."""
        with self.connect_source() as connection:
            connection.execute(sql)


@pytest.fixture
def databases(postgres: PostgresServer, new_database: NewDatabase) -> Databases:
    """Two empty databases."""
    return Databases(postgres, new_database(), new_database())


def is_final_or_needs_attention(progress: dict[str, Any]) -> bool:
    """Just after a start no worker may serve yet, which the API says too, and which passes."""
    attention = progress["attention"] or ""
    return progress["status"] in FINAL or (bool(attention) and not attention.startswith(NOBODY_ANSWERS))


class Jobs:
    """The REST API as a client sees it."""

    def __init__(self, stack: LocalStack) -> None:
        headers = {"Authorization": f"Bearer {stack.api_key}"}
        self.http = httpx.Client(base_url=stack.api_url, timeout=30, trust_env=False, headers=headers)

    def post(self, spec: dict[str, Any], **headers: str) -> str:
        """Posts a job and returns its id."""
        response = self.http.post("/api/jobs", json=spec, headers=headers)
        assert response.status_code == 201, response.text
        job_id: str = response.json()["jobId"]
        return job_id

    def command(self, job_id: str, command: str, body: dict[str, Any] | None = None) -> None:
        """pause, resume, cancel, retry, start."""
        response = self.http.post(f"/api/jobs/{job_id}/{command}", json=body)
        assert response.is_success, response.text

    def progress(self, job_id: str) -> dict[str, Any]:
        response = self.http.get(f"/api/jobs/{job_id}/progress")
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def table(self, job_id: str, part_of_name: str) -> dict[str, Any]:
        """Progress of the first table whose name holds the text."""
        return next(table for table in self.progress(job_id)["tables"] if part_of_name in table["name"])

    def wait(
        self, job_id: str, done: Callable[[dict[str, Any]], bool] | None = None, seconds: float = 120
    ) -> dict[str, Any]:
        """Polls progress until `done` (default: the job is final or needs attention)."""
        done = done or (is_final_or_needs_attention)
        deadline = time.monotonic() + seconds
        while not done(progress := self.progress(job_id)):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {progress}")
            time.sleep(0.1)
        return progress

    def run(self, spec: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
        """Posts a job, waits until it is COMPLETED and proved, and returns its last progress."""
        progress = self.wait(self.post(spec), seconds=seconds)
        assert progress["status"] == "COMPLETED", progress
        assert all(table["proved"] for table in progress["tables"]), progress
        return progress

    def certificate(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/jobs/{job_id}/certificate").raise_for_status().json()
        return found


@pytest.fixture
def jobs(stack: LocalStack) -> Jobs:
    """A client of the shared stack."""
    return Jobs(stack)
