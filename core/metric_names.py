"""Every metric of Sterna, with its labels: what processes may emit, and what dashboards and alerts may ask for.

No label holds a job, a table or a value: their number has no bound. Job and table are in the logs and traces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Process = Literal["worker", "control worker", "API", "all"]


@dataclass(frozen=True)
class Metric:
    """One metric."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    by: Process
    meaning: str


ROWS = Metric(
    "sterna_rows_total",
    "counter",
    ("stage", "connector"),
    "worker",
    "rows that the stage finished: read, transformed, loaded, proved",
)
BYTES = Metric(
    "sterna_bytes_total", "counter", ("stage", "connector"), "worker", "bytes of these rows as they lie in staging"
)
BATCHES = Metric("sterna_batches_total", "counter", ("stage", "connector"), "worker", "batches that the stage finished")
REJECTED = Metric(
    "sterna_rejected_rows_total",
    "counter",
    ("stage", "connector"),
    "worker",
    "rows that were refused and kept as rejects",
)
STAGE_SECONDS = Metric(
    "sterna_stage_seconds_total",
    "counter",
    ("stage", "part"),
    "worker",
    "where the time inside finished activities went: source, destination, count, staging, worker …, as in "
    "`sterna profile`; the parts queue and retries passed before they started",
)
ACTIVITY_SECONDS = Metric(
    "sterna_activity_seconds",
    "histogram",
    ("stage", "activity", "outcome"),
    "worker",
    "duration of activities; outcome is completed, failed or cancelled",
)
ACTIVITY_FAILURES = Metric(
    "sterna_activity_failures_total",
    "counter",
    ("stage", "activity", "reason"),
    "worker",
    "attempts that failed; the reason is the error's class",
)
ACTIVITY_RETRIES = Metric(
    "sterna_activity_retries_total",
    "counter",
    ("stage", "activity"),
    "worker",
    "attempts that were not the first",
)
SNAPSHOTS = Metric("sterna_snapshots_held", "gauge", (), "control worker", "snapshots that the process keeps open")
SNAPSHOT_AGE = Metric(
    "sterna_snapshot_age_seconds", "gauge", (), "control worker", "age of the oldest of them; 0 without one"
)
SESSIONS = Metric(
    "sterna_sessions_in_use",
    "gauge",
    ("database",),
    "worker",
    "sessions that the process's activities may have open on a database (host:port/name)",
)
STAGING_BYTES = Metric("sterna_staging_bytes", "gauge", (), "control worker", "what lies in staging")
STAGING_FREE = Metric(
    "sterna_staging_free_bytes", "gauge", (), "control worker", "room that is left on the file system of staging"
)
DOCUMENT_BYTES = Metric("sterna_document_bytes", "gauge", (), "control worker", "what lies in the document store")
DOCUMENT_FREE = Metric(
    "sterna_document_free_bytes", "gauge", (), "control worker", "room that is left on the file system of documents"
)
TABLES_VALIDATED = Metric(
    "sterna_tables_validated_total",
    "counter",
    ("verdict",),
    "worker",
    "validations of a table; verdict is proved, failed (it differs) or unproved (nothing asked, or the source moved)",
)
CERTIFICATES = Metric(
    "sterna_certificates_total", "counter", ("verdict",), "control worker", "certificates, proved or unproved"
)
RUNS_ENDED = Metric(
    "sterna_runs_ended_total",
    "counter",
    ("status",),
    "control worker",
    "runs that ended: COMPLETED, FAILED or CANCELLED",
)
JOBS = Metric("sterna_jobs", "gauge", ("status",), "API", "jobs by status")
JOBS_IN_NEED = Metric(
    "sterna_jobs_needing_attention", "gauge", (), "API", "active and paused jobs that wait for an operator"
)
PARKED_TABLES = Metric("sterna_parked_tables", "gauge", (), "API", "tables of these jobs that are parked")
QUEUE_BACKLOG = Metric(
    "sterna_queue_backlog", "gauge", ("stage", "kind"), "API", "tasks that wait in a stage's queue for a worker"
)
QUEUE_AGE = Metric(
    "sterna_queue_backlog_age_seconds", "gauge", ("stage", "kind"), "API", "how long the oldest of them waits"
)
QUEUE_WORKERS = Metric("sterna_queue_workers", "gauge", ("stage", "kind"), "API", "processes that serve the queue")
QUEUE_SLOTS = Metric("sterna_queue_slots", "gauge", ("stage", "kind"), "API", "tasks that they take at once")
QUEUE_SLOTS_USED = Metric("sterna_queue_slots_used", "gauge", ("stage", "kind"), "API", "those that are taken")
OBSERVED = Metric(
    "sterna_observed",
    "gauge",
    ("part",),
    "API",
    "1 while the API can ask Temporal (queues) and the config store (jobs) for the gauges above, else 0, without them",
)
REQUESTS = Metric(
    "sterna_http_requests_total",
    "counter",
    ("method", "route", "status"),
    "API",
    "answers of the REST API; the route is the path's pattern",
)
REQUEST_SECONDS = Metric(
    "sterna_http_request_seconds",
    "histogram",
    ("method", "route"),
    "API",
    "time until an answer was given; streams end when they are closed",
)
BUILD = Metric("sterna_build_info", "gauge", ("version", "process"), "all", "1, with the release that runs")

ALL = (
    ROWS,
    BYTES,
    BATCHES,
    REJECTED,
    STAGE_SECONDS,
    ACTIVITY_SECONDS,
    ACTIVITY_FAILURES,
    ACTIVITY_RETRIES,
    TABLES_VALIDATED,
    SESSIONS,
    SNAPSHOTS,
    SNAPSHOT_AGE,
    STAGING_BYTES,
    STAGING_FREE,
    DOCUMENT_BYTES,
    DOCUMENT_FREE,
    CERTIFICATES,
    RUNS_ENDED,
    JOBS,
    JOBS_IN_NEED,
    PARKED_TABLES,
    QUEUE_BACKLOG,
    QUEUE_AGE,
    QUEUE_WORKERS,
    QUEUE_SLOTS,
    QUEUE_SLOTS_USED,
    OBSERVED,
    REQUESTS,
    REQUEST_SECONDS,
    BUILD,
)


def markdown_table() -> str:
    """All metrics, as they stand in docs/telemetry.md."""
    lines = ["| metric | kind | labels | of | meaning |", "|---|---|---|---|---|"]
    for metric in ALL:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.by} | {metric.meaning} |")
    return "\n".join(lines)
