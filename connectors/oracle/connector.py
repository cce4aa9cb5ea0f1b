"""The ORACLE connector: python-oracledb in thin mode, Arrow in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import ClassVar

from connectors.base import ExportsSnapshot, SnapshotKeeper
from connectors.contract import Credentials, Selection, ServerInfo
from connectors.oracle import catalog, wallet
from connectors.oracle.dialect import OracleDialect
from connectors.oracle.options import OracleOptions
from connectors.oracle.session import EXACT_SETTINGS, OracleSession, open_session
from connectors.oracle.snapshot import open_keeper, scn_of
from connectors.sql.connector import SqlConnector
from connectors.sql.errors import doing
from connectors.sql.reader import SqlReader
from connectors.sql.session import SqlSession
from core.errors import InvalidConfiguration
from core.schema import Capabilities, NotCarried, TableName, TableSchema

UNICODE = frozenset(["AL32UTF8", "UTF8"])
CHARACTER_SET = "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'"
WHO = "SELECT user, SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'SERVICE_NAME') FROM dual"


class OracleReader(SqlReader):
    """Reads as of one SCN where a snapshot is given."""

    def __init__(self, session: SqlSession, snapshot: str | None) -> None:
        super().__init__(OracleDialect(), session)
        self._scn = scn_of(snapshot) if snapshot else None

    def relation(self, selection: Selection) -> str:
        """The table, as of the snapshot's moment."""
        table = super().relation(selection)
        return table if self._scn is None else f"{table} AS OF SCN {self._scn}"


class Oracle(SqlConnector, ExportsSnapshot):
    """Oracle Database 12.2 and newer."""

    dialect: ClassVar[OracleDialect] = OracleDialect()
    capabilities: ClassVar[Capabilities] = OracleDialect.capabilities
    session_settings: ClassVar[Mapping[str, str]] = EXACT_SETTINGS
    options: OracleOptions

    @property
    def default_schema(self) -> str:
        """The option defaultSchema, else the user's own."""
        return self.options.schema_default or self._user

    @cached_property
    def _login(self) -> Credentials:
        return wallet.login(self.options, self.credentials)

    @property
    def _user(self) -> str:
        """As the dictionary spells it."""
        user = self.options.user or self._login.username or ""
        return user[1:-1] if user.startswith('"') else user.upper()

    def open_session(self, purpose: str, *, snapshot: str | None = None) -> AbstractAsyncContextManager[OracleSession]:
        """See SqlConnector. The snapshot is named by each query."""
        return open_session(self.options, self._login, self.label, purpose)

    def reader(self, session: SqlSession, snapshot: str | None) -> SqlReader:
        """See SqlConnector."""
        return OracleReader(session, snapshot)

    def keeping_snapshot(self, tables: Sequence[TableName]) -> AbstractAsyncContextManager[SnapshotKeeper]:
        """See ExportsSnapshot."""
        return open_keeper(self.open_session("keeping a moment"))

    async def check(self) -> ServerInfo:
        """Logs in and asks the server what it is."""
        async with self.open_session("checking") as session:
            ((user, database, service),) = await session.fetch(WHO)
            ((characters,),) = await session.fetch(CHARACTER_SET)
            version = session.version
        warnings = []
        if self.options.wallet_path and not self.options.encrypted:
            warnings.append(
                "the connection is not encrypted: protocol is tcp, over which the wallet in walletPath is not used"
            )
        if characters not in UNICODE:
            warnings.append(f"the database's character set is {characters}: it can be a source, not a destination")
        return ServerInfo("Oracle Database", version, user, database or service, tuple(warnings))

    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """See ReadsRows."""
        with doing("listing tables"):
            async with self.open_session("listing tables") as session:
                return await catalog.list_tables(session, include, exclude, self.default_schema)

    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """See ReadsRows."""
        with doing("reading the data dictionary"):
            async with self.open_session("describing tables") as session:
                return await catalog.describe_tables(session, names, self._user)

    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """See ListsObjects."""
        with doing("listing objects"):
            async with self.open_session("listing objects") as session:
                return await catalog.list_not_carried(session, schemas)

    async def prepare_ledger(self) -> None:
        """See WritesRows. Raises InvalidConfiguration where the database would replace characters that its character
        set lacks, without a word."""
        async with self.open_session("checking the character set") as session:
            ((characters,),) = await session.fetch(CHARACTER_SET)
        if characters not in UNICODE:
            raise InvalidConfiguration(
                f"the database's character set is {characters}, which replaces characters that it lacks",
                remedy="Name a destination in AL32UTF8",
            )
        await super().prepare_ledger()

    def row_identity(self, table: TableSchema) -> str | None:
        """See SqlConnector."""
        return None if table.column("ROWID") else "ROWID"
