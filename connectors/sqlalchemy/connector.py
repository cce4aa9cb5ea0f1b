"""The SQLALCHEMY connector: any database that SQLAlchemy has a dialect for, slower and with more care than its own
connector would need. Ledger, proof and DDL are those of connectors/sql."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from sqlalchemy.engine import Connection

from connectors.contract import Credentials, ServerInfo
from connectors.sql.connector import SqlConnector
from connectors.sql.patterns import matching
from connectors.sqlalchemy.catalog import Catalog, estimated_bytes
from connectors.sqlalchemy.database_file import missing_file, refuse_missing_file
from connectors.sqlalchemy.dialect import CAPABILITIES, SqlalchemyDialect
from connectors.sqlalchemy.options import SqlalchemyOptions
from connectors.sqlalchemy.rollback_probe import refuse_without_rollback
from connectors.sqlalchemy.session import SqlalchemySession, engine_for, open_session
from core.errors import InvalidConfiguration, NotFound
from core.ranges import RangePlan
from core.schema import Capabilities, NotCarried, TableName, TableSchema


class Sqlalchemy(SqlConnector):
    """Any SQLAlchemy URL."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES
    options: SqlalchemyOptions

    def __init__(self, options: SqlalchemyOptions, credentials: Credentials, label: str) -> None:
        """Raises InvalidConfiguration where the URL's dialect is not installed."""
        super().__init__(options, credentials, label)
        self._dialect = SqlalchemyDialect(options.parsed)
        self.dialect = self._dialect  # type: ignore[misc]  # of this URL's database
        self.capabilities = self._dialect.capabilities  # type: ignore[misc]

    @property
    def default_schema(self) -> str:
        """The option defaultSchema; '' for the login's own."""
        return self.options.schema_default

    def open_session(
        self, purpose: str, *, snapshot: str | None = None
    ) -> AbstractAsyncContextManager[SqlalchemySession]:
        """See SqlConnector."""
        return open_session(self.options, self.credentials, self._dialect, purpose)

    def open_reading_session(self, purpose: str) -> AbstractAsyncContextManager[SqlalchemySession]:
        """See SqlConnector. Raises NotFound where SQLite's file is missing."""
        refuse_missing_file(self.options.parsed)
        return self.open_session(purpose)

    async def check(self) -> ServerInfo:
        """Logs in. Raises InvalidConfiguration for a Firebird database whose text is not UTF-8. A file of SQLite's that
        is missing is made by the first load."""
        engine_for(self.options, self.credentials, self._dialect)
        missing = missing_file(self.options.parsed)
        if missing is not None:
            if not missing.parent.is_dir():
                raise NotFound(f"there is no folder {missing.parent}", remedy="Create it, on every worker, or mend url")
            return ServerInfo("sqlite", "", "", str(missing), ("the file is not there yet",))
        async with self.open_session("checking") as session:
            version = await session.with_connection(_version)
            if self._dialect.engine_dialect.name.startswith("firebird"):
                await self._check_character_set(session)
        url = self.options.parsed
        user = self.options.user or url.username or self.credentials.username or ""
        return ServerInfo(self._dialect.engine_dialect.name, version, user, url.database or "")

    async def _check_character_set(self, session: SqlalchemySession) -> None:
        found = await session.fetch("SELECT TRIM(rdb$character_set_name) FROM rdb$database")
        if found[0][0] != "UTF8":
            raise InvalidConfiguration(
                f"the database's default character set is {found[0][0]}",
                remedy="Columns that Sterna creates would not hold every character: create the database with DEFAULT "
                "CHARACTER SET UTF8",
            )

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows. Schemas other than the default one are looked into where a pattern names them."""
        default = self.default_schema
        named = {pattern.split(".", 1)[0] for pattern in include if "." in pattern} - {default}

        def names(connection: Connection) -> list[TableName]:
            catalog = Catalog(connection, self._dialect)
            known = set(catalog.schemas()) if named and self.capabilities.has_schemas else set()
            wild = any("*" in name or "?" in name for name in named)
            return catalog.names([default, *sorted((known if wild else known & named) - {default})])

        async with self.open_reading_session("listing tables") as session:
            return matching(await session.with_connection(names), include, exclude, default)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows. Each table costs several queries. A file that is missing holds no tables."""
        if missing_file(self.options.parsed) is not None:
            return {}

        def describe(connection: Connection) -> dict[TableName, TableSchema]:
            catalog = Catalog(connection, self._dialect)
            found = ((name, catalog.describe(name)) for name in names)
            return {name: schema for name, schema in found if schema is not None}

        async with self.open_session("reading the catalog") as session:
            return await session.with_connection(describe)

    async def plan_ranges(
        self, table: TableSchema, *, batch_rows: int | None, batch_bytes: int, stable_pages: bool
    ) -> RangePlan:
        """See SqlConnector. The rows are counted first: reflection has no estimate."""
        if self.range_key(table) is not None:
            async with self.open_session("planning") as session:
                rows = await session.with_connection(
                    lambda connection: Catalog(connection, self._dialect).count(table.name)
                )
            estimate = {"estimated_rows": rows, "estimated_bytes": estimated_bytes(table, rows)}
            table = table.model_copy(update=estimate)
        return await super().plan_ranges(
            table, batch_rows=batch_rows, batch_bytes=batch_bytes, stable_pages=stable_pages
        )

    async def prepare_ledger(self) -> None:
        """See WritesRows. Raises InvalidConfiguration where the database does not roll back."""
        await super().prepare_ledger()
        async with self.open_session("rolling back") as session:
            await refuse_without_rollback(session, self.ledger())

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        async with self.open_reading_session("reading the catalog") as session:
            return await session.with_connection(
                lambda connection: Catalog(connection, self._dialect).not_carried(schemas)
            )


def _version(connection: Connection) -> str:
    return ".".join(map(str, connection.dialect.server_version_info or ()))
