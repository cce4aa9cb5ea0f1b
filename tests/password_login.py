"""A user whom the tests' PostgreSQL asks for a password, unlike all the others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deploy.local.postgres_server import PostgresServer
from tests.conftest import connect


@dataclass(frozen=True)
class PasswordLogin:
    """The user, his password, and one that is refused."""

    user: str
    right: str
    wrong: str

    def give(self, side: dict[str, Any], password: str, file: Path) -> None:
        """Makes a side of a job log in by a password from a file."""
        file.write_text(json.dumps({"username": self.user, "password": password}), encoding="utf-8")
        side.pop("user", None)
        side["secretsRef"] = f"file:{file}"


@contextmanager
def password_login(postgres: PostgresServer, user: str) -> Iterator[PasswordLogin]:
    """The user exists until the block ends; the wrong password is refused when it begins."""
    login = PasswordLogin(user, f"c4nary-right-{user}-Zq7vXw", f"c4nary-wrong-{user}-Jm2pKt")
    rules = postgres.folder / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    with connect(postgres, "postgres") as session:
        session.execute(f"CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{login.right}'".encode())
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{before}", encoding="utf-8")
        session.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 20
    while _admits(postgres, login):
        assert time.monotonic() < deadline, "the server asks for no password"
        time.sleep(0.05)
    try:
        yield login
    finally:
        own = f"host all {user} 127.0.0.1/32 scram-sha-256\n"
        rules.write_text(rules.read_text(encoding="utf-8").replace(own, ""), encoding="utf-8")
        with connect(postgres, "postgres") as session:
            session.execute("SELECT pg_reload_conf()")


def _admits(postgres: PostgresServer, login: PasswordLogin) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=postgres.port, user=login.user, password=login.wrong, dbname="postgres"
        ).close()
    except psycopg.OperationalError as error:
        if "password" not in str(error):
            raise
        return False
    return True
