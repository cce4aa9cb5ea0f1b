"""Who is served first where tasks wait for workers: priorities, and the key by which sources share a queue."""

from __future__ import annotations

import hashlib
import json
import math

from temporalio.common import Priority

from core.job_spec import ConnectionSpec, JobSpec

USUAL = 5
"""The priority of jobs and tables that name none."""
PLACE = ("host", "port", "database", "serviceName", "sid", "account", "path", "url")
"""Options that say which database it is, as far as a connector has them."""
KEY_DIGITS = 16  # Temporal takes 64 bytes


def priority_key(job: int, table: int = USUAL) -> int:
    """Temporal's priority, 1 (first) to 5: half of the job's, moved by as much as the table's differs from 5."""
    return math.ceil(min(max(job + table - USUAL, 1), 10) / 2)


def fairness_key(source: ConnectionSpec) -> str:
    """The same for all jobs that read one database, and no word about which one that is."""
    place = {name: str(source.options[name]).lower() for name in PLACE if source.options.get(name) is not None}
    text = json.dumps([source.type, place], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def job_priority(job: JobSpec) -> Priority:
    """Of a job's workflow; its children and activities inherit what they do not say otherwise."""
    return Priority(priority_key=priority_key(job.priority), fairness_key=fairness_key(job.source))
