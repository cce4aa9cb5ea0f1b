"""What the installation knows and how it is."""

from __future__ import annotations

import sys
from datetime import timedelta

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from api.reconciler import Reconciler
from core.config_store.store import ConfigStore
from core.errors import Unavailable
from core.job_start import JobStarter
from core.settings import Settings
from core.temporal_client import connect
from deploy.local.postgres_server import PostgresServer, free_port
from tests.api.conftest import Json, open_store, running_api
from tests.api.cuttable_line import CuttableLine


async def test_connectors_are_listed_with_capabilities_and_schemas(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/api/connectors")).json()["connectors"]
    by_type = {connector["type"]: connector for connector in listed}
    assert by_type["POSTGRES"]["capabilities"]["reads"] is True
    assert by_type["POSTGRES"]["capabilities"]["writes"] is True
    assert {"host", "port", "database", "tls"} <= by_type["POSTGRES"]["optionsSchema"]["properties"].keys()
    assert "serviceName" in by_type["ORACLE"]["optionsSchema"]["properties"]
    assert {"MYSQL", "SNOWFLAKE", "SQLITE", "DUCKDB", "SQLALCHEMY"} <= by_type.keys()


async def test_a_connector_without_its_driver_is_listed_with_what_installs_it(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith(("connectors.mysql", "pymysql"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pymysql", None)
    listed = (await api.get("/api/connectors")).json()["connectors"]
    mysql = next(connector for connector in listed if connector["type"] == "MYSQL")
    assert mysql["capabilities"] is None
    assert "sterna[mysql]" in mysql["reason"]
    assert mysql["optionsSchema"]["properties"]


async def test_transformations_are_listed_with_schemas(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/api/transformations")).json()["transformations"]
    by_type = {transformation["type"]: transformation for transformation in listed}
    assert {"COLUMN_MAP", "DATA_MASK", "CUSTOM_FUNCTION", "EXPRESSION"} <= by_type.keys()
    assert "maskChar" in by_type["DATA_MASK"]["optionsSchema"]["properties"]
    assert by_type["CUSTOM_FUNCTION"]["functions"]


async def test_a_whole_service_is_alive_and_ready(api: httpx.AsyncClient) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok", "parts": {}}
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"configStore": "ok", "temporal": "ok"})


async def test_an_outage_of_temporal_is_shown_and_survived(
    settings: Settings,
    store: ConfigStore,
    temporal: WorkflowEnvironment,
    request_body: Json,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("core.job_start", "api.job_control"):
        monkeypatch.setattr(f"{module}.RPC_TIMEOUT", timedelta(seconds=1))
    async with CuttableLine(temporal.client.service_client.config.target_host) as line:
        client = await connect(address=line.address)
        async with running_api(settings, store, client) as api:
            assert (await api.get("/readyz")).status_code == 200
            await line.cut()
            ready = await api.get("/readyz")
            assert (ready.status_code, ready.json()["parts"]["configStore"]) == (503, "ok")
            assert "Temporal does not answer" in ready.json()["parts"]["temporal"]
            assert (await api.get("/healthz")).status_code == 200
            posted = await api.post("/api/jobs", json=request_body)
            assert (posted.status_code, posted.json()["status"]) == (201, "ACTIVE")
            assert "Temporal has not taken the job" in posted.json()["attention"]
            job_id = posted.json()["jobId"]
            refused = await api.post(f"/api/jobs/{job_id}/pause")
            assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
            await line.mend()
            await Reconciler(store, client, JobStarter(store, client, settings.task_queue_prefix)).reconcile()
            assert (await api.get(f"/api/jobs/{job_id}")).json()["attention"] is None
    await temporal.client.get_workflow_handle(f"migration/{job_id}").describe()


async def test_an_outage_of_the_config_store_is_a_problem_that_says_so(
    settings: Settings, temporal: WorkflowEnvironment, postgres: PostgresServer
) -> None:
    host = f"127.0.0.1:{postgres.port}"
    async with CuttableLine(host) as line:
        through = settings.model_copy(update={"config_store": settings.config_store.replace(host, line.address)})
        async with open_store(through) as store, running_api(through, store, temporal.client) as api:
            assert (await api.get("/api/jobs")).status_code == 200
            await line.cut()
            away = await api.get("/api/jobs")
            assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
            assert "config store" in away.json()["detail"]
            assert "config store" in (await api.get("/readyz")).json()["parts"]["configStore"]
            await line.mend()
            assert (await api.get("/api/jobs")).status_code == 200


async def test_the_documentation_is_served(api: httpx.AsyncClient) -> None:
    assert (await api.get("/docs")).status_code == 200
    paths = (await api.get("/openapi.json")).json()["paths"]
    assert {"/api/jobs", "/api/jobs/{job_id}/retry", "/api/connectors"} <= paths.keys()


async def test_an_unreachable_temporal_is_told_with_its_address() -> None:
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        await connect(address=f"127.0.0.1:{port}")


async def test_temporal_variables_name_the_server(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.client.service_client.config.target_host)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "default")
    client = await connect(identity="me")
    assert await client.service_client.check_health()
    assert (client.namespace, client.identity) == ("default", "me")
