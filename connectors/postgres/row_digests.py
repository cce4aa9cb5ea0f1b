"""Digests and hashes of the rows behind a FROM clause: by the server, or outside where SQL cannot compute them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import pyarrow as pa

from connectors import canonical
from connectors.arrow_text import CsvReader
from connectors.contract import DigestMethod
from connectors.postgres.copying import copy_batches
from connectors.postgres.hashing import aggregate, in_server, readable, row_hash
from connectors.postgres.session import scan
from connectors.postgres.sql import identifier
from core.schema import Digest
from core.stopwatch import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HASH = "sterna_row_hash"  # beside columns that may well be called hash
ROWS_PER_PART = 20_000


async def digest_rows(
    connection: asyncpg.Connection[Any], proof: DigestMethod, from_clause: str, *parameters: Any
) -> Digest:
    """Number of rows and sum of their hashes."""
    if in_server(proof):
        return digest_of(await scan(connection, f"SELECT {aggregate(proof)} {from_clause}", *parameters))
    total = Digest()

    async def add(batch: pa.RecordBatch) -> None:
        nonlocal total
        total += await in_thread(canonical.digest_batch, batch, proof.columns)

    await _stream(connection, proof, from_clause, add, *parameters)
    return total


async def count_hashes(
    connection: asyncpg.Connection[Any], proof: DigestMethod, from_clause: str, *parameters: Any
) -> dict[int, int]:
    """How often each row hash occurs."""
    if in_server(proof):
        query = f"SELECT {row_hash(proof)} AS hash, count(*) {from_clause} GROUP BY 1"
        return {record[0]: record[1] for record in await connection.fetch(query, *parameters)}
    counted: Counter[int] = Counter()

    async def add(batch: pa.RecordBatch) -> None:
        counted.update(await in_thread(canonical.row_hashes, batch, proof.columns))

    await _stream(connection, proof, from_clause, add, *parameters)
    return dict(counted)


async def find_examples(
    connection: asyncpg.Connection[Any], proof: DigestMethod, from_clause: str, hashes: Sequence[int]
) -> list[dict[str, Any]]:
    """One row for each hash, as column → text."""
    if in_server(proof):
        columns = ", ".join(f"{readable(column)} AS {identifier(column.name)}" for column in proof.columns)
        found = await connection.fetch(
            f"SELECT DISTINCT ON ({HASH}) * FROM "
            f"(SELECT {row_hash(proof)} AS {HASH}, {columns} {from_clause}) AS hashed "
            f"WHERE {HASH} = ANY($1::bigint[])",
            list(hashes),
        )
        return [{name: value for name, value in record.items() if name != HASH} for record in found]
    examples: dict[int, dict[str, Any]] = {}

    async def look(batch: pa.RecordBatch) -> None:
        for position, row in enumerate(await in_thread(canonical.row_hashes, batch, proof.columns)):
            if row in wanted and row not in examples:
                examples[row] = batch.slice(position, 1).to_pylist()[0]

    wanted = set(hashes)
    await _stream(connection, proof, from_clause, look)
    return list(examples.values())


async def digest_groups(
    connection: asyncpg.Connection[Any], proof: DigestMethod, from_clause: str, group: str, *parameters: Any
) -> dict[str, Digest]:
    """Digests of the rows by the text of `group`, an expression that is never NULL."""
    if in_server(proof):
        query = f"SELECT ({group})::text, {aggregate(proof)} {from_clause} GROUP BY 1"
        return {record[0]: digest_of(record[1:]) for record in await connection.fetch(query, *parameters)}
    digests: dict[str, Digest] = {}

    async def add(batch: pa.RecordBatch) -> None:
        hashes = await in_thread(canonical.row_hashes, batch, proof.columns)
        for name, row in zip(batch.column(batch.num_columns - 1).to_pylist(), hashes, strict=True):
            digests[name] = digests.get(name, Digest()) + Digest(rows=1, total=str(row))

    await _stream(connection, proof, from_clause, add, *parameters, group=group)
    return digests


async def hash_parts(
    connection: asyncpg.Connection[Any], proof: DigestMethod, from_clause: str
) -> AsyncIterator[Sequence[int]]:
    """The hash of every row, in parts and in no order."""
    columns = row_hash(proof) if in_server(proof) else ", ".join(map(readable, proof.columns))
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(f"SELECT {columns} {from_clause}")
        while records := await cursor.fetch(ROWS_PER_PART):
            if in_server(proof):
                yield [record[0] for record in records]
                continue
            texts = [pa.array([record[at] for record in records], pa.string()) for at in range(len(proof.columns))]
            batch = pa.RecordBatch.from_arrays(texts, names=[column.name for column in proof.columns])
            yield await in_thread(canonical.row_hashes, batch, proof.columns)


def digest_of(record: Any) -> Digest:
    """From a row of what `hashing.aggregate` selects."""
    return Digest(rows=record[0], total=str(int(record[1]) % 2**64))


async def _stream(
    connection: asyncpg.Connection[Any],
    proof: DigestMethod,
    from_clause: str,
    sink: Callable[[pa.RecordBatch], Awaitable[None]],
    *parameters: Any,
    group: str | None = None,
) -> None:
    """The rows' interchange text, with the text of `group` as last column."""
    names = [*(column.name for column in proof.columns), *([HASH] if group is not None else [])]
    columns = [*map(readable, proof.columns), *([f"({group})::text"] if group is not None else [])]
    parser = CsvReader(names, ["text"] * len(names))
    await copy_batches(connection, f"SELECT {', '.join(columns)} {from_clause}", parser, sink, *parameters)
