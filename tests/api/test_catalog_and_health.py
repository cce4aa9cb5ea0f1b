"""What the installation knows and how it is."""

from __future__ import annotations

import httpx
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from core.config_store.store import ConfigStore
from core.errors import Unavailable
from core.settings import Settings
from core.temporal_client import connect
from deploy.local.postgres_server import free_port
from tests.api.conftest import running_api


async def test_connectors_are_listed_with_capabilities_and_schemas(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/api/connectors")).json()["connectors"]
    by_type = {connector["type"]: connector for connector in listed}
    assert by_type["POSTGRES"]["capabilities"]["reads"] is True
    assert by_type["POSTGRES"]["capabilities"]["writes"] is True
    assert {"host", "port", "database", "sslMode"} <= by_type["POSTGRES"]["optionsSchema"]["properties"].keys()
    assert "serviceName" in by_type["ORACLE"]["optionsSchema"]["properties"]


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


async def test_a_service_without_its_parts_is_alive_but_not_ready(
    settings: Settings, store: ConfigStore, temporal: WorkflowEnvironment
) -> None:
    client = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True, data_converter=temporal.client.data_converter)
    async with running_api(settings, store, client) as api:
        ready = await api.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["configStore"]) == (503, "ok")
        assert "Temporal" in ready.json()["parts"]["temporal"]
        assert (await api.get("/healthz")).status_code == 200


async def test_a_job_posted_while_temporal_is_away_is_kept_and_says_so(
    settings: Settings, store: ConfigStore, temporal: WorkflowEnvironment, request_body: dict[str, object]
) -> None:
    away = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True, data_converter=temporal.client.data_converter)
    async with running_api(settings, store, away) as api:
        answer = await api.post("/api/jobs", json=request_body)
        assert (answer.status_code, answer.json()["status"]) == (201, "ACTIVE")
        assert "Temporal has not taken the job" in answer.json()["attention"]
        job_id = answer.json()["jobId"]
    async with running_api(settings.model_copy(update={"api_port": free_port()}), store, temporal.client) as api:
        await api.get("/healthz")
        await temporal.client.get_workflow_handle(f"migration/{job_id}").describe()


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
