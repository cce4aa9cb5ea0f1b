"""Brings the config store's schema up to date when a process starts."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.config_store.sessions import reachable

UPGRADE_LOCK = 0x53_54_45_52_4E_41  # "STERNA": one key for all processes that share the database


async def upgrade(engine: AsyncEngine) -> None:
    """Applies the migrations that are missing, all or none, one process at a time. Raises Unavailable."""
    with reachable():
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
            await connection.run_sync(_upgrade_to_head)


def migrations_config(connection: Connection) -> Config:
    """Alembic's configuration for a connection, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade_to_head(connection: Connection) -> None:
    command.upgrade(migrations_config(connection), "head")
