"""A table in Snowflake and batches for it, as the load stage gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pyarrow as pa

from connectors.contract import (
    LedgerEntry,
    LoadBeginning,
    Loaded,
    LoadGeneration,
    LoadTarget,
    WrittenColumn,
)
from connectors.registry import build_connector
from connectors.snowflake.connector import Snowflake
from connectors.snowflake.types import value_type
from core.schema import Digest, TableName
from tests.snowflake_server.server import SnowflakeServer

JOB = "job-1"
Texts = Sequence[str | None]


class Loading:
    """One table with columns of these types, called c0, c1 …"""

    def __init__(self, server: SnowflakeServer, database: str, types: Sequence[str], name: str = "ROWS_IN") -> None:
        self.server = server
        self.database = database
        self.types = types
        self.name = TableName(schema_name="PUBLIC", name=name)
        connector = build_connector("SNOWFLAKE", server.options(database), server.credentials, "test")
        assert isinstance(connector, Snowflake)
        self.connector = connector
        columns = ", ".join(f'"c{position}" {native}' for position, native in enumerate(types))
        self.query(f'CREATE TABLE "PUBLIC"."{name}" ({columns})')

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """By the driver alone."""
        with self.server.connect(self.database) as session:
            return [tuple(row) for row in session.cursor().execute(sql).fetchall()]

    def rows(self) -> int:
        """Committed rows."""
        return int(self.query(f'SELECT COUNT(*) FROM "PUBLIC"."{self.name.name}"')[0][0])

    @property
    def target(self) -> LoadTarget:
        """Where the rows go."""
        names = [f"c{position}" for position in range(len(self.types))]
        natives = [native.removesuffix(" NOT NULL") for native in self.types]
        written = [WrittenColumn(name, value_type(native), native) for name, native in zip(names, natives, strict=True)]
        return LoadTarget(table=self.name, columns=names, written=written)

    def entry(self, rows: int, number: int = 0, load: int = 1) -> LedgerEntry:
        """What the ledger is to record."""
        return LedgerEntry(JOB, self.name.name, load, number, Digest(rows=rows, total="7"))

    async def begin(self, token: str = "1", *, run: int = 1, replace: bool = False) -> LoadGeneration:
        """The ledger, and a load."""
        await self.connector.prepare_ledger()
        begin = LoadBeginning(job_id=JOB, table_id=self.name.name, run=run, token=token)
        return await self.connector.begin_load(begin, self.target, replace=replace)

    async def load(self, rows: Sequence[Texts], number: int = 0, load: int = 1) -> Loaded:
        """One batch of rows of interchange text."""
        return await self.connector.load_arrow(
            self.target, self.entry(len(rows), number, load), parts(rows, len(self.types)), lambda size: None
        )


async def parts(rows: Sequence[Texts], width: int) -> AsyncIterator[pa.RecordBatch]:
    """The rows as Arrow, in one part."""
    columns = [pa.array([row[position] for row in rows], pa.string()) for position in range(width)]
    yield pa.RecordBatch.from_arrays(columns, names=[f"c{position}" for position in range(width)])
