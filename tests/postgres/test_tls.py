"""TLS towards a real server: who is trusted, who is not, and what the operator is told to do about it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Credentials
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import open_session
from core.errors import AccessDenied, InvalidConfiguration, Unavailable
from deploy.local.postgres_server import PostgresServer
from tests.certificates import Authority
from tests.conftest import connect

INSTALLED = Path("/usr/lib/postgresql")
"""The embedded server is built without TLS."""
ACCESS = "hostssl all shown 127.0.0.1/32 trust clientcert=verify-ca\nhost all all 127.0.0.1/32 trust\n"


@dataclass
class Encrypted:
    """A server whose certificate is for 127.0.0.1, and the authority that signed it."""

    server: PostgresServer
    authority: Authority

    async def uses_tls(self, host: str = "127.0.0.1", user: str = "postgres", **tls: Any) -> bool:
        options = PostgresOptions.model_validate(
            {"host": host, "port": self.server.port, "database": "postgres", "user": user, "tls": tls}
        )
        async with open_session(options, Credentials(), "test") as session:
            return bool(await session.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Encrypted]:
    programs = sorted(INSTALLED.glob("*/bin/initdb"))
    if not programs:
        pytest.skip("no PostgreSQL with TLS is installed (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = PostgresServer(folder / "postgres-tls", binaries=programs[-1].parent)
        server.start()
        try:
            authority = Authority(folder)
            owner = server.folder.stat()
            for file, content in (("server.pem", authority.issue("server", "127.0.0.1")), ("ca.pem", authority.pem)):
                (server.folder / file).write_bytes(content)
                (server.folder / file).chmod(0o600)
                os.chown(server.folder / file, owner.st_uid, owner.st_gid)
            (server.folder / "pg_hba.conf").write_text(ACCESS)
            with connect(server, "postgres") as connection:
                connection.execute("CREATE ROLE shown LOGIN")
            with connect(server, "postgres") as connection:
                connection.autocommit = True
                for setting, value in (("cert_file", "server.pem"), ("key_file", "server.pem"), ("ca_file", "ca.pem")):
                    connection.execute(f"ALTER SYSTEM SET ssl_{setting} = '{value}'")
                connection.execute("ALTER SYSTEM SET ssl = on")
                connection.execute("SELECT pg_reload_conf()")
            yield Encrypted(server, authority)
        finally:
            server.stop()


async def test_a_server_that_the_authority_vouches_for_is_trusted(encrypted: Encrypted) -> None:
    trusted = str(encrypted.authority.file)
    assert await encrypted.uses_tls(caFile=trusted)
    assert await encrypted.uses_tls(mode="verify-ca", caFile=trusted, host="localhost")
    assert await encrypted.uses_tls(mode="require")
    assert await encrypted.uses_tls()
    assert not await encrypted.uses_tls(mode="disable")


async def test_another_host_name_or_authority_is_refused_and_the_option_named(
    encrypted: Encrypted, tmp_path: Path
) -> None:
    with pytest.raises(InvalidConfiguration, match=r'not for the host.*"verify-ca"'):
        await encrypted.uses_tls(host="localhost", caFile=str(encrypted.authority.file))
    other = Authority(tmp_path)
    for tls in ({"mode": "verify-full"}, {"mode": "verify-ca", "caFile": str(other.file)}):
        with pytest.raises(InvalidConfiguration, match=r"not trusted: .*caFile"):
            await encrypted.uses_tls(**tls)
    with pytest.raises(InvalidConfiguration, match=r"missing.pem of tls.caFile cannot be used: No such file"):
        await encrypted.uses_tls(caFile=str(tmp_path / "missing.pem"))


async def test_a_server_may_ask_for_a_certificate_of_the_client(encrypted: Encrypted, tmp_path: Path) -> None:
    trusted, shown, unknown = str(encrypted.authority.file), tmp_path / "client.pem", tmp_path / "unknown.pem"
    shown.write_bytes(encrypted.authority.issue("client"))
    unknown.write_bytes(Authority(tmp_path).issue("client"))
    assert await encrypted.uses_tls(user="shown", caFile=trusted, certFile=str(shown))
    with pytest.raises(AccessDenied, match="client certificate"):
        await encrypted.uses_tls(user="shown", caFile=trusted)
    with pytest.raises(Unavailable, match=r"does the server trust the certificate of tls.certFile"):
        await encrypted.uses_tls(user="shown", caFile=trusted, certFile=str(unknown))


async def test_a_server_without_tls_is_refused_unless_the_job_accepts_it(postgres: PostgresServer) -> None:
    with pytest.raises(InvalidConfiguration, match=r'does not speak TLS.*"disable"'):
        await Encrypted(postgres, None).uses_tls(mode="verify-full")  # type: ignore[arg-type]
    assert not await Encrypted(postgres, None).uses_tls()  # type: ignore[arg-type]
