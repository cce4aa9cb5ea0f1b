"""Starts the wire server as a process of its own, so that workers in other processes reach it too."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import oracledb
import psycopg

from deploy.local.postgres_server import PostgresServer, end_with_parent

HERE = Path(__file__).parent
SERVICE = "FREEPDB1"
PASSWORD = "tiger"
DATABASE = "oracle_wire"
CONTROL = "default_version = '1'\nrelocatable = false\nsuperuser = false\n"


@dataclass
class OracleLogin:
    """One user's way to an Oracle database, real or not."""

    host: str
    port: int
    service: str
    user: str
    password: str = field(repr=False)
    simulated: bool = True

    @classmethod
    def parse(cls, dsn: str) -> OracleLogin:
        """From `user/password@host:port/service`, as STERNA_TEST_ORACLE_DSN has it."""
        account, _, place = dsn.rpartition("@")
        user, _, password = account.partition("/")
        address = urlsplit(f"//{place}")
        return cls(
            address.hostname or "", address.port or 1521, address.path.lstrip("/"), user, password, simulated=False
        )

    @property
    def schema(self) -> str:
        """The user's schema, as the dictionary names it."""
        return self.user.upper()

    @property
    def options(self) -> dict[str, object]:
        """Options of the ORACLE connector."""
        return {"host": self.host, "port": self.port, "serviceName": self.service, "user": self.user}

    def connect(self) -> oracledb.Connection:
        """A session for the test itself."""
        return oracledb.connect(
            user=self.user, password=self.password, host=self.host, port=self.port, service_name=self.service
        )

    def fault(self, what: str) -> None:
        """Asks the wire server for a fault: `ora-01555 on 'regex'`, `drop after 2 on 'regex'`, `delay 0.5`, `clear`."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"sim fault {what}")


class OracleServer:
    """The Mirror over one database of a private PostgreSQL. Any user may log in and finds a schema of that name."""

    def __init__(self, postgres: PostgresServer) -> None:
        self._postgres = postgres
        self._folder = tempfile.TemporaryDirectory(prefix="sterna-oracle-")
        self._process: subprocess.Popen[bytes] | None = None
        self._users = itertools.count(1)
        self.port = 0

    def start(self) -> None:
        """Returns once the listener answers. Raises RuntimeError with the end of its log where it does not."""
        self._prepare_database()
        log = self._log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.oracle_server", self._conninfo(DATABASE)],
            cwd=HERE.parent.parent,
            stdout=subprocess.PIPE,
            stderr=log,
            preexec_fn=end_with_parent,
        )
        log.close()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"the Oracle wire server did not start: {self._log.read_text()[-2000:]}")
        self.port = int(line)

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        self._folder.cleanup()

    def login(self, user: str | None = None) -> OracleLogin:
        """A user with an empty schema, or the one of that name."""
        return OracleLogin("127.0.0.1", self.port, SERVICE, user or f"user{next(self._users)}", PASSWORD)

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "server.log"

    def _conninfo(self, database: str) -> str:
        return f"host=127.0.0.1 port={self._postgres.port} user={self._postgres.user} dbname={database}"

    def _prepare_database(self) -> None:
        """The Mirror asks for the extension orafce, a library in C; functions.sql stands in for it."""
        folder = Path(self._folder.name)
        folder.chmod(0o755)  # the database server may run as another account
        extension = folder / "extension"
        extension.mkdir()
        (extension / "orafce.control").write_text(CONTROL)
        (extension / "orafce--1.sql").write_text((HERE / "functions.sql").read_text())
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
            connection.execute(f"ALTER DATABASE {DATABASE} SET extension_control_path = '{folder}:$system'")
            connection.execute(f"ALTER DATABASE {DATABASE} SET jit = off")  # the dictionary's views look expensive
            connection.execute(f"ALTER DATABASE {DATABASE} SET synchronous_commit = off")


def real_oracle() -> OracleLogin | None:
    """The database that STERNA_TEST_ORACLE_DSN names, None where it names none."""
    dsn = os.environ.get("STERNA_TEST_ORACLE_DSN")
    return OracleLogin.parse(dsn) if dsn else None
