"""Credentials that Vault lends: one for all activities of a process, renewed while used, given back."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.resources.activity_scope import EndsWithActivity
from activities.resources.secrets import Secrets, read_file
from activities.resources.vault import Vault
from connectors.contract import Credentials
from core.errors import AccessDenied
from tests.vault_server import ROLE_ID, SECRET_ID, VaultServer

REFERENCE = "vault:/database/creds/reader"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultServer]:
    """Lends a new user at each call; a worker logs in by AppRole."""
    for name in [name for name in os.environ if name.startswith("VAULT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    numbers = itertools.count(1)
    with VaultServer() as vault:
        vault.engines["database"] = "database"
        vault.lend = lambda role: {"username": f"{role}-{next(numbers)}", "password": "lent"}
        monkeypatch.setenv("VAULT_ADDR", vault.url)
        monkeypatch.setenv("VAULT_ROLE_ID", ROLE_ID)
        monkeypatch.setenv("VAULT_SECRET_ID", SECRET_ID)
        yield vault


@pytest.fixture
def vault(server: VaultServer) -> Iterator[Vault]:
    """A worker's."""
    client = Vault()
    yield client
    client.close()


async def in_activity(body: Callable[[], Any]) -> Any:
    """Runs it in a thread of an activity, as connections resolve secrets."""

    class Body(ActivityInboundInterceptor):
        def __init__(self) -> None:
            """No next one."""

        async def execute_activity(self, input: ExecuteActivityInput) -> Any:
            return await asyncio.to_thread(body)

    given = ExecuteActivityInput(fn=body, args=[], executor=None, headers={})
    return await ActivityEnvironment().run(EndsWithActivity().intercept_activity(Body()).execute_activity, given)


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_activities_of_a_process_share_a_lease_that_is_renewed_while_one_uses_it(
    server: VaultServer, vault: Vault
) -> None:
    server.lease_seconds = 0.6
    secrets = Secrets({"vault": vault.read})

    def work() -> Credentials:
        first = secrets.resolve(REFERENCE)
        until(lambda: server.calls["sys/leases/renew"] >= 3)
        assert secrets.resolve(REFERENCE).username in ("reader-1", "reader-2")
        return first

    lent = await asyncio.gather(in_activity(work), in_activity(work))
    assert server.calls["database/creds/reader"] == len({found.username for found in lent})
    assert server.ended.count("expired") == 0
    until(lambda: not server.leases)
    assert set(server.ended) == {"revoked"}
    until(lambda: not server.borrowed)


async def test_what_comes_near_its_maximum_is_replaced_and_given_back_by_its_last_user(
    server: VaultServer, vault: Vault
) -> None:
    server.lease_seconds, server.most_seconds = 0.6, 1.0
    secrets = Secrets({"vault": vault.read})

    def work() -> None:
        assert secrets.resolve(REFERENCE).username == "reader-1"
        until(lambda: secrets.resolve(REFERENCE).username == "reader-2")

    await in_activity(work)
    until(lambda: not server.leases)


async def test_all_leases_outlive_a_vault_that_is_away_when_they_are_due(server: VaultServer, vault: Vault) -> None:
    server.lease_seconds = 3.0
    secrets = Secrets({"vault": vault.read})
    roles = ("reader", "writer", "owner")

    def work() -> None:
        for role in roles:
            secrets.resolve(f"vault:/database/creds/{role}")
        server.sealed = True
        until(lambda: server.calls["sealed"] >= len(roles) + 2)
        server.sealed = False
        until(lambda: server.calls["sys/leases/renew"] >= len(roles))
        assert server.ended == []
        assert len(server.leases) == len(roles)

    await in_activity(work)
    until(lambda: not server.leases)
    assert set(server.ended) == {"revoked"}


async def test_the_end_of_a_worker_gives_back_what_it_holds(server: VaultServer) -> None:
    vault = Vault()
    await in_activity(lambda: Secrets({"vault": vault.read}).resolve(REFERENCE))
    assert len(server.leases) == 1
    vault.close()
    assert (server.leases, server.ended, server.borrowed) == ({}, ["revoked"], set())


def test_a_pod_logs_in_by_its_service_account(
    server: VaultServer, vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VAULT_ROLE_ID")
    monkeypatch.setenv("VAULT_KUBERNETES_ROLE", ROLE_ID)
    monkeypatch.setenv("VAULT_KUBERNETES_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text(f"{server.service_account}\n", encoding="utf-8")
    server.put("databases", "pg", {"username": "pod", "password": "x"})
    secrets = Secrets({"vault": vault.read})
    assert secrets.resolve("vault:/databases/pg").username == "pod"
    (tmp_path / "token").write_text("of another pod", encoding="utf-8")
    with pytest.raises(AccessDenied, match="Kubernetes login"):
        secrets.resolve("vault:/databases/pg")


def test_a_mounted_folder_has_a_file_for_each_field(tmp_path: Path) -> None:
    (tmp_path / "username").write_text("app\n", encoding="utf-8")
    (tmp_path / "password").write_text("secret\n", encoding="utf-8")
    found = Secrets({"file": read_file}).resolve(f"file:{tmp_path}")
    assert found == Credentials("app", "secret")
