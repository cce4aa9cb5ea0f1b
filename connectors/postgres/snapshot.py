"""Keeps one moment readable: a session that exports its snapshot and holds the tables still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from connectors.base import SnapshotKeeper
from connectors.contract import Credentials, SnapshotTaken
from connectors.postgres.errors import translated
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import open_session
from connectors.postgres.sql import qualified
from core.schema import TableName

LOCK_TIMEOUT = "6s"
LOCKING_TIMEOUT = "8s"
"""For each lock, and for all of them: the keeper does not beat before it has its tables."""

# LOCK takes tables and views; foreign tables and materialized views it refuses (42809). Foreign rows are read as they
# are, whatever the snapshot, and those of a REFRESH are visible to older snapshots too (it inserts them frozen).
LOCKABLE_QUERY = """
SELECT wanted.schema, wanted.name FROM unnest($1::text[], $2::text[]) AS wanted(schema, name)
LEFT JOIN pg_namespace AS n ON n.nspname = wanted.schema
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
WHERE c.relkind IS NULL OR c.relkind IN ('r', 'p', 'v')
"""


def split_id(snapshot: str) -> tuple[str, str]:
    """The server's id of an exported snapshot, and what it sees (`pg_current_snapshot`): ids are made of a backend's
    number and a counter, so they come again after a restart of the server."""
    exported, _, moment = snapshot.partition("@")
    return exported, moment


@asynccontextmanager
async def open_keeper(
    options: PostgresOptions, credentials: Credentials, label: str, tables: Sequence[TableName]
) -> AsyncIterator[PostgresKeeper]:
    """Locks first, then takes the snapshot: the manual's page on LOCK promises that a REPEATABLE READ transaction's
    view is frozen by its first query, which LOCK is not, so nothing can be truncated or rewritten in between.

    Raises Contended when the locks are not had within 8 s, NotFound.
    """
    async with open_session(
        options,
        credentials,
        label,
        default_transaction_read_only="on",
        lock_timeout=LOCK_TIMEOUT,
        idle_in_transaction_session_timeout="60s",
    ) as connection:
        with translated("locking the tables against DDL (ACCESS SHARE)"):
            lockable = await _lockable(connection, tables)  # before BEGIN: a query would freeze the view
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if lockable:
                await connection.execute(f"SET LOCAL statement_timeout = '{LOCKING_TIMEOUT}'")
                await connection.execute(f"LOCK TABLE {lockable} IN ACCESS SHARE MODE")
                await connection.execute("SET LOCAL statement_timeout = 0")
        with translated("exporting the snapshot"):
            snapshot, taken_at, position = await connection.fetchrow(  # type: ignore[misc]
                "SELECT pg_export_snapshot() || '@' || pg_current_snapshot()::text, clock_timestamp(), "
                "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text"
            )
        yield PostgresKeeper(connection, SnapshotTaken(snapshot, taken_at, position))
        await connection.execute("ROLLBACK")


async def _lockable(connection: asyncpg.Connection[Any], tables: Sequence[TableName]) -> str:
    """Quoted names, separated by commas. Those that do not exist are among them, so that LOCK says so."""
    records = await connection.fetch(
        LOCKABLE_QUERY, [table.schema_name for table in tables], [table.name for table in tables]
    )
    names = [TableName(schema_name=record["schema"], name=record["name"]) for record in records]
    return ", ".join(map(qualified, names))


class PostgresKeeper(SnapshotKeeper):
    """The keeper's session. The server ends it after 60 s without a sign of life (a stopped worker)."""

    def __init__(self, connection: asyncpg.Connection[Any], taken: SnapshotTaken) -> None:
        self._connection = connection
        self.taken = taken

    async def check(self) -> None:
        """Asks the session for a sign of life. Raises Unavailable."""
        with translated("the snapshot's session"):
            await self._connection.execute("SELECT 1", timeout=10)
