"""The destination database between two runs."""

from __future__ import annotations

from bench.contender import Failed
from bench.datasets import fingerprint, source_fingerprint
from bench.servers import DATABASE, execute
from deploy.local.postgres_server import PostgresServer


def empty(server: PostgresServer, *statements: str) -> None:
    """Nothing but what the statements make; everything earlier is on disk."""
    execute(server, DATABASE, "DROP SCHEMA public CASCADE")
    execute(server, DATABASE, "CREATE SCHEMA public")
    for statement in statements:
        execute(server, DATABASE, statement)
    execute(server, DATABASE, "CHECKPOINT")


def expect_copy(
    source: PostgresServer, database: str, destination: PostgresServer, values: str, table: str = "lineitem"
) -> None:
    """Raises Failed where the destination's table does not hold the source's rows."""
    wanted = source_fingerprint(source, database, table, values)
    found = fingerprint(destination, DATABASE, table, values)
    if found.rows != wanted.rows:
        raise Failed(f"{wanted.rows:,} rows were to come, {found.rows:,} are there")
    if found != wanted:
        raise Failed("the rows differ from the source's")


def expect_key(server: PostgresServer, table: str = "lineitem") -> None:
    """Raises Failed where the table has no valid primary key."""
    query = f"SELECT 1 FROM pg_index WHERE indrelid = '{table}'::regclass AND indisprimary AND indisvalid"
    if not execute(server, DATABASE, query):
        raise Failed(f"{table} has no primary key")
