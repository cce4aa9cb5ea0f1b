"""What committed rows of a destination table are: digests of the table, of one load, of each batch."""

from __future__ import annotations

from typing import Any

import asyncpg

from connectors.base import BatchDifference, DigestMethod, LoadRef
from connectors.postgres.errors import translated
from connectors.postgres.hashing import aggregate, row_hash
from connectors.postgres.ledger import Ledger
from connectors.postgres.own_rows import own_rows
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
            return _digest(await self._connection.fetchrow(f"SELECT {aggregate(proof)} FROM {rows}"))

    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """Digest of just the rows that one load wrote."""
        with translated(f"computing the digest of load {load.load} of {table}"):
            rows = await own_rows(self._connection, table)
            return _digest(
                await self._connection.fetchrow(
                    f"SELECT {aggregate(proof)} FROM {rows} WHERE xmin IN ({self._ledger.transactions()})",
                    load.job_id,
                    load.table_id,
                    load.load,
                )
            )

    async def differing_batches(self, table: TableName, proof: DigestMethod, load: LoadRef) -> list[BatchDifference]:
        """Batches whose rows are not as recorded, rows of no batch last."""
        with translated(f"comparing the batches of {table}"):
            rows = await own_rows(self._connection, table)
            records = await self._connection.fetch(
                "WITH batches AS (SELECT number, rows, digest, transaction_id::xid AS transaction "
                f"FROM {self._ledger.sql} WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number >= 0), "
                f"found AS (SELECT batches.number, count(*) AS rows, sum(hash) AS digest FROM "
                f"(SELECT xmin AS transaction, {row_hash(proof)} AS hash FROM {rows}) AS hashed "
                "LEFT JOIN batches USING (transaction) GROUP BY batches.number) "
                "SELECT coalesce(batches.number, found.number) AS number, batches.rows, batches.digest, "
                "found.rows AS found_rows, found.digest AS found_digest "
                "FROM batches FULL JOIN found ON batches.number = found.number ORDER BY 1 NULLS LAST",
                load.job_id,
                load.table_id,
                load.load,
            )
        differences = [
            BatchDifference(
                number=record["number"],
                expected=_digest((record["rows"] or 0, record["digest"] or 0)),
                found=_digest((record["found_rows"] or 0, record["found_digest"] or 0)),
            )
            for record in records
        ]
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
            found = await self._connection.fetch(
                f"SELECT {row_hash(proof)} AS hash, count(*) FROM {rows} WHERE {condition} GROUP BY 1",
                load.job_id,
                load.table_id,
                load.load,
            )
        return {record[0]: record[1] for record in found}


def _digest(record: Any) -> Digest:
    return Digest(rows=record[0], total=str(int(record[1]) % 2**64))
