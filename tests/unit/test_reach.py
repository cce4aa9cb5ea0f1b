"""What jobs may name on the network and on disk."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidConfiguration
from core.host_patterns import check_patterns
from core.reach import Reach
from core.settings import Settings

ALWAYS_REFUSED = [
    "169.254.169.254",
    "[fd00:ec2::254]",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2852039166",
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "0.0.0.0",
    "100.100.100.200",
    "fe80::1%eth0",
    "/var/run/postgresql",
    "a.example.com,b.example.com",
    "user@a.example.com",
    "a.example.com/x",
    "a b",
    "",
]


@pytest.mark.parametrize("host", ALWAYS_REFUSED)
def test_metadata_addresses_and_what_is_no_host_are_refused_however_they_are_spelled(host: str) -> None:
    with pytest.raises(InvalidConfiguration) as refusal:
        Reach().check_host(host)
    assert refusal.value.remedy


@pytest.mark.parametrize("host", ["db.example.com", "10.1.2.3", "127.0.0.1", "localhost", "2001:db8::1", "my_db"])
def test_other_hosts_are_reached_where_nothing_is_listed(host: str) -> None:
    Reach().check_host(host)


def _resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def answer(host: str, port: Any, *rest: Any, **more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.parametrize("hosts", [[], ["innocent.example.com"], ["203.0.113.0/24"]])
def test_a_name_is_judged_by_every_address_that_it_stands_for(
    hosts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolving(monkeypatch, "203.0.113.5", "169.254.169.254")
    with pytest.raises(InvalidConfiguration, match="metadata"):
        asyncio.run(Reach(hosts).check_resolved("innocent.example.com"))


def test_a_listed_network_admits_names_within_it_only(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, "10.1.2.3")
    asyncio.run(Reach(["10.1.0.0/16"]).check_resolved("db.example.com"))
    _resolving(monkeypatch, "10.2.2.3")
    listed = ["10.1.0.0/16", ".sales.example.com"]
    asyncio.run(Reach(listed).check_resolved("db.sales.example.com"))
    for host in ("other.example.com", "evilsales.example.com.", "10.2.2.3"):
        with pytest.raises(InvalidConfiguration, match="not among"):
            asyncio.run(Reach(listed).check_resolved(host))


def test_only_an_administrator_opens_a_metadata_address() -> None:
    Reach(["169.254.169.254"]).check_host("169.254.169.254")


def test_files_are_judged_where_links_lead(tmp_path: Path) -> None:
    own, admitted, other = (tmp_path / name for name in ("own", "admitted", "other"))
    for folder in (own, admitted, other):
        folder.mkdir()
    (admitted / "link").symlink_to(own)
    reach = Reach(folders=[admitted, own], closed=[own])
    reach.check_file(str(admitted / "shop.db"))
    ways = (own / "x", admitted / "link" / "x", admitted / ".." / "own" / "x", other / "x", Path("/proc/self/mem"))
    for path in ways:
        with pytest.raises(InvalidConfiguration, match="folder"):
            reach.check_file(str(path))
    Reach().check_file(str(other / "x"))


@pytest.mark.parametrize(
    "reference", ["env:STERNA_CONFIG_STORE", "env:VAULT_TOKEN", "env:vault_secret_id", "file:/proc/self/environ"]
)
def test_a_secret_of_the_service_itself_is_not_sent_to_a_host_of_the_jobs_choice(reference: str) -> None:
    with pytest.raises(InvalidConfiguration):
        Reach().check_secret(reference)


def test_a_wrong_pattern_is_named() -> None:
    check_patterns([".example.com", "*.example.com", "10.0.0.0/8", "fd00::/8", "db"])
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        check_patterns(["10.0.0.0/33"])


def test_files_with_the_services_own_keys_are_no_secrets_of_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("keys", "admin.key", "tls.key", "vault.token", "sterna_config_store", "pg")
    for name in names:
        (tmp_path / name).write_text("canary", encoding="utf-8")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "vault.token"))
    reach = Reach.of(
        Settings(
            encryption_keys=f"file:{tmp_path}/keys",
            admin_key_file=tmp_path / "admin.key",
            api_tls_key=str(tmp_path / "tls.key"),
            secrets=tmp_path,
        )
    )
    for name in names[:-1]:
        with pytest.raises(InvalidConfiguration, match="own keys"):
            reach.check_secret(f"file:{tmp_path}/{name}#password")
    reach.check_secret(f"file:{tmp_path}/pg")
    with pytest.raises(InvalidConfiguration, match="own variables"):
        Reach.of(Settings(encryption_keys="env:CIPHERS")).check_secret("env:CIPHERS")
