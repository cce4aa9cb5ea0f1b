"""A Snowflake to test against: a private local server on loopback, or the account that the environment names."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import snowflake.connector
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.contract import Credentials

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
PASSPHRASE = "passphrase"
"""Of the private key of the local server's user."""


class SnowflakeServer:
    """STERNA_TEST_SNOWFLAKE_ACCOUNT (with _USER, _PASSWORD, _WAREHOUSE, _ROLE) names a real account, whose user may
    create databases; else a local server is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = os.environ.get("STERNA_TEST_SNOWFLAKE_ACCOUNT", "")
        self.user = os.environ.get("STERNA_TEST_SNOWFLAKE_USER", "STERNA")
        self.password = os.environ.get("STERNA_TEST_SNOWFLAKE_PASSWORD", "") or secrets.token_hex(16)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._databases: list[str] = []

    @property
    def is_local(self) -> bool:
        """Not Snowflake itself."""
        return not self.account

    @property
    def private_key(self) -> Path:
        """Key of the local server's user."""
        return self.folder / "key.pem"

    def start(self) -> None:
        """Starts the local server, where there is no account."""
        if not self.is_local:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        public = self._make_keys()
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "tests.snowflake_server", str(self.port), self.user, self.password]
        with (self.folder / "server.log").open("wb") as log:
            environment = {**os.environ, "TMPDIR": str(self.folder)}  # the stages' files end with the folder
            self._process = subprocess.Popen([*command, str(public)], cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def _make_keys(self) -> Path:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(PASSPHRASE.encode()),
            )
        )
        public = self.folder / "key.pub"
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return public

    def stop(self) -> None:
        """Ends the local server; in an account, drops the databases that were made."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            return
        for database in self._databases:
            with self.connect("SNOWFLAKE") as session:
                session.cursor().execute(f"DROP DATABASE {database}")

    def new_database(self) -> str:
        """An empty database."""
        name = f"STERNA_{secrets.token_hex(4).upper()}"
        if not self.is_local:  # the local server makes it at the first login
            with self.connect("SNOWFLAKE") as session:
                session.cursor().execute(f"CREATE DATABASE {name}")
        self._databases.append(name)
        return name

    def options(self, database: str) -> dict[str, Any]:
        """The connector's options for a database."""
        if self.is_local:
            place = {"account": "local", "host": "127.0.0.1", "port": self.port, "protocol": "http", "loginTimeout": 10}
            return {**place, "database": database, "user": self.user, "networkTimeout": 10}
        names = {"warehouse": "STERNA_TEST_SNOWFLAKE_WAREHOUSE", "role": "STERNA_TEST_SNOWFLAKE_ROLE"}
        optional = {option: os.environ[name] for option, name in names.items() if name in os.environ}
        return {"account": self.account, "database": database, "user": self.user, **optional}

    @property
    def credentials(self) -> Credentials:
        """What secretsRef would give."""
        return Credentials(self.user, self.password)

    def secret_file(self) -> Path:
        """A file that holds the credentials, for a job's secretsRef `file:…`."""
        file = self.folder / "secret.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"username": self.user, "password": self.password}))
        return file

    def login(self, database: str) -> dict[str, Any]:
        """How the driver logs in."""
        place: dict[str, Any] = {"account": self.account}
        if self.is_local:
            place = {"account": "local", "host": "127.0.0.1", "port": self.port, "protocol": "http"}
        return {
            **place,
            "user": self.user,
            "password": self.password,
            "database": database,
            "schema": "PUBLIC",
            "network_timeout": 10,
            "platform_detection_timeout_seconds": 0.0,
            "session_parameters": {"TIMEZONE": "UTC", "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        }

    def connect(self, database: str) -> snowflake.connector.SnowflakeConnection:
        """A session without the connector, by the same driver: there is no other."""
        return snowflake.connector.connect(**self.login(database))
