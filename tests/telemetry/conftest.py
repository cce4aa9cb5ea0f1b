"""One small stack whose telemetry is all on: metrics port, JSON logs, OTLP export to a receiver; and a job that ran."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.temporal_client import STAGES
from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase
from tests.end_to_end.conftest import Databases, Jobs
from tests.password_login import PasswordLogin, password_login
from tests.telemetry.otlp_receiver import OtlpReceiver, receiving

ROWS = 3000
SECRET_VALUE = "nobody-may-see-this-value"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
WORKER = "worker-control-extract-transform-load-validate"


@dataclass(frozen=True)
class Observed:
    """The stack after a job that moved one table as it is and one with a mask."""

    stack: LocalStack
    receiver: OtlpReceiver
    jobs: Jobs
    login: PasswordLogin
    """Of the source. Another job was given the wrong password."""
    job_id: str
    answer: httpx.Response
    """Of the request that started the job, in the trace TRACE_ID."""

    def worker_url(self) -> str:
        """Where the worker answers, as its log says."""
        found = re.search(r"http://127\.0\.0\.1:\d+", self.stack.log(WORKER).read_text(encoding="utf-8"))
        assert found
        return found.group()

    def scrape(self, url: str) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Samples by name, as Prometheus would read them."""
        text = httpx.get(f"{url}/metrics", trust_env=False, timeout=10).raise_for_status().text
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
        return found


@pytest.fixture(scope="session")
def observed(postgres: PostgresServer, new_database: NewDatabase) -> Iterator[Observed]:
    """One for all tests of telemetry."""
    databases = Databases(postgres, new_database(), new_database())
    databases.prepare(
        "CREATE TABLE plain (id int PRIMARY KEY, note text);"
        f"INSERT INTO plain SELECT n, '{SECRET_VALUE} ' || n FROM generate_series(1, {ROWS}) n;"
        "CREATE TABLE masked (id int PRIMARY KEY, ssn text);"
        f"INSERT INTO masked SELECT n, 'ssn ' || n FROM generate_series(1, {ROWS}) n"
    )
    with (
        receiving() as receiver,
        tempfile.TemporaryDirectory(prefix="sterna-test-") as folder,
        password_login(postgres, "observed_login") as login,
    ):
        Path(folder).chmod(0o755)
        environment = {
            "STERNA_METRICS_PORT": "0",
            "STERNA_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        with LocalStack(
            Path(folder) / "stack", environment=environment, stages=(",".join(STAGES),), restart_dead=False
        ) as stack:
            jobs = Jobs(stack)
            masked = {"sourceTable": "masked", "transformations": [{"type": "DATA_MASK", "columns": ["ssn"]}]}
            spec = databases.spec([{"sourceTable": "plain"}, masked], consistency="snapshot")
            login.give(spec["source"], login.wrong, Path(folder) / "wrong")
            assert "password" in str(jobs.wait(jobs.post(spec)))
            login.give(spec["source"], login.right, Path(folder) / "right")
            answer = jobs.http.post(
                "/api/jobs",
                json=spec,
                headers={"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"},
            )
            assert answer.status_code == 201, answer.text
            job_id = answer.json()["jobId"]
            assert jobs.wait(job_id)["status"] == "COMPLETED"
            yield Observed(stack, receiver, jobs, login, job_id, answer)


def log_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; each is a JSON object."""
    import json

    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def until(look: Any, seconds: float = 20) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
