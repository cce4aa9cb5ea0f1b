"""What committed rows of a destination table are: digests of the table, of one load, of each batch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from connectors.contract import BatchDifference, DigestMethod, LoadRef
from connectors.postgres.errors import translated
from connectors.postgres.ledger import Ledger
from connectors.postgres.own_rows import own_rows
from connectors.postgres.row_digests import (
    count_hashes,
    digest_groups,
    digest_of,
    digest_rows,
    find_examples,
    hash_parts,
)
from core.schema import Digest, TableName


class PostgresProof:
    """Reads through one session of its own, never the one that loaded.

    Rows belong to the batch whose transaction wrote them: their xmin is the ledger row's transaction. Rows that
    something else wrote or changed since belong to no batch.
    """

    def __init__(self, connection: asyncpg.Connection[Any], ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger

    async def digest_table(self, table: TableName, proof: DigestMethod) -> Digest:
        """Digest of all rows."""
        with translated(f"computing the digest of {table}"):
            rows = await own_rows(self._connection, table)
            return await digest_rows(self._connection, proof, f"FROM {rows}")

    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """Digest of just the rows that one load wrote."""
        with translated(f"computing the digest of load {load.load} of {table}"):
            rows = await own_rows(self._connection, table)
            written = f"FROM {rows} WHERE xmin IN ({self._ledger.transactions()})"
            return await digest_rows(self._connection, proof, written, load.job_id, load.table_id, load.load)

    async def differing_batches(self, table: TableName, proof: DigestMethod, load: LoadRef) -> list[BatchDifference]:
        """Batches whose rows are not as recorded, rows of no batch last."""
        batches = (
            "SELECT number AS sterna_number, transaction_id::xid AS sterna_transaction, rows AS sterna_rows, "
            f"digest AS sterna_digest FROM {self._ledger.sql} "
            "WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number >= 0"
        )
        named = (load.job_id, load.table_id, load.load)
        with translated(f"comparing the batches of {table}"):
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                rows = await own_rows(self._connection, table)
                recorded = await self._connection.fetch(f"{batches} ORDER BY 1", *named)
                joined = (
                    f"FROM {rows} AS sterna_table LEFT JOIN ({batches}) AS sterna_batches "
                    "ON sterna_transaction = sterna_table.xmin"
                )
                found = await digest_groups(self._connection, proof, joined, "coalesce(sterna_number, -1)", *named)
        expected = {record[0]: digest_of(record[2:]) for record in recorded}
        differences = [
            BatchDifference(number=number, expected=digest, found=found.get(str(number), Digest()))
            for number, digest in expected.items()
        ]
        differences.append(BatchDifference(number=None, expected=Digest(), found=found.get("-1", Digest())))
        return [difference for difference in differences if difference.expected != difference.found]

    async def batch_hashes(
        self, table: TableName, proof: DigestMethod, load: LoadRef, number: int | None
    ) -> dict[int, int]:
        """How often each row hash occurs among the rows of one batch, or of no batch."""
        transactions = self._ledger.transactions()
        condition = (
            f"xmin NOT IN ({transactions})" if number is None else f"xmin IN ({transactions} AND number = {number})"
        )
        with translated(f"hashing rows of {table}"):
            rows = await own_rows(self._connection, table)
            written = f"FROM {rows} WHERE {condition}"
            return await count_hashes(self._connection, proof, written, load.job_id, load.table_id, load.load)

    async def table_hashes(self, table: TableName, proof: DigestMethod) -> AsyncIterator[Sequence[int]]:
        """The hash of every row, in parts and in no order."""
        with translated(f"hashing rows of {table}"):
            rows = await own_rows(self._connection, table)
            async for part in hash_parts(self._connection, proof, f"FROM {rows}"):
                yield part

    async def example_rows(self, table: TableName, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """One row for each hash, as column → text."""
        with translated("fetching example rows"):
            rows = await own_rows(self._connection, table)
            return await find_examples(self._connection, proof, f"FROM {rows}", hashes)
