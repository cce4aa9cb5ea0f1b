"""The demo's two databases: a shop to move and an empty one to move it to, and the job that does it."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import create_database, in_parallel
from deploy.local.supervised_process import SupervisedProcess

SOURCE_DATABASE = "shop"
DESTINATION_DATABASE = "warehouse"
READER = "sterna_reader"
WRITER = "sterna_writer"
DESTINATION_LOGIN = "DEMO_WAREHOUSE_LOGIN"
SHOP_SQL = Path(__file__).with_name("sample_shop.sql")
# The superuser is the one who looks on with psql; Sterna's own roles must know their passwords.
ACCESS_RULES = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class SampleDatabases:
    """Two PostgreSQL servers, each with a login of its own that is known by reference only."""

    def __init__(self, folder: Path) -> None:
        self.source = PostgresServer(folder / "source")
        self.destination = PostgresServer(folder / "destination")
        self.source_login = folder / "source-login.json"
        self._reader_password = secrets.token_urlsafe(18)
        self._writer_password = secrets.token_urlsafe(18)
        self._processes = [
            SupervisedProcess(server.folder.name, server.spawn, stop_signal=signal.SIGINT)
            for server in (self.source, self.destination)
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What workers must have in their environment to log in at the destination."""
        return {DESTINATION_LOGIN: json.dumps({"username": WRITER, "password": self._writer_password})}

    def start(self, rows: int) -> None:
        """Returns when the shop is filled with about that many rows and the other database is ready to take them."""
        self.source_login.touch(mode=0o600)
        self.source_login.write_text(json.dumps({"username": READER, "password": self._reader_password}))
        in_parallel(*(process.start for process in self._processes))
        in_parallel(self.source.wait_until_ready, self.destination.wait_until_ready)
        in_parallel(lambda: asyncio.run(self._prepare_source(rows)), lambda: asyncio.run(self._prepare_destination()))

    def stop(self) -> None:
        """Ends both servers."""
        in_parallel(*(process.stop for process in self._processes))

    def job(self) -> dict[str, Any]:
        """The request: users become CUSTOMERS with masked numbers, all other tables move as they are."""
        customers = {
            "sourceSchema": "shop",
            "sourceTable": "users",
            "destinationTable": "CUSTOMERS",
            "transformations": [
                {"type": "COLUMN_MAP", "mapping": {"id": "CUST_ID", "email": "EMAIL_ADDR"}},
                {"type": "DATA_MASK", "columns": ["ssn"], "maskChar": "X"},
            ],
        }
        others = ("orders", "order_lines", "payments", "page_views", "products", "categories")
        return {
            "name": "Demo shop to warehouse",
            "description": "Made by `sterna demo`",
            "source": {
                **_connection(self.source, SOURCE_DATABASE),
                "secretsRef": f"file:{self.source_login}",
            },
            "destination": {
                **_connection(self.destination, DESTINATION_DATABASE),
                "secretsRef": f"env:{DESTINATION_LOGIN}",
            },
            "tables": [customers, *({"sourceSchema": "shop", "sourceTable": name} for name in others)],
        }

    async def _prepare_source(self, rows: int) -> None:
        await _open_to_passwords(self.source)
        await create_database(self.source, SOURCE_DATABASE)
        async with _session(self.source, SOURCE_DATABASE) as session:
            await session.execute(f"SET shop.rows = '{rows}'; {SHOP_SQL.read_text(encoding='utf-8')}")
            await session.execute(
                f"CREATE ROLE {READER} LOGIN PASSWORD '{self._reader_password}';"
                f"GRANT USAGE ON SCHEMA shop TO {READER};"
                f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {READER};"
                f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO {READER}"
            )

    async def _prepare_destination(self) -> None:
        await _open_to_passwords(self.destination)
        await create_database(self.destination, DESTINATION_DATABASE)
        async with _session(self.destination, "postgres") as session:
            await session.execute(f"CREATE ROLE {WRITER} LOGIN PASSWORD '{self._writer_password}'")
            await session.execute(f"ALTER DATABASE {DESTINATION_DATABASE} OWNER TO {WRITER}")


def psql_command(server: PostgresServer, database: str) -> str:
    """How to look into one of the databases."""
    return f"psql -h 127.0.0.1 -p {server.port} -U {server.user} {database}"


def _connection(server: PostgresServer, database: str) -> dict[str, Any]:
    return {"type": "POSTGRES", "host": "127.0.0.1", "port": server.port, "database": database}


async def _open_to_passwords(server: PostgresServer) -> None:
    (server.folder / "pg_hba.conf").write_text(ACCESS_RULES)
    async with _session(server, "postgres") as session:
        await session.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def _session(server: PostgresServer, database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    session = await asyncpg.connect(host="127.0.0.1", port=server.port, user=server.user, database=database)
    try:
        yield session
    finally:
        await session.close()
