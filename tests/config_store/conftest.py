"""A migrated config store in a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

Database = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def database(new_database: NewDatabase) -> str:
    """Name of an empty database."""
    return new_database()


@pytest.fixture
def url(postgres: PostgresServer, database: str) -> str:
    """The setting `config_store` for that database."""
    return f"postgresql+asyncpg://{postgres.user}@127.0.0.1:{postgres.port}/{database}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[ConfigStore]:
    """The store with its schema."""
    store = ConfigStore(open_engine(url))
    await store.upgrade()
    yield store
    await store.close()


@pytest.fixture
def look(store: ConfigStore, postgres: PostgresServer, database: str) -> Database:
    """A session by another driver, to see what the store wrote."""
    return connect(postgres, database)
