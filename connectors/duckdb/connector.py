"""The DUCKDB connector: a database in one file, read and written in process as Arrow.

DuckDB itself prints and reads interchange text, vector by vector, so that no value becomes a Python object.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

import duckdb

from connectors.contract import ServerInfo
from connectors.duckdb import catalog
from connectors.duckdb.dialect import DuckdbDialect
from connectors.duckdb.options import DuckdbOptions
from connectors.duckdb.session import SESSION_SETTINGS, DuckdbSession, open_session
from connectors.sql import lock_holders
from connectors.sql.connector import SqlConnector
from connectors.sql.patterns import matching
from core.errors import AccessDenied, NotFound
from core.schema import Capabilities, NotCarried, TableName, TableSchema


class Duckdb(SqlConnector):
    """DuckDB, by its own library."""

    dialect: ClassVar[DuckdbDialect] = DuckdbDialect()
    capabilities: ClassVar[Capabilities] = DuckdbDialect.capabilities
    session_settings: ClassVar[Mapping[str, str]] = SESSION_SETTINGS
    options: DuckdbOptions

    @property
    def default_schema(self) -> str:
        """The option defaultSchema."""
        return self.options.schema_default

    def open_session(self, purpose: str, *, snapshot: str | None = None) -> AbstractAsyncContextManager[DuckdbSession]:
        """A session that may write; it waits for whoever else has the file open."""
        return open_session(self.options, purpose, read_only=False)

    def open_reading_session(self, purpose: str) -> AbstractAsyncContextManager[DuckdbSession]:
        """A session that only reads: any number of processes may have one at the same time."""
        return open_session(self.options, purpose, read_only=True)

    async def check(self) -> ServerInfo:
        """Opens the file where it is there; a missing one is made by the first load, in a folder that must exist.

        Raises NotFound, AccessDenied, and Contended where another process keeps the file open.
        """
        path = Path(self.options.path)
        folder = path.absolute().parent
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder}", remedy="Create it, on every worker, or mend the option path")
        version = duckdb.__version__
        if not path.exists():
            if not os.access(folder, os.W_OK):
                raise AccessDenied(f"the folder {folder} cannot be written")
            return ServerInfo("DuckDB", version, "", str(path), ("the file is not there yet",))
        patience = min(self.options.lock_timeout, lock_holders.CHECK_SECONDS)
        options = self.options.model_copy(update={"lock_timeout": patience})
        async with open_session(options, f"opening {path}", read_only=True) as session:
            await session.fetch("SELECT 1")
        return ServerInfo("DuckDB", version, "", str(path))

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""
        async with self.open_reading_session("listing tables") as session:
            return matching(await catalog.list_names(session), include, exclude, self.default_schema)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows. A file that is missing holds no tables."""
        if not Path(self.options.path).exists():
            return {}
        async with self.open_reading_session("reading the catalog") as session:
            return await catalog.describe_tables(session, names)

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        async with self.open_reading_session("reading the catalog") as session:
            return await catalog.list_not_carried(session, schemas)

    def row_identity(self, table: TableSchema) -> str | None:
        """See SqlConnector."""
        return None if table.column("rowid") else "rowid"
