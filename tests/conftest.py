"""Real parts for every suite: one private PostgreSQL for the whole test session, fresh databases for each test."""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from deploy.local.postgres_server import PostgresServer
from workflows import search_attributes


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL 18 on loopback, gone when the test session ends."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
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
    ) as environment:
        yield environment
