"""A job that lasts longer than the credentials that Vault lends for it: real roles of a real PostgreSQL."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import connect
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, until
from tests.independent_comparison import assert_equal
from tests.vault_server import VaultServer

LEASE_SECONDS = 2.0
ROWS, BATCH_ROWS = 3_000, 50
OWNER = "sterna_owner"


@pytest.fixture
def vault(postgres: PostgresServer) -> Iterator[VaultServer]:
    """Lends users that may act as the owner; one whose lease is over is dropped."""
    numbers = itertools.count(1)

    def lend(role: str) -> dict[str, Any]:
        name = f"v_{role}_{next(numbers)}"
        with connect(postgres, "postgres") as session:
            session.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'lent' IN ROLE {OWNER}".encode())
        return {"username": name, "password": "lent"}

    def take_back(credentials: dict[str, Any]) -> None:
        with connect(postgres, "postgres") as session:
            session.execute(f"DROP ROLE {credentials['username']}".encode())

    with connect(postgres, "postgres") as session:
        session.execute(f"CREATE ROLE {OWNER} SUPERUSER".encode())
    with VaultServer() as server:
        server.engines["database"] = "database"
        server.lend, server.take_back, server.lease_seconds = lend, take_back, LEASE_SECONDS
        yield server


def test_a_job_outlives_the_leases_of_its_credentials(databases: Databases, vault: VaultServer) -> None:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.3)
    spec = databases.spec([{"sourceTable": "numbers", "batchSize": BATCH_ROWS}], parallelBatches=2)
    for side in ("source", "destination"):
        del spec[side]["user"]
        spec[side] |= {"secretsRef": f"vault:/database/creds/{side}", "role": OWNER}
    environment = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": vault.root_token, "NO_PROXY": "127.0.0.1"}
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        with LocalStack(Path(folder) / "stack", environment=environment, restart_dead=False) as stack:
            jobs = Jobs(stack)
            job_id = jobs.post(spec)
            until(lambda: len(ledger(databases)) > 3)
            until(lambda: vault.calls["sys/leases/renew"] >= 6, seconds=90)
            assert len(ledger(databases)) < ROWS // BATCH_ROWS, "the job did not last long enough"
            table.brake(0)
            progress = jobs.wait(job_id, seconds=180)
            assert progress["status"] == "COMPLETED", progress
            assert all(entry["proved"] for entry in progress["tables"])
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert assert_equal(source, destination, "public.numbers") == ROWS
        owners = destination.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'sterna%'")
        assert owners.fetchall() == [(OWNER,)]
    assert vault.leases == {}
    assert vault.ended.count("expired") == 0, "what is used is renewed, what is not is given back"
    print(f"{len(vault.ended)} leases of {LEASE_SECONDS} s, {vault.calls['sys/leases/renew']} renewals")
