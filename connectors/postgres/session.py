"""Opens sessions. One session is one piece of work: there is no pool, so a paused job leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from connectors.contract import Credentials
from connectors.postgres.errors import translated
from connectors.postgres.options import PostgresOptions
from connectors.postgres.sql import identifier
from connectors.postgres.traced_connection import SYSTEM, TracedConnection
from connectors.tls import doubting_certificate
from connectors.tracing import database_span

# Text forms of values depend on these settings; both ends get the same ones, so text is exact and comparable.
# row_security=off turns silently hidden rows into an error (manual, "Row Security Policies").
EXACT_SETTINGS = {
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "row_security": "off",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "jit": "off",
}
# A worker that vanished or was stopped must not hold locks for ever: the server ends its session. Locks of a session
# (pg_advisory_lock) outlive its transactions, hence the one for sessions that idle outside of them.
# Who waits for a lock for 60 s ends as Contended and is tried again.
LIVENESS_SETTINGS = {
    "lock_timeout": "60s",
    "idle_session_timeout": "120s",
    "idle_in_transaction_session_timeout": "120s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_connection_check_interval": "2000",
}


# The same towards the server: nobody answers for one that vanished, and a statement may rightly be silent for days.
# Sockets have these options on Linux; elsewhere those that are missing keep the system's values. Milliseconds for
# TCP_USER_TIMEOUT, seconds for the others.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}


@asynccontextmanager
async def open_session(
    options: PostgresOptions, credentials: Credentials, label: str, **settings: str
) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A session with exact text forms, closed at the end of the block, at once when the block fails.

    Raises Unavailable, AccessDenied, NotFound.
    """
    place = f"{options.host}:{options.port}/{options.database}"
    trusting = doubting_certificate(options.tls)
    with trusting, translated(f"connecting to {place}"), database_span(SYSTEM, "CONNECT"):
        connection = await asyncpg.connect(
            host=options.host,
            port=options.port,
            database=options.database,
            user=options.user or credentials.username or "postgres",
            password=credentials.password,
            ssl=_tls(options),
            timeout=options.connect_timeout,
            connection_class=TracedConnection,
            statement_cache_size=0,
            server_settings={
                "application_name": f"sterna {label}"[:63],
                **EXACT_SETTINGS,
                **LIVENESS_SETTINGS,
                **settings,
            },
        )
    try:
        _keep_alive(connection)
        if options.role:
            with translated(f"SET ROLE {options.role}"):
                await connection.execute(f"SET ROLE {identifier(options.role)}")
        yield connection
    finally:
        await asyncio.shield(_close(connection))


async def scan(connection: asyncpg.Connection[Any], query: str, *parameters: Any) -> asyncpg.Record:
    """The one row of a query over a whole table. `fetchrow` and `fetchval` ask for one row, and a portal that is not to
    run to its end gets no parallel workers (PostgreSQL's source, execMain.c: ExecutePlan)."""
    record: asyncpg.Record
    [record] = await connection.fetch(query, *parameters)
    return record


def _keep_alive(connection: asyncpg.Connection[Any]) -> None:
    """The driver has no option for it (asyncpg 0.32) and shows its socket only by the transport it keeps."""
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined]
    client: socket.socket | None = transport.get_extra_info("socket")
    if client is None or client.family not in (socket.AF_INET, socket.AF_INET6):
        return
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            client.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _close(connection: asyncpg.Connection[Any]) -> None:
    """Politely, so that the server cancels a running statement and is rid of the session when this returns."""
    try:
        await connection.close(timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _tls(options: PostgresOptions) -> Any:
    mode = options.tls.mode_for(options.host)
    return mode if mode in ("disable", "prefer") else options.tls.context(options.host)
