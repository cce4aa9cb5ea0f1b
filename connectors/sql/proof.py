"""What committed rows of a destination table are, read by a session that loaded none of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from connectors.contract import DigestMethod, LoadRef
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.ledger import SqlLedger
from connectors.sql.rows_of import RowsOf
from connectors.sql.session import SqlSession
from core.schema import Digest, TableName


class SqlProof:
    """Reads within one read-only transaction, so that rows and ledger are of one moment where the engine can."""

    def __init__(self, dialect: SqlDialect, session: SqlSession, ledger: SqlLedger) -> None:
        self._dialect = dialect
        self._session = session
        self._ledger = ledger

    async def count_rows(self, table: TableName) -> int:
        """See ProvesRows."""
        with doing(f"counting {table}"):
            return await self._rows(table).count()

    async def digest_table(self, table: TableName, proof: DigestMethod) -> Digest:
        """See ProvesRows."""
        with doing(f"computing the digest of {table}"):
            return await self._rows(table).digest(proof)

    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """The table's digest without what stood there when the load began, and is not replaced: nobody knows of a row
        who wrote it, so rows that others wrote or changed since are a difference."""
        with doing(f"computing the digest of load {load.load} of {table}"):
            stood = await self._ledger.stood_before(self._session, load)
            found = await self._rows(table).digest(proof) + await self._ledger.replaced(self._session, load)
        total = (int(found.total) - int(stood.total)) % 2**64
        return Digest(rows=found.rows - stood.rows, total=str(total))

    async def table_hashes(self, table: TableName, proof: DigestMethod) -> AsyncGenerator[Sequence[int], None]:
        """See ProvesRows."""
        with doing(f"hashing rows of {table}"):
            async with aclosing(self._rows(table).hashes(proof)) as hashed:
                async for hashes in hashed:
                    yield hashes

    async def example_rows(self, table: TableName, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """See ProvesRows."""
        with doing(f"fetching example rows of {table}"):
            return await self._rows(table).examples(proof, hashes)

    def _rows(self, table: TableName) -> RowsOf:
        return RowsOf(self._dialect, self._session, table)
