"""A private MariaDB from the system's package, on a free loopback port, as a child of this process."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from deploy.local.postgres_server import end_with_parent, free_port

STARTUP_SECONDS = 60.0
STOP_SECONDS = 30.0
PROGRAM_FOLDERS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
"""Daemons lie in folders that are not on every account's PATH."""
REMEDY = "install it: apt-get install mariadb-server-core mariadb-client-core"


class MariadbServer:
    """One server in one folder. Every commit is flushed: durability is part of what is shown.

    The account `root` may log in over loopback without a password.
    """

    user = "root"

    def __init__(self, folder: Path, port: int | None = None, *, options: Mapping[str, str] | None = None) -> None:
        """`options` of the server beside its own. Raises RuntimeError where MariaDB is not installed."""
        self._options = dict(options or {})
        self.folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._server = program("mariadbd")
        self._installer = program("mariadb-install-db")

    def start(self) -> None:
        """Creates the system tables where they are missing and returns once the server accepts connections.

        Raises RuntimeError with the end of the server's log when it does not.
        """
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts the server without waiting for it. Raises RuntimeError where its tables cannot be created."""
        account = _unprivileged_account()
        if not (self.folder / "mysql").exists():
            self._initialise(account)
        options = {
            "datadir": str(self.folder),
            "bind-address": "127.0.0.1",
            "port": str(self.port),
            "socket": str(self.folder / "mysqld.sock"),
            "pid-file": str(self.folder / "mysqld.pid"),
            "character-set-server": "utf8mb4",
            "innodb-buffer-pool-size": "256M",
            "innodb-log-file-size": "512M",
            "innodb-flush-log-at-trx-commit": "1",
            "local-infile": "ON",
            "max-connections": "200",
            "skip-name-resolve": "ON",
            **self._options,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [str(self._server), "--no-defaults", *(f"--{name}={value}" for name, value in options.items())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, signal.SIGTERM),
                **_identity(account),
            )
        return self._process

    def stop(self) -> None:
        """Ends the server: politely, then for certain."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As a crash: the next start recovers from the log."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.folder.parent / f"{self.folder.name}.log"

    def wait_until_ready(self) -> None:
        """Returns once the server greets. Raises RuntimeError with the end of its log when it does not."""
        assert self._process is not None
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if _greets(self.port):
                return
            time.sleep(0.05)
        raise RuntimeError(f"MariaDB did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if account is not None:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        result = subprocess.run(  # noqa: S603
            [
                str(self._installer),
                *("--no-defaults", f"--datadir={self.folder}", "--auth-root-authentication-method=normal"),
                *("--skip-test-db", "--skip-name-resolve", f"--tmpdir={self.folder}"),
            ],
            capture_output=True,
            text=True,
            check=False,
            **_identity(account),
        )
        if result.returncode:
            raise RuntimeError(f"mariadb-install-db failed: {(result.stderr or result.stdout).strip()[-2000:]}")


def program(name: str) -> Path:
    """Where one of MariaDB's programs lies. Raises RuntimeError that says how to install it."""
    found = shutil.which(name) or shutil.which(name, path=PROGRAM_FOLDERS)
    if found is None:
        raise RuntimeError(f"MariaDB's {name} is missing: {REMEDY}")
    return Path(found)


def _greets(port: int) -> bool:
    """The server speaks first (MySQL protocol, Initial Handshake Packet); one that is not ready refuses."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            return len(client.recv(5)) == 5
    except OSError:
        return False


def _unprivileged_account() -> pwd.struct_passwd | None:
    """MariaDB refuses to run as root; `nobody` exists on every Debian."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
