"""The SNOWFLAKE connector, by snowflake-connector-python: Arrow result batches out, staged files in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from connectors.contract import (
    LedgerEntry,
    LoadBeginning,
    LoadGeneration,
    LoadTarget,
    ServerInfo,
)
from connectors.snowflake import catalog
from connectors.snowflake.dialect import SnowflakeDialect
from connectors.snowflake.ledger import SnowflakeLedger
from connectors.snowflake.options import SnowflakeOptions
from connectors.snowflake.session import EXACT_SETTINGS, LIVENESS_SETTINGS, SnowflakeSession, open_session
from connectors.snowflake.writer import SnowflakeWriter
from connectors.sql.connector import SqlConnector
from connectors.sql.errors import doing
from connectors.sql.patterns import matching
from connectors.sql.session import SqlSession
from core.errors import InvalidConfiguration, NotFound
from core.schema import (
    Capabilities,
    Digest,
    NotCarried,
    TableName,
    TableSchema,
)


class Snowflake(SqlConnector):
    """Snowflake, standard tables."""

    dialect: ClassVar[SnowflakeDialect] = SnowflakeDialect()
    capabilities: ClassVar[Capabilities] = SnowflakeDialect.capabilities
    session_settings: ClassVar[Mapping[str, str]] = {
        name: str(value) for name, value in {**EXACT_SETTINGS, **LIVENESS_SETTINGS}.items()
    }
    foreign_keys_stand_in_the_way: ClassVar[bool] = False
    options: SnowflakeOptions

    @property
    def default_schema(self) -> str:
        """The option defaultSchema."""
        return self.options.schema_default

    def open_session(
        self, purpose: str, *, snapshot: str | None = None
    ) -> AbstractAsyncContextManager[SnowflakeSession]:
        """A session of its own."""
        return open_session(self.options, self.credentials, self.label, purpose)

    def ledger(self) -> SnowflakeLedger:
        """The ledger in the default schema."""
        return SnowflakeLedger(self.dialect, self.default_schema)

    def writer(self, session: SqlSession) -> SnowflakeWriter:
        """Loads by way of the stage."""
        assert isinstance(session, SnowflakeSession)
        return SnowflakeWriter(session, self.ledger())

    async def check(self) -> ServerInfo:
        """Logs in and out. Raises NotFound, InvalidConfiguration where database or warehouse are missing."""
        async with self.open_session("looking at the account") as session:
            found = await session.fetch(
                "SELECT CURRENT_VERSION(), CURRENT_USER(), CURRENT_DATABASE(), CURRENT_WAREHOUSE()"
            )
        version, user, database, warehouse = found[0]
        if database is None:
            raise NotFound(f"there is no database {self.options.database}", remedy="Check the option database")
        if warehouse is None:
            raise InvalidConfiguration("the session has no warehouse", remedy="Set the option warehouse")
        return ServerInfo("Snowflake", str(version), str(user), str(database))

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""
        async with self.open_session("listing tables") as session:
            return matching(await catalog.list_names(session), include, exclude, self.default_schema)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows."""
        async with self.open_session("reading the catalog") as session:
            return await catalog.describe_tables(session, names)

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        async with self.open_session("reading the catalog") as session:
            return await catalog.list_not_carried(session, schemas)

    async def begin_load(self, begin: LoadBeginning, target: LoadTarget, *, replace: bool) -> LoadGeneration:
        """See WritesRows."""
        with doing(f"beginning the load of {target.table}"):
            async with self.open_session("beginning a load") as session:
                work = f"{begin.job_id}/{begin.table_id}"
                await session.end_predecessor(work)
                await session.begin(name=work)
                await session.hold_table(target.table, alone=True)
                begun = await self.ledger().begin_load(session, begin, target, replace=replace)
                await session.commit()
                entry = LedgerEntry(begin.job_id, begin.table_id, begun.load, 0, Digest())
                await self.writer(session).remove_loads_before(entry)
                return begun
