"""The canonical digest of rows that stream out of a database, in threads and bounded memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.canonical import digest_batch, row_hashes
from connectors.contract import DigestMethod
from core.schema import Digest
from core.stopwatch import in_thread

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
Parts = AsyncIterator["pa.RecordBatch"]


async def digest_rows(parts: Parts, proof: DigestMethod) -> Digest:
    """Digest of all rows."""
    total = Digest()
    async with aclosing(_each(parts, partial(digest_batch, columns=proof.columns))) as digests:
        async for digest in digests:
            total += digest
    return total


async def hash_rows(parts: Parts, proof: DigestMethod) -> AsyncGenerator[list[int], None]:
    """The hash of every row, in parts."""
    async with aclosing(_each(parts, partial(row_hashes, columns=proof.columns))) as hashed:
        async for hashes in hashed:
            yield hashes


async def count_hashes(parts: Parts, proof: DigestMethod) -> dict[int, int]:
    """How often each row hash occurs."""
    counted: Counter[int] = Counter()
    async for hashes in hash_rows(parts, proof):
        counted.update(hashes)
    return dict(counted)


async def find_rows(parts: Parts, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each of the hashes that occurs, as column → text."""
    missing = set(hashes)
    wanted = len(missing)
    found: list[dict[str, Any]] = []

    def search(part: pa.RecordBatch) -> list[dict[str, Any]]:
        rows = []
        for position, row_hash in enumerate(row_hashes(part, proof.columns)):
            if row_hash in missing:
                missing.discard(row_hash)
                rows += part.slice(position, 1).to_pylist()
        return rows

    async with aclosing(_each(parts, search)) as searched:
        async for rows in searched:
            found += rows
            if len(found) == wanted:  # not `missing`: the thread of a later part empties it before its rows are here
                break
    return found


async def _each(parts: Parts, work: Callable[[pa.RecordBatch], T]) -> AsyncGenerator[T, None]:
    """The work on each part, in a thread while the next part is read."""
    waiting: asyncio.Task[T] | None = None
    try:
        async for part in parts:
            if part.num_rows == 0:
                continue
            done, waiting = waiting, asyncio.create_task(in_thread(work, part))
            if done is not None:
                yield await done
        if waiting is not None:
            done, waiting = waiting, None
            yield await done
    finally:
        if waiting is not None:
            await asyncio.wait([waiting])
