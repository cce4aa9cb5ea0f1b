"""Real parts for every suite: one private PostgreSQL for the whole test session, fresh databases for each test."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from api.client_key import KEY_VARIABLE
from core import search_attributes
from core.config_store.credentials import new_secret
from deploy.local.mariadb_server import MariadbServer
from deploy.local.postgres_server import PostgresServer
from deploy.local.temporal_server import DYNAMIC_CONFIG
from tests import firebird_server
from tests.firebird_server import FirebirdServer
from tests.oracle_server.server import OracleLogin, OracleServer, real_oracle
from tests.snowflake_server.server import SnowflakeServer

pytest_plugins = ["connectors.conformance.outcomes"]
API_KEY = new_secret()
"""Of every stack that tests start, so that the command line in other processes finds it too."""


@pytest.fixture(scope="session", autouse=True)
def api_key() -> Iterator[str]:
    """Stacks and the command line take it from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, API_KEY)
        yield API_KEY


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL on loopback, gone when the test session ends: 18, or the release whose folder of programs
    STERNA_TEST_POSTGRES names."""
    programs = os.environ.get("STERNA_TEST_POSTGRES")
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres", binaries=Path(programs) if programs else None)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """A real MariaDB on loopback, gone when the test session ends; skips where it is not installed."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        try:
            server = MariadbServer(Path(folder) / "mariadb")
        except RuntimeError as error:
            pytest.skip(str(error))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def firebird() -> Iterator[FirebirdServer]:
    """A real Firebird 3.0 on loopback, gone when the test session ends; skips where it is not installed."""
    if not firebird_server.installed():
        pytest.skip(firebird_server.MISSING)
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        server = FirebirdServer(Path(folder) / "firebird")
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def oracle_server(request: pytest.FixtureRequest) -> Iterator[OracleServer]:
    """The wire server that stands in for Oracle, reachable by other processes as well."""
    server = OracleServer(request.getfixturevalue("postgres"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def oracle(request: pytest.FixtureRequest) -> OracleLogin:
    """An Oracle user with an empty schema: of the database that STERNA_TEST_ORACLE_DSN names, else of the wire
    server."""
    real = real_oracle()
    if real is not None:
        return real
    server: OracleServer = request.getfixturevalue("oracle_server")
    return server.login()


@pytest.fixture(scope="session")
def snowflake() -> Iterator[SnowflakeServer]:
    """The account that STERNA_TEST_SNOWFLAKE_ACCOUNT names, else a local server, reachable by other processes too."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        server = SnowflakeServer(Path(folder) / "snowflake")
        server.start()
        try:
            yield server
        finally:
            server.stop()


NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def new_database(postgres: PostgresServer) -> NewDatabase:
    """Creates an empty database and returns its name."""
    numbers = itertools.count(1)

    def create() -> str:
        name = f"test_{next(numbers)}"
        with connect(postgres, "postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return name

    return create


def connect(postgres: PostgresServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    """A session by psycopg, a driver that the product does not use, so that tests check it independently."""
    return psycopg.connect(host="127.0.0.1", port=postgres.port, user=postgres.user, dbname=database, autocommit=True)


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """A real Temporal dev server that knows the product's search attributes, gone when the test session ends."""
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        search_attributes=list(search_attributes.ALL),
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=[word for setting in DYNAMIC_CONFIG for word in ("--dynamic-config-value", setting)],
    ) as environment:
        yield environment
