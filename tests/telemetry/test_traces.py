"""One trace from the request to the database, as an OTLP receiver gets it; and what may not be in it."""

from __future__ import annotations

import httpx
import pytest
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from api.request_telemetry import PROBES
from core.temporal_client import job_workflow_id
from tests.telemetry.conftest import SECRET_VALUE, TRACE_ID, WORKER, Observed, log_lines, until
from tests.telemetry.otlp_receiver import ReceivedSpan
from worker.stages.control import WORKFLOWS


def lineage(span: ReceivedSpan, spans: list[ReceivedSpan]) -> list[str]:
    """Names of the spans that it lies in, the outermost first, itself last."""
    by_id = {found.span_id: found for found in spans}
    names = [span.name]
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        names.insert(0, span.name)
    return names


def test_one_trace_spans_the_request_the_workflows_the_activity_and_the_database_call(observed: Observed) -> None:
    def arrived() -> bool:
        names = {span.name for span in observed.receiver.trace(TRACE_ID)}
        return {"POST /api/jobs", "RunActivity:load_batches", "CompleteWorkflow:MigrationJob"} <= names

    observed.receiver.wait(arrived)
    spans = observed.receiver.trace(TRACE_ID)
    copies = [lineage(span, spans) for span in spans if span.name == "COPY postgresql"]
    extracting = next(names for names in copies if "RunActivity:extract_batches" in names)
    in_order = [
        "POST /api/jobs",
        "StartWorkflow:MigrationJob",
        "StartChildWorkflow:TableMigration",
        "StartActivity:extract_batches",
        "RunActivity:extract_batches",
        "COPY postgresql",
    ]
    assert [name for name in extracting if name in in_order] == in_order
    assert extracting[0] == "POST /api/jobs", "and no span of another's making around it"
    assert any("RunActivity:load_batches" in names for names in copies)
    services = {span.name: span.service for span in spans}
    assert (services["POST /api/jobs"], services["COPY postgresql"]) == ("sterna-api", "sterna-worker")
    request = next(span for span in spans if span.name == "POST /api/jobs")
    assert request.attributes["http.route"] == "/api/jobs"
    copy = next(span for span in spans if span.name == "COPY postgresql")
    assert copy.attributes == {"db.system.name": "postgresql", "db.operation.name": "COPY"}


def test_spans_and_metrics_hold_no_sql_no_values_and_no_passwords(observed: Observed) -> None:
    assert any(span.failed for span in observed.receiver.spans), "the wrong password made an error"
    for text in (SECRET_VALUE, observed.login.right, observed.login.wrong, " FROM ", "WHERE", "ctid"):
        assert text.encode() not in observed.receiver.raw, text


def test_probes_leave_no_traces(observed: Observed) -> None:
    answer = httpx.get(f"{observed.stack.api_url}/readyz", trust_env=False)
    assert len(answer.headers["X-Trace-Id"]) == 32
    later = httpx.get(f"{observed.stack.api_url}/docs", trust_env=False)
    observed.receiver.wait(lambda: bool(observed.receiver.trace(later.headers["X-Trace-Id"])))
    assert observed.receiver.trace(answer.headers["X-Trace-Id"]) == []
    assert not any(span.name.endswith(PROBES) for span in observed.receiver.spans)


def test_answers_and_problems_name_the_trace(observed: Observed) -> None:
    assert observed.answer.headers["X-Trace-Id"] == TRACE_ID
    answer = httpx.get(f"{observed.stack.api_url}/api/jobs/unknown", trust_env=False)
    assert answer.is_client_error
    trace_id = answer.json()["traceId"]
    assert len(trace_id) == 32
    assert trace_id not in ("0" * 32, TRACE_ID)
    assert answer.headers["X-Trace-Id"] == trace_id
    observed.receiver.wait(lambda: bool(observed.receiver.trace(trace_id)))


def test_log_lines_are_json_and_say_what_they_are_about(observed: Observed) -> None:
    api, worker = log_lines(observed.stack.log("api")), log_lines(observed.stack.log(WORKER))
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in api + worker)
    posted = [line for line in api if line.get("traceId") == TRACE_ID]
    assert any("POST /api/jobs" in line["message"] for line in posted), api


def test_a_parked_table_is_counted_and_its_failure_logged_with_job_table_attempt_and_trace(observed: Observed) -> None:
    spec = observed.jobs.http.get(f"/api/jobs/{observed.job_id}").json()["spec"]
    spec["tables"] = [{"sourceTable": "plain", "destinationTable": "again", "whereClause": "1 / (id - 1) > 0"}]
    job_id = observed.jobs.post(spec)
    observed.jobs.wait(job_id, lambda progress: bool(progress["attention"]))
    parked = until(lambda: observed.scrape(observed.stack.api_url)["sterna_parked_tables"] == [({}, 1.0)])
    observed.jobs.command(job_id, "cancel")
    assert parked
    failures = observed.scrape(observed.worker_url())["sterna_activity_failures_total"]
    assert any(labels["activity"] == "extract_batches" and count >= 1 for labels, count in failures)
    lines = [line for line in log_lines(observed.stack.log(WORKER)) if line.get("job") == job_id]
    refused = next(line for line in lines if line.get("stage") == "extract")
    assert {"table", "batch", "attempt", "worker", "traceId"} <= refused.keys()
    assert refused["attempt"] == "1"


@pytest.mark.parametrize("traced", [True, False])
async def test_a_traced_job_replays_with_tracing_and_without(observed: Observed, traced: bool) -> None:
    client = await Client.connect(observed.stack.temporal_address, data_converter=pydantic_data_converter)
    history = await client.get_workflow_handle(job_workflow_id(observed.job_id)).fetch_history()
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        interceptors=[TracingInterceptor()] if traced else [],
    )
    await replayer.replay_workflow(history)
