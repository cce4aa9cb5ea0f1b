"""A worker connects to nothing that its settings do not allow, whatever the API let through."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from core.encryption.key_ring import KeyRing
from core.errors import InvalidConfiguration
from core.meters import Meters
from core.route import Endpoint
from core.settings import Settings
from worker.parts import Parts

POSTGRES = {"type": "POSTGRES", "host": "localhost", "port": 1, "database": "x"}


def _connect(tmp_path: Path, connection: dict[str, Any], **settings: Any) -> None:
    folders = {name: tmp_path / name for name in ("documents", "staging", "leases")}
    keys = KeyRing({"only": bytes(32)})
    parts = Parts.build(Client.__new__(Client), Settings(**folders, **settings), Meters("worker"), keys)
    endpoint = Endpoint.model_validate({"side": "source", "connection": connection})
    asyncio.run(parts.connections.connector(endpoint, "test"))


def test_a_name_is_resolved_before_it_is_connected_to(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"source\.host: the host localhost is not among"):
        _connect(tmp_path, POSTGRES, allowed_hosts=["10.0.0.0/8"])


@pytest.mark.parametrize("kind", ["SQLITE", "DUCKDB"])
def test_staged_batches_and_documents_are_no_databases_of_jobs(tmp_path: Path, kind: str) -> None:
    _connect(tmp_path, {"type": kind, "path": str(tmp_path / "shop.db")})
    for folder in ("documents", "staging", "leases"):
        with pytest.raises(InvalidConfiguration, match=r"source\.path: lies in a folder"):
            _connect(tmp_path, {"type": kind, "path": str(tmp_path / folder / "x")})


def test_the_services_own_secrets_are_not_resolved_for_a_job(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"source\.secretsRef"):
        _connect(tmp_path, {**POSTGRES, "secretsRef": "env:STERNA_CONFIG_STORE"})
