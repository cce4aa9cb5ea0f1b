"""Metrics as Prometheus and an OTLP receiver get them from a worker and an API after a job."""

from __future__ import annotations

import httpx

from core import metric_names as names
from core.metric_names import Metric
from tests.telemetry.conftest import ROWS, Observed, until

Samples = dict[str, list[tuple[dict[str, str], float]]]


def value(samples: Samples, metric: Metric, **labels: str) -> float:
    return sum(number for had, number in samples[metric.name] if labels.items() <= had.items())


def test_a_worker_counts_what_the_job_moved(observed: Observed) -> None:
    found: Samples = {}

    def folders_are_measured() -> bool:
        nonlocal found
        found = observed.scrape(observed.worker_url())
        return value(found, names.DOCUMENT_BYTES) > 1000 and value(found, names.STAGING_BYTES) == 0

    until(folders_are_measured)
    for stage in ("extract", "load", "validate"):
        assert value(found, names.ROWS, stage=stage, connector="POSTGRES") == 2 * ROWS, stage
    assert value(found, names.ROWS, stage="transform") == ROWS
    assert value(found, names.BATCHES, stage="load") >= 2
    assert value(found, names.BYTES, stage="load") > 2 * ROWS
    assert value(found, names.STAGE_SECONDS, stage="load", part="destination") > 0
    completed = [labels for labels, _ in found["sterna_activity_seconds_count"] if labels["outcome"] == "completed"]
    assert {"extract_batches", "transform_batches", "load_batches"} <= {labels["activity"] for labels in completed}
    assert value(found, names.TABLES_VALIDATED, verdict="proved") == 2
    assert value(found, names.CERTIFICATES, verdict="proved") == 1
    assert value(found, names.RUNS_ENDED, status="COMPLETED") == 1
    assert value(found, names.SESSIONS) == 0
    assert value(found, names.SNAPSHOTS) == 0
    assert value(found, names.STAGING_FREE) > 0


def test_the_sdks_metrics_are_in_the_same_place(observed: Observed) -> None:
    for url in (observed.worker_url(), observed.stack.api_url):
        found = observed.scrape(url)
        assert any(name.startswith("temporal_request_latency_seconds") for name in found), sorted(found)
        assert "process_resident_memory_bytes" in found
        assert "sterna_build_info" in found


def test_the_api_counts_jobs_queues_and_its_answers(observed: Observed) -> None:
    assert observed.jobs.http.get("/api/jobs/nothing").status_code in (404, 422)
    found: Samples = {}

    def job_is_counted() -> bool:
        nonlocal found
        found = observed.scrape(observed.stack.api_url)
        return value(found, names.JOBS, status="COMPLETED") == 1

    until(job_is_counted)
    assert value(found, names.OBSERVED) == 2
    assert value(found, names.JOBS, status="FAILED") == 0
    assert value(found, names.QUEUE_WORKERS, stage="load", kind="activities") == 1
    assert value(found, names.QUEUE_BACKLOG, stage="load") == 0
    assert value(found, names.REQUESTS, method="POST", route="/api/jobs", status="201") >= 1
    assert value(found, names.REQUESTS, route="/api/jobs/{job_id}/progress", status="200") >= 1


def test_a_snapshot_that_is_held_shows_its_age_and_its_session(observed: Observed) -> None:
    spec = observed.jobs.http.get(f"/api/jobs/{observed.job_id}").json()["spec"]
    spec["tables"] = [{"sourceTable": "plain", "destinationTable": "slowly", "batchSize": 100}]
    spec["options"]["maxRowsPerSecond"] = 50
    job_id = observed.jobs.post(spec)

    def held() -> bool:
        found = observed.scrape(observed.worker_url())
        sessions = value(found, names.SESSIONS)
        return value(found, names.SNAPSHOTS) == 1 and value(found, names.SNAPSHOT_AGE) > 0 and sessions >= 1

    until(held)
    observed.jobs.command(job_id, "cancel")
    until(lambda: value(observed.scrape(observed.worker_url()), names.SNAPSHOTS) == 0)


def test_every_metric_has_the_labels_that_are_written_down_and_no_other(observed: Observed) -> None:
    declared = {metric.name: set(metric.labels) for metric in names.ALL}
    for url in (observed.worker_url(), observed.stack.api_url):
        for name, samples in observed.scrape(url).items():
            if not name.startswith("sterna_"):
                continue
            family = name if name in declared else name.rsplit("_", 1)[0]
            assert family in declared, name
            for labels, _ in samples:
                assert set(labels) - {"le"} == declared[family], name


def test_a_worker_tells_that_it_lives_and_works(observed: Observed) -> None:
    alive = httpx.get(f"{observed.worker_url()}/healthz", trust_env=False)
    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    ready = httpx.get(f"{observed.worker_url()}/readyz", trust_env=False, timeout=10)
    assert (ready.status_code, ready.json()["parts"]) == (200, {"temporal": "ok", "polling": "ok"})
    assert httpx.get(f"{observed.worker_url()}/else", trust_env=False).status_code == 404


def test_the_same_metrics_are_pushed_by_otlp(observed: Observed) -> None:
    wanted = {"sterna_rows_total", "sterna_activity_seconds", "temporal_request_total"}
    observed.receiver.wait(lambda: wanted <= observed.receiver.metrics.get("sterna-worker", set()))
    observed.receiver.wait(lambda: "sterna_jobs" in observed.receiver.metrics.get("sterna-api", set()))
