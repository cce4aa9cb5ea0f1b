"""A job through Sterna's REST API, from POST to COMPLETED."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import httpx

from bench.contender import Failed
from bench.sides import Side
from deploy.local.stack import LocalStack

SHORTEST_POLL = 0.02
LONGEST_POLL = 0.2
POLL_SHARE = 0.02
"""Of the time that has passed: what a figure is blurred by at most. Every poll costs the API some of the same CPU."""
PATIENCE_SECONDS = 3600.0


def run_job(
    stack: LocalStack,
    name: str,
    source: Side,
    destination: Side,
    tables: Sequence[dict[str, Any]],
    options: dict[str, Any],
) -> str:
    """Returns the job's id once it is COMPLETED. Raises Failed with its attention or status."""
    sides = {"source": source.connection, "destination": destination.connection}
    spec = {"name": name, **sides, "tables": tables, "options": options}
    key = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.api_url, timeout=60, trust_env=False, headers=key) as http:
        started = time.monotonic()
        answer = http.post("/api/jobs", json=spec)
        if not answer.is_success:
            raise Failed(f"POST /api/jobs: {answer.text}")
        job_id = str(answer.json()["jobId"])
        while (passed := time.monotonic() - started) < PATIENCE_SECONDS:
            # The list's first line is the newest job: the cheapest answer that has its status.
            job = http.get("/api/jobs", params={"limit": 1}).raise_for_status().json()["jobs"][0]
            if job["status"] == "COMPLETED":
                return job_id
            if job["status"] != "ACTIVE" or job["attention"]:
                raise Failed(f"the job is {job['status']}: {http.get(f'/api/jobs/{job_id}/progress').text}")
            time.sleep(min(max(passed * POLL_SHARE, SHORTEST_POLL), LONGEST_POLL))
        raise Failed(f"the job is not done after {PATIENCE_SECONDS:.0f} s")


def warm_up(stack: LocalStack, source: Side, destination: Side, table: str, column: str) -> None:
    """One small job on each path: a service that has run for a day has its code loaded and its caches filled."""
    identity = {"type": "EXPRESSION", "column": column, "expression": column}
    for transformations in ([], [identity]):
        destination.clear()
        tables = [{"sourceTable": table, "transformations": transformations}]
        run_job(stack, "warm-up", source, destination, tables, {})
