"""Rows out of COPY: which format it speaks, and how its csv becomes Arrow on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import asyncpg

from connectors.arrow_text import CsvReader
from connectors.contract import CSV_INTERCHANGE
from core.stopwatch import in_thread

if TYPE_CHECKING:
    import pyarrow as pa

NATIVE_FORMAT = "postgres-copy"
"""Between two PostgreSQL: COPY's binary format, or its text where bytes of a type mean something else elsewhere."""
PART_BYTES = 2 * 1024 * 1024

Format = Literal["text", "csv", "binary"]


def copy_format(native_format: str, *, as_text: bool) -> tuple[Format, str | None]:
    """COPY's FORMAT and NULL (None: the format's own) for one of the connector's bulk formats; '' is its own."""
    if native_format == CSV_INTERCHANGE:
        return "csv", "NULL"
    return ("text" if as_text else "binary"), None


async def copy_batches(
    connection: asyncpg.Connection[Any],
    query: str,
    parser: CsvReader,
    sink: Callable[[pa.RecordBatch], Awaitable[None]],
    *parameters: Any,
) -> None:
    """Gives the rows of a query in parts. COPY's csv is parsed in a thread, while the server fills the socket."""
    part: list[bytes] = []
    size = 0

    async def flush() -> None:
        nonlocal part, size
        whole, part, size = b"".join(part), [], 0
        for batch in await in_thread(parser.parse, whole):
            await sink(batch)

    async def collect(piece: bytes) -> None:
        nonlocal size
        part.append(bytes(piece))
        size += len(piece)
        if size >= PART_BYTES:
            await flush()

    await connection.copy_from_query(query, *parameters, output=collect, format="csv")
    if part:
        await flush()
