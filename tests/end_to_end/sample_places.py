"""The places that the sample request names: a PostgreSQL on 5432 whose login lies in Vault, and an Oracle on 1521 that
speaks TLS only and asks for the certificate in a wallet, whose folder also holds the login."""

from __future__ import annotations

import copy
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deploy.local.postgres_server import PostgresServer
from tests.certificates import Authority
from tests.conftest import connect
from tests.forwarder import Forwarder
from tests.oracle_server.server import OracleLogin, OracleServer
from tests.sample_request import SAMPLE
from tests.vault_server import ROLE_ID, SECRET_ID, VaultServer

READER = "prod_reader"
ADDRESS = f"127.0.7.{1 + os.getpid() % 250}"
"""Where default ports are free, whatever else runs on this machine."""


@dataclass
class SamplePlaces:
    """What stands behind the sample request's names."""

    request: dict[str, Any]
    """The sample request, its host names replaced."""
    environment: dict[str, str]
    """What workers are told."""
    canaries: list[str]
    """Passwords that no file of the stack may hold."""
    postgres: PostgresServer
    oracle: OracleLogin
    deviations: list[str]
    """Where the machine did not let the request be run as it stands."""

    def connect_source(self) -> psycopg.Connection[tuple[object, ...]]:
        """As the owner, past Vault."""
        return connect(self.postgres, "customers")


@contextmanager
def sample_places(postgres: PostgresServer, oracle_server: OracleServer) -> Iterator[SamplePlaces]:
    """All of it, gone at the end of the block."""
    password, wallet_password = f"canary-{secrets.token_hex(8)}", f"canary-{secrets.token_hex(8)}"
    request, deviations = copy.deepcopy(SAMPLE), list[str]()
    login = oracle_server.login()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sterna-test-")))
        authority = Authority(folder)
        opened.enter_context(_login_needed(postgres, password))
        vault = opened.enter_context(VaultServer(authority.server_context("127.0.0.1")))
        vault.put("databases", "pg-prod", {"username": READER, "password": password})
        wallet = opened.enter_context(_wallet_folder(request["destination"]["walletPath"], folder))
        (wallet / "ewallet.pem").write_bytes(authority.issue("worker", password=wallet_password) + authority.pem)
        kept = wallet / "login.json"
        kept.touch(0o600)
        kept.write_text(
            json.dumps({"username": login.user, "password": login.password, "walletPassword": wallet_password})
        )
        if str(wallet) != request["destination"]["walletPath"]:
            deviations.append(f"walletPath is {wallet}")
            request["destination"]["walletPath"] = str(wallet)
        tls = authority.server_context(ADDRESS, clients=True)
        for side, port, target, context in (
            ("source", 5432, postgres.port, None),
            ("destination", 1521, oracle_server.port, tls),
        ):
            listener, found = _listening(opened, Forwarder(target, ADDRESS, port, context), target, context)
            request[side]["host"] = listener.host
            if found != port:
                deviations.append(f"the {side} has port {found}: {port} is taken on every address")
                request[side]["port"] = found
        environment = {
            "VAULT_ADDR": vault.url,
            "VAULT_CACERT": str(authority.file),
            "VAULT_ROLE_ID": ROLE_ID,
            "VAULT_SECRET_ID": SECRET_ID,
            "NO_PROXY": "127.0.0.1",
        }
        yield SamplePlaces(request, environment, [password, wallet_password, SECRET_ID], postgres, login, deviations)
        assert vault.calls["databases/data/pg-prod"]
        assert vault.borrowed == set()


def _listening(opened: ExitStack, wanted: Forwarder, target: int, tls: Any) -> tuple[Forwarder, int]:
    try:
        opened.enter_context(wanted)
    except OSError:
        wanted = opened.enter_context(Forwarder(target, ADDRESS, 0, tls))
    return wanted, wanted.port


@contextmanager
def _login_needed(postgres: PostgresServer, password: str) -> Iterator[None]:
    """The database customers, whose reader must know the password; the server trusts everybody else."""
    rules = postgres.folder / "pg_hba.conf"
    before = rules.read_text()
    with connect(postgres, "postgres") as connection:
        connection.execute("CREATE DATABASE customers")
        connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{password}'")
        rules.write_text(f"host all {READER} all scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            rules.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP DATABASE customers WITH (FORCE)")
            connection.execute(f"DROP ROLE {READER}")


@contextmanager
def _wallet_folder(wanted: str, otherwise: Path) -> Iterator[Path]:
    """The folder that the request names, where the test may make it."""
    top = Path(*Path(wanted).parts[:2])
    if os.geteuid() != 0 or top.exists():
        folder = otherwise / "wallet"
        folder.mkdir()
        yield folder
        return
    Path(wanted).mkdir(parents=True)
    try:
        yield Path(wanted)
    finally:
        shutil.rmtree(top)
