"""TLS with a wallet, for real: the driver, a listener that asks for certificates, an encrypted ewallet.pem."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.contract import Credentials
from connectors.oracle.connector import Oracle
from connectors.registry import build_connector
from core.errors import AccessDenied, InvalidConfiguration, MigrationError, NotFound, SecretMissing, Unavailable
from tests.certificates import Authority
from tests.forwarder import Forwarder
from tests.oracle_server.server import OracleLogin, OracleServer

PASSWORD = "canary-wallet-password"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def listener(oracle_server: OracleServer, authority: Authority) -> Iterator[Forwarder]:
    """The wire server's TCPS port."""
    with Forwarder(oracle_server.port, tls=authority.server_context("127.0.0.1", clients=True)) as listening:
        yield listening


@pytest.fixture
def login(oracle_server: OracleServer) -> OracleLogin:
    return oracle_server.login()


@pytest.fixture
def wallet(tmp_path: Path, authority: Authority) -> Path:
    """A folder with an encrypted wallet."""
    folder = tmp_path / "wallet"
    folder.mkdir()
    (folder / "ewallet.pem").write_bytes(authority.issue("worker", password=PASSWORD) + authority.pem)
    return folder


def write_login(wallet: Path, mode: int = 0o600, **login: object) -> None:
    """The file beside the wallet."""
    file = wallet / "login.json"
    file.write_text(json.dumps(login))
    file.chmod(mode)


def connector(listener: Forwarder, wallet: Path, credentials: Credentials, **options: object) -> Oracle:
    """As a job builds it: nothing is said of TLS, because a wallet means it."""
    place = {"host": listener.host, "port": listener.port, "serviceName": "ORCL", "walletPath": str(wallet)}
    built = build_connector("ORACLE", {**place, **options}, credentials, "test")
    assert isinstance(built, Oracle)
    return built


async def test_the_wallets_certificate_and_the_login_beside_it_open_a_session(
    listener: Forwarder, login: OracleLogin, wallet: Path
) -> None:
    write_login(wallet, username=login.user, password=login.password, walletPassword=PASSWORD)
    before, opened = listener.accepted, connector(listener, wallet, Credentials())
    assert opened.default_schema == login.schema
    checked = await opened.check()
    assert checked.user == login.schema
    assert checked.warnings == ()
    assert listener.accepted == before + 1


async def test_a_secret_may_hold_the_wallets_password_too(
    listener: Forwarder, login: OracleLogin, wallet: Path
) -> None:
    credentials = Credentials(login.user, login.password, PASSWORD)
    assert (await connector(listener, wallet, credentials).check()).user == login.schema
    assert PASSWORD not in repr(credentials)


async def test_the_login_of_the_secret_goes_before_the_one_beside_the_wallet(
    listener: Forwarder, login: OracleLogin, wallet: Path
) -> None:
    write_login(wallet, username="somebody_else", password="x", walletPassword=PASSWORD)
    opened = connector(listener, wallet, Credentials(login.user, login.password))
    assert (await opened.check()).user == login.schema


@pytest.mark.parametrize(
    ("given", "kind", "remedy"),
    [
        ({}, SecretMissing, "walletPassword"),
        ({"wallet_password": "wrong"}, AccessDenied, "Check walletPassword"),
    ],
)
async def test_a_wallet_that_does_not_open_says_so_before_anything_is_sent(
    listener: Forwarder, wallet: Path, given: dict[str, str], kind: type[MigrationError], remedy: str
) -> None:
    before = listener.accepted
    with pytest.raises(kind, match=remedy) as refused:
        await connector(listener, wallet, Credentials("scott", "tiger", **given)).check()
    assert PASSWORD not in str(refused.value)
    assert listener.accepted == before


@pytest.mark.parametrize("protocol", ["tcp", "tcps"])
async def test_without_any_login_the_file_to_write_is_named(listener: Forwarder, wallet: Path, protocol: str) -> None:
    with pytest.raises(SecretMissing, match=r"login\.json.*secretsRef"):
        await connector(listener, wallet, Credentials(), protocol=protocol).check()


async def test_a_login_that_others_can_read_is_refused(listener: Forwarder, login: OracleLogin, wallet: Path) -> None:
    write_login(wallet, 0o644, username=login.user, password=login.password, walletPassword=PASSWORD)
    with pytest.raises(AccessDenied, match="chmod 600"):
        await connector(listener, wallet, Credentials()).check()


async def test_a_login_that_is_no_json_is_refused_without_showing_it(listener: Forwarder, wallet: Path) -> None:
    file = wallet / "login.json"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    with pytest.raises(InvalidConfiguration) as refused:
        await connector(listener, wallet, Credentials()).check()
    assert PASSWORD not in str(refused.value)


async def test_a_wallet_that_is_not_there_is_not_found(listener: Forwarder, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="every worker"):
        await connector(listener, tmp_path / "nothing", Credentials("scott", "tiger")).check()


async def test_a_listener_of_another_authority_is_not_spoken_to(listener: Forwarder, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    (tmp_path / "ewallet.pem").write_bytes(stranger.issue("worker") + stranger.pem)
    with pytest.raises(InvalidConfiguration, match="not trusted"):
        await connector(listener, tmp_path, Credentials("scott", "tiger")).check()


async def test_a_listener_of_another_name_is_not_spoken_to(
    listener: Forwarder, login: OracleLogin, wallet: Path
) -> None:
    credentials = Credentials(login.user, login.password, PASSWORD)
    for wrong in ({"host": "localhost"}, {"sslServerDn": "CN=somebody"}):
        with pytest.raises(InvalidConfiguration, match="certificate"):
            await connector(listener, wallet, credentials, **wrong).check()


async def test_a_wallet_without_a_key_is_refused_by_a_listener_that_wants_one(
    listener: Forwarder, login: OracleLogin, tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / "ewallet.pem").write_bytes(authority.pem)
    with pytest.raises(Unavailable, match="trust the wallet"):
        await connector(listener, tmp_path, Credentials(login.user, login.password)).check()
