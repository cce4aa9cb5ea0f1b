"""Opens the harness of each database, once for the session and only when a test asks for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from connectors.conformance.harness import Harness
from tests.conformance.harnesses.duckdb import DuckdbHarness
from tests.conformance.harnesses.firebird import FirebirdHarness
from tests.conformance.harnesses.mysql import MysqlHarness
from tests.conformance.harnesses.oracle import OracleHarness
from tests.conformance.harnesses.postgres import PostgresHarness
from tests.conformance.harnesses.snowflake import SnowflakeHarness
from tests.conformance.harnesses.sqlite import SqliteHarness
from tests.oracle_server.server import real_oracle


def _postgres(request: pytest.FixtureRequest) -> Harness:
    return PostgresHarness(request.getfixturevalue("postgres"), request.getfixturevalue("new_database")())


def _duckdb(request: pytest.FixtureRequest) -> Harness:
    return DuckdbHarness(_folder(request) / "conformance.duckdb")


def _sqlite(request: pytest.FixtureRequest) -> Harness:
    return SqliteHarness(_folder(request) / "conformance.sqlite")


def _mysql(request: pytest.FixtureRequest) -> Harness:
    return MysqlHarness(request.getfixturevalue("mariadb"), f"conformance_{secrets.token_hex(4)}")


def _oracle(request: pytest.FixtureRequest) -> Harness:
    """On the wire server each place is a user of its own; a real database has one user for all."""
    login = real_oracle() or request.getfixturevalue("oracle_server").login()
    return OracleHarness(login)


def _snowflake(request: pytest.FixtureRequest) -> Harness:
    return SnowflakeHarness(request.getfixturevalue("snowflake"))


def _sqlalchemy(request: pytest.FixtureRequest) -> Harness:
    return FirebirdHarness(request.getfixturevalue("firebird"), f"conformance_{secrets.token_hex(4)}")


def _folder(request: pytest.FixtureRequest) -> Path:
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return factory.mktemp("conformance")


OPENERS: dict[str, Callable[[pytest.FixtureRequest], Harness]] = {
    "POSTGRES": _postgres,
    "MYSQL": _mysql,
    "ORACLE": _oracle,
    "DUCKDB": _duckdb,
    "SNOWFLAKE": _snowflake,
    "SQLITE": _sqlite,
    "SQLALCHEMY": _sqlalchemy,
}


class OpenHarness(Protocol):
    """Opens a place of a connector type; the same word, the same place."""

    def __call__(self, type_name: str, place: str = "") -> Harness: ...


@pytest.fixture(scope="session")
def opened_harness(request: pytest.FixtureRequest) -> OpenHarness:
    """Skips, with the reason, where the database cannot be had here."""
    opened: dict[tuple[str, str], Harness] = {}

    def open_(type_name: str, place: str = "") -> Harness:
        if (type_name, place) not in opened:
            opened[type_name, place] = OPENERS[type_name](request)
        return opened[type_name, place]

    return open_
