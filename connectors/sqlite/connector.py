"""The SQLITE connector: a database in one file, by Python's own sqlite3."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

from connectors.contract import ServerInfo
from connectors.sql import lock_holders
from connectors.sql.connector import SqlConnector
from connectors.sql.patterns import matching
from connectors.sqlite import catalog
from connectors.sqlite.dialect import SqliteDialect
from connectors.sqlite.options import SqliteOptions
from connectors.sqlite.session import SESSION_SETTINGS, SqliteSession, open_session
from core.errors import AccessDenied, InvalidConfiguration, NotFound
from core.schema import Capabilities, NotCarried, TableName, TableSchema

OLDEST_VERSION = (3, 37, 0)
"""PRAGMA table_list came with it."""


class Sqlite(SqlConnector):
    """SQLite 3.37 and newer."""

    dialect: ClassVar[SqliteDialect] = SqliteDialect()
    capabilities: ClassVar[Capabilities] = SqliteDialect.capabilities
    session_settings: ClassVar[Mapping[str, str]] = SESSION_SETTINGS
    foreign_keys_stand_in_the_way: ClassVar[bool] = False
    options: SqliteOptions

    def open_session(self, purpose: str, *, snapshot: str | None = None) -> AbstractAsyncContextManager[SqliteSession]:
        """A session that may write; a missing file is created."""
        return open_session(self.options, read_only=False)

    def open_reading_session(self, purpose: str) -> AbstractAsyncContextManager[SqliteSession]:
        """A session that changes nothing, on a file that must exist."""
        return open_session(self.options, read_only=True)

    async def check(self) -> ServerInfo:
        """Reads the file where it is there; a missing one is made by the first load, in a folder that must exist.

        Raises NotFound, AccessDenied, InvalidConfiguration.
        """
        path, version = Path(self.options.path), sqlite3.sqlite_version
        if sqlite3.sqlite_version_info < OLDEST_VERSION:
            raise InvalidConfiguration(f"Python's SQLite is {version}", remedy="Sterna needs SQLite 3.37 or newer")
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent}", remedy="Create it, on every worker, or mend the path")
        if not path.exists():
            if not os.access(path.parent, os.W_OK):
                raise AccessDenied(f"the folder {path.parent} cannot be written")
            return ServerInfo("SQLite", version, "", str(path), ("the file is not there yet",))
        patience = min(self.options.lock_timeout, lock_holders.CHECK_SECONDS)
        options = self.options.model_copy(update={"lock_timeout": patience})
        async with open_session(options, read_only=True):
            return ServerInfo("SQLite", version, "", str(path))

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows. Raises NotFound for a missing file."""
        async with self._reading("listing tables") as session:
            names = [TableName(schema_name="", name=name) for name in await catalog.list_tables(session)]
        return matching(names, include, exclude, self.default_schema)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows. A file that is missing holds no tables."""
        path = Path(self.options.path)
        if not path.exists():
            return {}
        async with self._reading("reading the catalog") as session:
            return await catalog.describe_tables(session, names, path)

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        async with self._reading("reading the catalog") as session:
            return await catalog.list_not_carried(session)

    def range_key(self, table: TableSchema) -> str | None:
        """The row number: every ordinary table is stored by it, and it counts what the declared key only promises."""
        return catalog.row_number(table) if table.kind == "table" else None
