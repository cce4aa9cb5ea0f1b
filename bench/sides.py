"""A database that rows come from or go to, as psql, Sterna and the peers address it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import psycopg
import pymysql

from bench import lineitem
from bench.contender import Failed
from bench.servers import execute, execute_mariadb
from deploy.local.mariadb_server import MariadbServer
from deploy.local.postgres_server import PostgresServer

PASSWORD = "bench"
"""The servers trust everybody on loopback; some tools insist on a password."""


@dataclass(frozen=True)
class Fingerprint:
    """Rows, and a sum over their hashes."""

    rows: int
    digest: str


class Side(ABC):
    """One database on one server."""

    type: str
    """Sterna's connector."""
    server: PostgresServer | MariadbServer
    database: str

    @abstractmethod
    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of one statement, in a transaction of its own. Raises Failed with what the server says."""

    @abstractmethod
    def clear(self) -> None:
        """Leaves the database empty, and everything earlier on disk."""

    @abstractmethod
    def fingerprint(self, *, portable: bool) -> Fingerprint:
        """Of `lineitem`; portable: the same in every kind of database."""

    @abstractmethod
    def has_key(self, table: str) -> bool:
        """The table has a primary key."""

    @property
    def connection(self) -> dict[str, Any]:
        """As a job of Sterna names it."""
        place = {"host": "127.0.0.1", "port": self.server.port, "user": self.server.user}
        return {"type": self.type, **place, "database": self.database}

    def url(self, scheme: str, *, password: bool = True) -> str:
        """As most tools take it."""
        login = f"{self.server.user}:{PASSWORD}" if password else self.server.user
        return f"{scheme}://{login}@127.0.0.1:{self.server.port}/{self.database}"


class PostgresSide(Side):
    """PostgreSQL."""

    type = "POSTGRES"
    server: PostgresServer

    def __init__(self, server: PostgresServer, database: str) -> None:
        self.server, self.database = server, database

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            return execute(self.server, self.database, statement)
        except psycopg.Error as error:
            raise Failed(str(error)) from error

    def clear(self) -> None:
        self.execute("DROP SCHEMA public CASCADE")
        self.execute("CREATE SCHEMA public")
        self.execute("CHECKPOINT")

    def fingerprint(self, *, portable: bool) -> Fingerprint:
        dialect = lineitem.POSTGRES if portable else lineitem.POSTGRES_FAST
        rows, digest = self.execute(lineitem.fingerprint_query(dialect))[0]
        return Fingerprint(rows, str(digest))

    def has_key(self, table: str) -> bool:
        query = f"SELECT 1 FROM pg_index WHERE indrelid = '{table}'::regclass AND indisprimary AND indisvalid"
        return bool(self.execute(query))


class MariadbSide(Side):
    """MariaDB."""

    type = "MYSQL"
    server: MariadbServer

    def __init__(self, server: MariadbServer, database: str) -> None:
        self.server, self.database = server, database

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            return execute_mariadb(self.server, statement, self.database)
        except pymysql.MySQLError as error:
            raise Failed(str(error)) from error

    def clear(self) -> None:
        self.execute(f"DROP DATABASE {self.database}")
        execute_mariadb(self.server, f"CREATE DATABASE {self.database}", "")

    def fingerprint(self, *, portable: bool) -> Fingerprint:
        rows, digest = self.execute(lineitem.fingerprint_query(lineitem.MARIADB))[0]
        return Fingerprint(rows, str(digest))

    def has_key(self, table: str) -> bool:
        return bool(self.execute(f"SHOW INDEX FROM {table} WHERE Key_name = 'PRIMARY'"))

    def url(self, scheme: str, *, password: bool = False) -> str:
        return super().url(scheme, password=password)
