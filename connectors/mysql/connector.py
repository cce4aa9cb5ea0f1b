"""The MYSQL connector: MySQL 8 and MariaDB, by PyMySQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import ClassVar

from connectors.contract import Selection, ServerInfo
from connectors.mysql import catalog, objects
from connectors.mysql.connecting import EXACT_SETTINGS, LIVENESS_SETTINGS, connect
from connectors.mysql.dialect import MysqlDialect
from connectors.mysql.options import MysqlOptions
from connectors.mysql.reader import MysqlReader
from connectors.mysql.session import MysqlSession
from connectors.sql.connector import SqlConnector
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.patterns import matching
from connectors.sql.reader import SqlReader
from connectors.sql.session import SqlSession
from core.errors import InvalidConfiguration, SnapshotGone
from core.schema import Capabilities, NotCarried, TableName, TableSchema

OLDEST = {"MariaDB": (10, 5), "MySQL": (8, 0, 19)}
"""MariaDB before 10.5 lacks what tables are made with, MySQL before 8.0.19 DROP CONSTRAINT."""


class Mysql(SqlConnector):
    """MySQL 8.0.19 and newer, MariaDB 10.5 and newer."""

    dialect: ClassVar[SqlDialect] = MysqlDialect()
    capabilities: ClassVar[Capabilities] = MysqlDialect.capabilities
    session_settings: ClassVar[Mapping[str, str]] = {**EXACT_SETTINGS, **LIVENESS_SETTINGS}
    options: MysqlOptions

    @property
    def default_schema(self) -> str:
        """The option database."""
        return self.options.database

    def open_session(self, purpose: str, *, snapshot: str | None = None) -> AbstractAsyncContextManager[MysqlSession]:
        """See SqlConnector. There are no snapshots that sessions share."""
        if snapshot is not None:
            raise SnapshotGone("MySQL has no snapshot that another session could read")
        return self._session(purpose)

    @asynccontextmanager
    async def _session(self, purpose: str) -> AsyncIterator[MysqlSession]:
        opening = partial(connect, self.options, self.credentials, self.label)
        connection = await asyncio.to_thread(opening)
        session = MysqlSession(connection, opening, self.ledger().sql)
        try:
            yield session
        finally:
            await asyncio.shield(session.close())

    async def check(self) -> ServerInfo:
        """See SqlConnector. Raises InvalidConfiguration for a server that is too old."""
        async with self._session("checking") as session:
            version, comment, user, database, local = (
                await session.fetch(
                    "SELECT VERSION(), @@version_comment, CURRENT_USER(), DATABASE(), @@GLOBAL.local_infile"
                )
            )[0]
        product = "MariaDB" if "mariadb" in f"{version} {comment}".lower() else "MySQL"
        oldest = OLDEST[product]
        numbers = tuple(int(part) for part in str(version).split("-")[0].split(".")[:3])
        if numbers < oldest:
            raise InvalidConfiguration(
                f"the server is {product} {version}",
                remedy=f"Sterna needs {product} {'.'.join(map(str, oldest))} or newer",
            )
        warning = f"{product} {self.options.host} does not take rows: set its global variable local_infile to 1"
        return ServerInfo(product, str(version), str(user), str(database), () if local else (warning,))

    def reader(self, session: SqlSession, snapshot: str | None) -> SqlReader:
        """See SqlConnector."""
        assert isinstance(session, MysqlSession)
        return MysqlReader(self.dialect, session)

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""
        with doing("listing tables"):
            async with self._session("listing tables") as session:
                return matching(await catalog.table_names(session), include, exclude, self.default_schema)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows."""
        with doing("reading the catalog"):
            async with self._session("reading the catalog") as session:
                return await catalog.describe_tables(session, names)

    async def check_selection(self, selection: Selection) -> None:
        """See ReadsRows. The catalog hides columns that the user may not read; the server refuses `*` for them."""
        await super().check_selection(selection)
        if selection.every_column:
            with doing(f"checking that {selection.table.name} shows all its columns"):
                async with self._session("checking") as session:
                    await session.fetch(f"SELECT * FROM {self.dialect.qualified(selection.table.name)} WHERE 1 = 0")

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        with doing("listing objects"):
            async with self._session("listing objects") as session:
                return await objects.list_not_carried(session, schemas)
