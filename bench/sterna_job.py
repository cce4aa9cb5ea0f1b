"""A job through Sterna's REST API, from POST to COMPLETED."""

from __future__ import annotations

import time
from typing import Any

import httpx

from bench.contender import Failed
from deploy.local.mariadb_server import MariadbServer
from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack

SHORTEST_POLL = 0.02
LONGEST_POLL = 0.05
POLL_SHARE = 0.02
"""Of the time that has passed: what a figure is blurred by at most. Each poll costs the API 3 ms of CPU."""
PATIENCE_SECONDS = 3600.0


def run_job(stack: LocalStack, spec: dict[str, Any]) -> str:
    """Returns the job's id once it is COMPLETED. Raises Failed with its attention or status."""
    with httpx.Client(base_url=stack.api_url, timeout=60, trust_env=False) as http:
        started = time.monotonic()
        answer = http.post("/api/jobs", json=spec)
        if not answer.is_success:
            raise Failed(f"POST /api/jobs: {answer.text}")
        job_id = str(answer.json()["jobId"])
        while (passed := time.monotonic() - started) < PATIENCE_SECONDS:
            job = http.get(f"/api/jobs/{job_id}").raise_for_status().json()
            attention = job["runs"][-1]["attention"] if job["runs"] else None
            if job["status"] == "COMPLETED":
                return job_id
            if job["status"] != "ACTIVE" or attention:
                raise Failed(
                    f"the job is {job['status']}: {attention or http.get(f'/api/jobs/{job_id}/progress').text}"
                )
            time.sleep(min(max(passed * POLL_SHARE, SHORTEST_POLL), LONGEST_POLL))
        raise Failed(f"the job is not done after {PATIENCE_SECONDS:.0f} s")


def postgres_side(server: PostgresServer, database: str) -> dict[str, Any]:
    """A side of a job."""
    place = {"host": "127.0.0.1", "port": server.port, "user": server.user}
    return {"type": "POSTGRES", **place, "database": database}


def mariadb_side(server: MariadbServer, database: str) -> dict[str, Any]:
    """A side of a job."""
    return {"type": "MYSQL", "host": "127.0.0.1", "port": server.port, "user": server.user, "database": database}
