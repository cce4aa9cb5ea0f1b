"""Sessions: what is refused at login, and how each side notices that the other is gone."""

from __future__ import annotations

import socket
import sys

import pytest

from connectors.contract import Credentials
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import open_session
from core.errors import InvalidConfiguration
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect


def options_of(postgres: PostgresServer) -> PostgresOptions:
    return PostgresOptions(host="127.0.0.1", port=postgres.port, database="postgres", user=postgres.user)


@pytest.mark.skipif(sys.platform != "linux", reason="the options have other names elsewhere")
async def test_the_clients_socket_gives_up_a_server_that_vanished_within_half_a_minute(
    postgres: PostgresServer,
) -> None:
    async with open_session(options_of(postgres), Credentials(), "test") as connection:
        client = connection._transport.get_extra_info("socket")
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, interval, count, unanswered = (
            client.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        )
    assert idle + interval * count <= 30
    assert unanswered == 30_000


async def test_the_server_ends_sessions_that_are_idle_with_locks(postgres: PostgresServer) -> None:
    async with open_session(options_of(postgres), Credentials(), "test", idle_session_timeout="300ms") as stopped:
        await stopped.execute("SELECT pg_advisory_lock(4711)")
        async with open_session(options_of(postgres), Credentials(), "test", lock_timeout="10s") as waiting:
            assert await waiting.fetchval("SHOW idle_session_timeout") == "2min"
            await waiting.execute("SELECT pg_advisory_lock(4711)")


async def test_a_database_that_is_not_utf8_is_refused_with_the_remedy(
    postgres: PostgresServer, new_database: NewDatabase
) -> None:
    name = f"{new_database()}_latin"
    with connect(postgres, "postgres") as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"  # type: ignore[arg-type]
        )
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database=name, user=postgres.user)
    with pytest.raises(InvalidConfiguration, match=r"LATIN1.*UTF8"):
        await Postgres(options, Credentials(), "test").check()
