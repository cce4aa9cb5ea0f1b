"""TLS towards a real MariaDB: who is trusted, who is not, and what the operator is told to do about it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Credentials
from connectors.mysql.connecting import connect
from connectors.mysql.options import MysqlOptions
from core.errors import AccessDenied, InvalidConfiguration
from deploy.local.mariadb_server import MariadbServer
from tests.certificates import Authority


@dataclass
class Encrypted:
    """A server whose certificate is for 127.0.0.1, and the authority that signed it."""

    server: MariadbServer
    authority: Authority

    def uses_tls(self, host: str = "127.0.0.1", user: str = "root", **tls: Any) -> bool:
        return uses_tls(self.server, host, user, **tls)


def uses_tls(server: MariadbServer, host: str = "127.0.0.1", user: str = "root", **tls: Any) -> bool:
    options = {"host": host, "port": server.port, "database": "mysql", "user": user, "tls": tls}
    connection = connect(MysqlOptions.model_validate(options), Credentials(), "test")
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        return bool(cursor.fetchone()[1])


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Encrypted]:
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority = Authority(folder)
        pair = folder / "server.pem"
        pair.write_bytes(authority.issue("server", "127.0.0.1"))
        options = {"ssl-cert": str(pair), "ssl-key": str(pair), "ssl-ca": str(authority.file)}
        server = MariadbServer(folder / "mariadb-tls", options=options)
        server.start()
        try:
            connection = connect(MysqlOptions(host="127.0.0.1", port=server.port, database="mysql"), Credentials(), "x")
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE USER shown REQUIRE X509")
                cursor.execute("GRANT SELECT ON mysql.* TO shown")
            yield Encrypted(server, authority)
        finally:
            server.stop()


def test_a_server_that_the_authority_vouches_for_is_trusted(encrypted: Encrypted) -> None:
    trusted = str(encrypted.authority.file)
    assert encrypted.uses_tls(caFile=trusted)
    assert encrypted.uses_tls(mode="verify-ca", caFile=trusted, host="localhost")
    assert encrypted.uses_tls(mode="require")
    assert encrypted.uses_tls()
    assert not encrypted.uses_tls(mode="disable")


def test_another_host_name_or_authority_is_refused_and_the_option_named(encrypted: Encrypted, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r'not for the host.*"verify-ca"'):
        encrypted.uses_tls(host="localhost", caFile=str(encrypted.authority.file))
    for tls in ({"mode": "verify-full"}, {"mode": "verify-ca", "caFile": str(Authority(tmp_path).file)}):
        with pytest.raises(InvalidConfiguration, match=r"not trusted: .*caFile"):
            encrypted.uses_tls(**tls)


def test_a_server_may_ask_for_a_certificate_of_the_client(encrypted: Encrypted, tmp_path: Path) -> None:
    trusted, shown = str(encrypted.authority.file), tmp_path / "client.pem"
    shown.write_bytes(encrypted.authority.issue("client"))
    assert encrypted.uses_tls(user="shown", caFile=trusted, certFile=str(shown))
    with pytest.raises(AccessDenied):
        encrypted.uses_tls(user="shown", caFile=trusted)


def test_a_server_without_tls_is_refused_unless_the_job_accepts_it(mariadb: MariadbServer) -> None:
    with pytest.raises(InvalidConfiguration, match=r'does not speak TLS.*"disable"'):
        uses_tls(mariadb, mode="verify-full")
    assert not uses_tls(mariadb)
