"""Reads rows through one session: every value as the interchange text that the database itself prints."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.base import ComparesKeys, RowReader
from connectors.canonical import row_hashes
from connectors.contract import (
    AnyRange,
    DigestMethod,
    KeyBuckets,
    Selection,
)
from connectors.key_spans import BucketDigests
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.row_hashes import count_hashes, digest_rows, find_rows
from connectors.sql.session import SqlSession
from core.errors import Defect
from core.ranges import WholeTable
from core.schema import Digest
from core.stopwatch import in_thread

if TYPE_CHECKING:
    import pyarrow as pa


class SqlReader(RowReader, ComparesKeys):
    """One read session, within a read-only transaction that the connector began.

    Hooks: `relation` and `conditions` for what a query reads from, `read_native` for a bulk format.
    """

    def __init__(self, dialect: SqlDialect, session: SqlSession) -> None:
        self.dialect = dialect
        self.session = session

    def relation(self, selection: Selection) -> str:
        """What stands after FROM."""
        return self.dialect.qualified(selection.table.name)

    def conditions(self, selection: Selection, rows: AnyRange) -> list[str]:
        """What stands after WHERE, joined by AND."""
        return [*query.range_conditions(self.dialect, rows), *query.row_conditions(self.dialect, selection)]

    async def read_arrow(
        self, selection: Selection, rows: AnyRange, sink: Callable[[pa.RecordBatch], Awaitable[None]]
    ) -> None:
        """See RowReader."""
        columns = query.selected_columns(selection)
        source, conditions = self.relation(selection), self.conditions(selection, rows)
        with doing(f"reading {selection.table.name}"):
            async with aclosing(self.session.rows(self.dialect, columns, source, conditions)) as parts:
                async for part in parts:
                    await sink(part)

    async def read_native(self, selection: Selection, rows: AnyRange, sink: Callable[[bytes], Awaitable[None]]) -> int:
        """Nothing but Arrow, unless a subclass has a bulk format."""
        raise Defect(f"{self.dialect.name} was asked for rows in the format {selection.native_format or 'native'}")

    async def digest(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> Digest:
        """By the server where the session can, else over the rows that it sends."""
        with doing(f"computing the digest of {selection.table.name}"):
            source = self.relation(selection) + query.where(self.conditions(selection, rows))
            computed = await self.session.digest(source, proof)
            if computed is not None:
                return computed
            async with aclosing(self._proved_rows(selection, rows, proof)) as parts:
                return await digest_rows(parts, proof)

    async def row_hashes(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> dict[int, int]:
        """See RowReader."""
        with doing(f"hashing rows of {selection.table.name}"):
            async with aclosing(self._proved_rows(selection, rows, proof)) as parts:
                return await count_hashes(parts, proof)

    async def example_rows(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, hashes: Sequence[int]
    ) -> list[dict[str, Any]]:
        """See RowReader."""
        with doing(f"fetching example rows of {selection.table.name}"):
            async with aclosing(self._proved_rows(selection, rows, proof)) as parts:
                return await find_rows(parts, proof, hashes)

    async def count(self, selection: Selection) -> int:
        """See RowReader."""
        clause = query.where(query.row_conditions(self.dialect, selection))
        with doing(f"counting {selection.table.name}"):
            counted = await self.session.fetch(f"SELECT count(*) FROM {self.relation(selection)}{clause}")
        return int(counted[0][0])

    async def highest(self, selection: Selection, column: str) -> str | None:
        """See RowReader."""
        columns = query.selected_columns(replace(selection, columns=[column]))
        conditions = query.row_conditions(self.dialect, selection)
        source = query.highest_of(self.dialect, column, self.relation(selection), conditions)
        found: list[str | None] = []
        with doing(f"reading the greatest {column} of {selection.table.name}"):
            async with aclosing(self.session.rows(self.dialect, columns, source)) as parts:
                async for part in parts:
                    found += part.column(0).to_pylist()
        return found[0] if found else None

    async def key_ends(self, selection: Selection, key: str) -> tuple[int, int] | None:
        """See ComparesKeys."""
        relation = self.relation(selection) + query.where(self.conditions(selection, WholeTable()))
        ends = []
        with doing(f"reading the ends of {selection.table.name}.{key}"):
            for end in ("min", "max"):
                ((found,),) = await self.session.fetch(f"SELECT {end}({self.dialect.reference(key)}) FROM {relation}")
                ends.append(found)
        low, high = ends
        return (int(low), int(high)) if low is not None else None

    async def bucket_digests(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, buckets: KeyBuckets
    ) -> dict[int | None, Digest]:
        """Over the rows that the server sends."""
        found = BucketDigests(buckets)
        position = [column.name for column in proof.columns].index(buckets.key)
        with doing(f"comparing {selection.table.name}"):
            async with aclosing(self._proved_rows(selection, rows, proof)) as parts:
                async for part in parts:
                    if part.num_rows:
                        found.add(part.column(position), await in_thread(row_hashes, part, proof.columns))
        return found.digests()

    def _proved_rows(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        columns = query.proved_columns(proof)
        return self.session.rows(self.dialect, columns, self.relation(selection), self.conditions(selection, rows))
