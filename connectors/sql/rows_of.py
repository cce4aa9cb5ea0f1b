"""The rows of a destination table as they are: counted, hashed, deleted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from connectors.contract import DigestMethod
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.row_hashes import digest_rows, find_rows, hash_rows
from connectors.sql.session import SqlSession
from core.key_spans import KeySpans
from core.schema import Digest, TableName

if TYPE_CHECKING:
    import pyarrow as pa


class RowsOf:
    """One table, in whatever transaction the session is."""

    def __init__(self, dialect: SqlDialect, session: SqlSession, name: TableName) -> None:
        self.name = name
        self._dialect = dialect
        self._session = session
        self._sql = dialect.qualified(name)

    async def count(self) -> int:
        """All rows."""
        return int((await self._session.fetch(f"SELECT count(*) FROM {self._sql}"))[0][0])

    async def digest(self, proof: DigestMethod, conditions: Sequence[str] = ()) -> Digest:
        """Digest of all rows (that meet the conditions), by the server where the session can."""
        computed = await self._session.digest(self._sql + query.where(conditions), proof)
        if computed is not None:
            return computed
        columns = query.proved_columns(proof)
        async with aclosing(self._session.rows(self._dialect, columns, self._sql, conditions)) as parts:
            return await digest_rows(parts, proof)

    async def remove(self, rows: KeySpans, proof: DigestMethod | None) -> Digest:
        """Deletes some rows; their digest, only their number where there is no `proof`. Raises InvalidConfiguration
        as `delete` does."""
        conditions = query.range_conditions(self._dialect, rows)
        clause = query.where(conditions)
        if proof is not None:
            removed = await self.digest(proof, conditions)
        else:
            removed = Digest(rows=int((await self._session.fetch(f"SELECT count(*) FROM {self._sql}{clause}"))[0][0]))
        if removed.rows:
            await self._session.check_deletion(self.name)
            await self._session.execute(f"DELETE FROM {self._sql}{clause}")
        return removed

    async def hashes(self, proof: DigestMethod) -> AsyncGenerator[Sequence[int], None]:
        """The hash of every row, in parts."""
        async with aclosing(self._stream(proof)) as parts, aclosing(hash_rows(parts, proof)) as hashed:
            async for hashes in hashed:
                yield hashes

    async def examples(self, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """Rows with these hashes, as column → text, at most one for each hash."""
        async with aclosing(self._stream(proof)) as parts:
            return await find_rows(parts, proof, hashes)

    async def delete(self) -> None:
        """All rows, by DELETE: TRUNCATE would commit in MySQL and Oracle. Never rows of another table."""
        await self._session.check_deletion(self.name)
        await self._session.execute(f"DELETE FROM {self._sql}")

    def _stream(self, proof: DigestMethod) -> AsyncGenerator[pa.RecordBatch, None]:
        return self._session.rows(self._dialect, query.proved_columns(proof), self._sql)
