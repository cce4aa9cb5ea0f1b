"""`vault:` references through hvac, against a double of Vault's documented calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.resources.encryption_keys import find_key_ring
from activities.resources.secrets import Secrets
from activities.resources.vault import Vault
from connectors.contract import Credentials
from core.encryption.key_ring import add_key
from core.errors import AccessDenied, InvalidConfiguration, MigrationError, SecretMissing, Unavailable
from deploy.local.postgres_server import free_port
from tests.certificates import Authority
from tests.vault_server import ROLE_ID, SECRET_ID, VaultServer

LOGIN = {"username": "reader", "password": "canary-password"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own Vault."""
    for name in [name for name in os.environ if name.startswith("VAULT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultServer]:
    """A server with one secret in each version of the engine, and a worker that has a token."""
    with VaultServer() as server:
        server.put("databases", "pg-prod", LOGIN)
        server.put("old", "team/pg", LOGIN, version=1)
        monkeypatch.setenv("VAULT_ADDR", server.url)
        monkeypatch.setenv("VAULT_TOKEN", server.root_token)
        yield server


def resolve(reference: str) -> Credentials:
    """As a worker does."""
    return Secrets({"vault": Vault().read}).resolve(reference)


@pytest.mark.parametrize("reference", ["vault:/databases/pg-prod", "vault:databases/pg-prod", "vault:/old/team/pg"])
@pytest.mark.usefixtures("vault")
def test_secrets_of_both_versions_of_the_engine_are_read(reference: str) -> None:
    assert resolve(reference) == Credentials("reader", "canary-password")


def test_a_field_is_named_and_the_wallets_password_comes_along(vault: VaultServer) -> None:
    vault.put("databases", "oracle", {"username": "app", "batch": "other", "walletPassword": "opens"})
    assert resolve("vault:/databases/oracle#batch") == Credentials("app", "other", "opens")
    with pytest.raises(SecretMissing, match="no field 'password'"):
        resolve("vault:/databases/oracle")


def test_encryption_keys_may_lie_there(vault: VaultServer, tmp_path: Path) -> None:
    key_id = add_key(tmp_path / "keys")
    vault.put("sterna", "encryption", {"keys": (tmp_path / "keys").read_text()})
    assert find_key_ring("vault:/sterna/encryption#keys").newest == key_id
    with pytest.raises(SecretMissing, match="no field 'old'"):
        find_key_ring("vault:/sterna/encryption#old")


def test_a_version_that_is_given_is_not_asked_for(vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_KV_VERSION", "1")
    assert resolve("vault:/old/team/pg").username == "reader"
    assert list(vault.calls) == ["old/team/pg"]


@pytest.mark.parametrize("from_file", [False, True])
def test_approle_logs_in_for_each_use_and_gives_its_token_back(
    vault: VaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, from_file: bool
) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_ROLE_ID", ROLE_ID)
    if from_file:
        (tmp_path / "secret-id").write_text(f"{SECRET_ID}\n")
        monkeypatch.setenv("VAULT_SECRET_ID_FILE", str(tmp_path / "secret-id"))
    else:
        monkeypatch.setenv("VAULT_SECRET_ID", SECRET_ID)
    for _ in range(2):
        assert resolve("vault:/databases/pg-prod").password == "canary-password"
    assert vault.calls["auth/approle/login"] == vault.calls["auth/token/revoke-self"] == 2
    assert vault.borrowed == set()


def test_an_approle_that_vault_refuses_is_access_denied(vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_ROLE_ID", ROLE_ID)
    monkeypatch.setenv("VAULT_SECRET_ID", "canary-secret-id")
    with pytest.raises(AccessDenied, match="VAULT_SECRET_ID") as refused:
        resolve("vault:/databases/pg-prod")
    assert "canary" not in str(refused.value)


def test_a_token_file_is_read_at_each_use(vault: VaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(file))
    with pytest.raises(SecretMissing, match="Mount the file"):
        resolve("vault:/databases/pg-prod")
    file.write_text("expired")
    with pytest.raises(AccessDenied):
        resolve("vault:/databases/pg-prod")
    file.write_text(f"{vault.root_token}\n")
    assert resolve("vault:/databases/pg-prod").username == "reader"


def test_the_namespace_is_named(vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.namespace = "team"
    with pytest.raises(AccessDenied):
        resolve("vault:/databases/pg-prod")
    monkeypatch.setenv("VAULT_NAMESPACE", "team")
    assert resolve("vault:/databases/pg-prod").username == "reader"


def test_a_server_with_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    with VaultServer(authority.server_context("127.0.0.1")) as server:
        server.put("databases", "pg-prod", LOGIN)
        monkeypatch.setenv("VAULT_ADDR", server.url)
        monkeypatch.setenv("VAULT_TOKEN", server.root_token)
        with pytest.raises(InvalidConfiguration, match="VAULT_CACERT"):
            resolve("vault:/databases/pg-prod")
        assert not server.calls
        monkeypatch.setenv("VAULT_CACERT", str(authority.file))
        assert resolve("vault:/databases/pg-prod").username == "reader"


@pytest.mark.parametrize(
    ("reference", "kind", "remedy"),
    [
        ("vault:/databases/nothing", SecretMissing, "vault kv put"),
        ("vault:/nowhere/pg", AccessDenied, "first part"),
        ("vault:/dynamic/creds/reader", SecretMissing, "vault kv put"),
        ("vault:/databases", SecretMissing, "vault:/mount/path"),
        ("vault:/databases/../sys/mounts", SecretMissing, "vault:/mount/path"),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_to_do(
    vault: VaultServer, reference: str, kind: type[MigrationError], remedy: str
) -> None:
    vault.engines["dynamic"] = "database"
    with pytest.raises(kind, match=remedy) as missing:
        resolve(reference)
    assert reference in str(missing.value)


def test_a_vault_that_is_sealed_or_away_is_tried_again(vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.sealed = True
    with pytest.raises(Unavailable, match="sealed"):
        resolve("vault:/databases/pg-prod")
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        resolve("vault:/databases/pg-prod")


def test_a_worker_that_was_told_nothing_of_vault_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SecretMissing, match="VAULT_ADDR"):
        resolve("vault:/databases/pg-prod")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    with pytest.raises(SecretMissing, match="VAULT_ROLE_ID"):
        resolve("vault:/databases/pg-prod")
    monkeypatch.setenv("VAULT_KV_VERSION", "3")
    with pytest.raises(InvalidConfiguration, match="VAULT_KV_VERSION"):
        resolve("vault:/databases/pg-prod")
