"""Who may log in, and what is said where nobody may."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from connectors.contract import Credentials
from connectors.registry import build_connector
from connectors.snowflake.options import SnowflakeOptions
from core.errors import AccessDenied, InvalidConfiguration, NotFound
from tests.snowflake_server.server import PASSPHRASE, SnowflakeServer


@pytest.fixture
def local(snowflake: SnowflakeServer) -> SnowflakeServer:
    if not snowflake.is_local:
        pytest.skip("the account's user has no key pair that the test knows")
    return snowflake


async def test_a_key_pair_logs_in_without_a_password(local: SnowflakeServer) -> None:
    options = {**local.options(local.new_database()), "keyPairPath": str(local.private_key)}
    info = await build_connector("SNOWFLAKE", options, Credentials(None, PASSPHRASE), "test").check()
    assert info.user == "STERNA"


async def test_another_key_is_refused(local: SnowflakeServer, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    options = {**local.options(local.new_database()), "keyPairPath": str(stranger)}
    with pytest.raises(AccessDenied):
        await build_connector("SNOWFLAKE", options, Credentials(), "test").check()


async def test_a_wrong_passphrase_is_refused_and_not_repeated(local: SnowflakeServer) -> None:
    options = {**local.options(local.new_database()), "keyPairPath": str(local.private_key)}
    with pytest.raises(AccessDenied, match="cannot be opened") as refused:
        await build_connector("SNOWFLAKE", options, Credentials(None, "n0t-the-passphrase"), "test").check()
    assert "n0t-the-passphrase" not in str(refused.value)


async def test_a_missing_key_file_is_named(local: SnowflakeServer) -> None:
    options = {**local.options("ANY"), "keyPairPath": "/no/such/key.pem"}
    with pytest.raises(NotFound, match=r"/no/such/key\.pem"):
        await build_connector("SNOWFLAKE", options, Credentials(), "test").check()


async def test_no_secret_at_all_is_a_matter_of_configuration(local: SnowflakeServer) -> None:
    with pytest.raises((AccessDenied, InvalidConfiguration)):
        await build_connector("SNOWFLAKE", local.options("ANY"), Credentials("STERNA", None), "test").check()


def test_plain_http_is_for_this_machine_only() -> None:
    with pytest.raises(ValidationError, match="use https"):
        SnowflakeOptions(account="a", database="D", protocol="http", host="snow.example.com")
