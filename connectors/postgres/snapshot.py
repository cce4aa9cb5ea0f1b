"""Keeps one moment readable: a session that exports its snapshot and holds the tables still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from connectors.base import Credentials, SnapshotKeeper, SnapshotTaken
from connectors.postgres.errors import translated
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import open_session
from connectors.postgres.sql import qualified
from core.schema import TableName


@asynccontextmanager
async def open_keeper(
    options: PostgresOptions, credentials: Credentials, label: str, tables: Sequence[TableName]
) -> AsyncIterator[PostgresKeeper]:
    """Locks first, then takes the snapshot: the manual's page on LOCK promises that a REPEATABLE READ transaction's
    view is frozen by its first query, which LOCK is not, so nothing can be truncated or rewritten in between.

    Raises Contended when a lock is not had within 10 s.
    """
    async with open_session(
        options,
        credentials,
        label,
        default_transaction_read_only="on",
        lock_timeout="10s",
        idle_in_transaction_session_timeout="60s",
    ) as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if tables:
            with translated("locking the tables against DDL (ACCESS SHARE)"):
                names = ", ".join(qualified(name) for name in tables)
                await connection.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
        with translated("exporting the snapshot"):
            snapshot, taken_at, position = await connection.fetchrow(  # type: ignore[misc]
                "SELECT pg_export_snapshot(), clock_timestamp(), "
                "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text"
            )
        yield PostgresKeeper(connection, SnapshotTaken(snapshot, taken_at, position))
        await connection.execute("ROLLBACK")


class PostgresKeeper(SnapshotKeeper):
    """The keeper's session. The server ends it after 60 s without a sign of life (a stopped worker)."""

    def __init__(self, connection: asyncpg.Connection[Any], taken: SnapshotTaken) -> None:
        self._connection = connection
        self.taken = taken

    async def check(self) -> None:
        """Asks the session for a sign of life. Raises Unavailable."""
        with translated("the snapshot's session"):
            await self._connection.execute("SELECT 1", timeout=10)
