"""The schema is made by migrations, by any number of processes at once, and is what the models say."""

from __future__ import annotations

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.config_store.tables import Base
from core.config_store.upgrade import migrations_config
from core.errors import Unavailable
from deploy.local.postgres_server import PostgresServer, free_port
from tests.config_store.specs import sample


async def test_processes_that_start_together_upgrade_once(url: str) -> None:
    stores = [ConfigStore(open_engine(url)) for _ in range(4)]
    await asyncio.gather(*(store.upgrade() for store in stores))
    await asyncio.gather(*(store.check() for store in stores))
    await asyncio.gather(*(store.close() for store in stores))


async def test_migrations_make_what_the_models_say(store: ConfigStore, url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))

    async with open_engine(url).connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_an_upgrade_keeps_what_is_stored(store: ConfigStore) -> None:
    job = (await store.create_job(sample())).job
    await store.upgrade()
    assert await store.get_job(job.job_id) == job


async def test_migrations_can_be_taken_back(store: ConfigStore, url: str) -> None:
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations_config(sync), "base"))
        left = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
        )
        assert left.all() == []
    await engine.dispose()


async def test_an_unreachable_store_is_told_as_unavailable(postgres: PostgresServer) -> None:
    for url in (
        f"postgresql+asyncpg://sterna@127.0.0.1:{free_port()}/sterna",
        f"postgresql+asyncpg://{postgres.user}@127.0.0.1:{postgres.port}/no_such_database",
    ):
        store = ConfigStore(open_engine(url))
        with pytest.raises(Unavailable, match="config store"):
            await store.upgrade()
        with pytest.raises(Unavailable, match="config store"):
            await store.check()
        await store.close()
