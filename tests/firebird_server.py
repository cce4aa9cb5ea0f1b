"""A private Firebird 3.0 (Debian's firebird3.0-server) on a free loopback port, with its own security database."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.postgres_server import end_with_parent, free_port

STARTUP_SECONDS = 20.0
SERVER = "/usr/sbin/firebird"
PLUGINS = Path("/etc/firebird/3.0/plugins.conf")
MISSING = "Firebird is not installed: apt-get install firebird3.0-server firebird3.0-utils"


def installed() -> bool:
    """Server, command line client and plugins are there."""
    return Path(SERVER).exists() and shutil.which("isql-fb") is not None and PLUGINS.exists()


class FirebirdServer:
    """One server in one folder, which holds its configuration, locks, users and databases."""

    user = "SYSDBA"
    password = "Kria 1884"  # of a server that lives as long as the test session, on loopback

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Makes users and configuration, and returns once connections are taken.

        Raises RuntimeError with the end of the server's log when it does not.
        """
        self._configure()
        self.isql(
            f"CREATE DATABASE '{self.folder / 'security.fdb'}'; COMMIT; "
            f"CREATE USER {self.user} PASSWORD '{self.password}'; COMMIT;"
        )
        with (self.folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SERVER, "-e", str(self.folder), "-el", str(self.folder / "lock"), "-p", str(self.port)],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Ends the server for certain."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def create_database(self, name: str, character_set: str = "UTF8") -> Path:
        """A new database, and its file."""
        path = self.folder / f"{name}.fdb"
        self.isql(
            f"CREATE DATABASE 'inet://127.0.0.1:{self.port}/{path}' USER '{self.user}' PASSWORD '{self.password}' "
            f"PAGE_SIZE 16384 DEFAULT CHARACTER SET {character_set};"
        )
        return path

    def isql(self, script: str, database: Path | None = None) -> str:
        """What Firebird's own client prints for a script, without any Python driver. Raises RuntimeError."""
        place = [f"inet://127.0.0.1:{self.port}/{database}", "-password", self.password] if database else []
        done = subprocess.run(
            ["/usr/bin/isql-fb", "-quiet", "-bail", "-charset", "UTF8", "-user", self.user, *place],
            input=script.encode(),
            capture_output=True,
            check=False,
            env=self._environment(),
        )
        if done.returncode or done.stderr:
            raise RuntimeError(f"isql: {done.stderr.decode()} {done.stdout.decode()}")
        return done.stdout.decode()

    def _configure(self) -> None:
        (self.folder / "lock").mkdir(parents=True)
        shutil.copy(PLUGINS, self.folder / "plugins.conf")
        security = self.folder / "security.fdb"
        settings = {
            "RemoteServicePort": self.port,
            "RemoteBindAddress": "127.0.0.1",
            "DatabaseAccess": "Full",
            "SecurityDatabase": security,
            "AuthServer": "Srp",
            "AuthClient": "Srp",
            "UserManager": "Srp",
            "IpcName": f"sterna{self.port}",
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        (self.folder / "firebird.conf").write_text("".join(lines))
        (self.folder / "databases.conf").write_text(f"security.db = {security}\n{{\n\tRemoteAccess = false\n}}\n")

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "FIREBIRD": str(self.folder), "FIREBIRD_LOCK": str(self.folder / "lock")}

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"Firebird did not start: {(self.folder / 'output.log').read_text()[-2000:]}")
