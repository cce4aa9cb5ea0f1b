"""What rows are that a table does not take: their values as text, and their digest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg

from connectors.arrow_text import CsvReader, batch_to_csv
from connectors.contract import CSV_INTERCHANGE, DigestMethod, LoadTarget, WholeBatch
from connectors.held_rows import ArrowRows, Span
from connectors.postgres.copying import Format
from connectors.postgres.hashing import RECORD_HASH, readable
from connectors.postgres.row_cutting import cut
from connectors.postgres.row_digests import digest_rows
from connectors.postgres.sql import identifier, qualified
from core.schema import Digest
from core.stopwatch import in_thread

if TYPE_CHECKING:
    import pyarrow as pa

REFUSED = "sterna_refused"
POSITION = "sterna_position"
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# A domain's own checks are the table's to judge.
BASE_TYPES = """
WITH RECURSIVE based AS (
  SELECT attname, atttypid AS type, atttypmod AS modifier FROM pg_attribute
  WHERE attrelid = to_regclass($1) AND attname = ANY($2::text[])
  UNION ALL
  SELECT attname, typbasetype, typtypmod FROM based JOIN pg_type ON pg_type.oid = type AND typtype = 'd'
)
SELECT attname, format_type(type, modifier) FROM based JOIN pg_type ON pg_type.oid = type AND typtype <> 'd'
"""

Values = list[dict[str, str | None]]


async def refused_values(
    connection: asyncpg.Connection[Any],
    target: LoadTarget,
    batch: WholeBatch,
    spans: Sequence[Span],
    spoken: Format,
    proof: DigestMethod,
    *,
    digests: bool,
) -> tuple[Values, Digest | None]:
    """The rows of the spans as column → text, and their digest where only the server can compute it."""
    if not spans:
        return [], None
    if batch.arrow is not None:
        if digests and proof.algorithm == RECORD_HASH:
            piece = b"".join([batch_to_csv(part) for part in ArrowRows(batch.arrow).parts(spans)])
            return await _seen_by_server(connection, target, piece, "csv", proof, digests=digests)
        rows = [row for first, last in spans for row in batch.arrow.slice(first, last - first).to_pylist()]
        return rows, None
    assert batch.native is not None
    piece = b"".join((await in_thread(cut, batch.native, spoken)).parts(spans))
    if target.native_format == CSV_INTERCHANGE:
        reader = CsvReader(target.columns, [""] * len(target.columns), null="NULL")
        return [row for part in reader.parse(piece) for row in part.to_pylist()], None
    if spoken == "text" and proof.algorithm != RECORD_HASH:
        return [_text_row(line, target.columns) for line in piece.split(b"\n")[:-1]], None
    return await _seen_by_server(connection, target, piece, spoken, proof, digests=digests)


async def digest_text(
    connection: asyncpg.Connection[Any], target: LoadTarget, rows: pa.Table, proof: DigestMethod
) -> Digest:
    """Digest of rows in text form, as the server computes it of its own."""
    piece = b"".join([batch_to_csv(part) for part in rows.to_batches()])
    async with connection.transaction():
        return (await _seen_by_server(connection, target, piece, "csv", proof, digests=True))[1]


async def _seen_by_server(
    connection: asyncpg.Connection[Any],
    target: LoadTarget,
    piece: bytes,
    spoken: Format,
    proof: DigestMethod,
    *,
    digests: bool,
) -> tuple[Values, Digest]:
    """By way of a temporary table without constraints that ends with the transaction."""
    types = dict(await connection.fetch(BASE_TYPES, qualified(target.table), list(target.columns)))
    columns = ", ".join(f"{identifier(name)} {types[name]}" for name in target.columns)
    await connection.execute(
        f"CREATE TEMPORARY TABLE {REFUSED} ({columns}, {POSITION} bigint GENERATED ALWAYS AS IDENTITY) ON COMMIT DROP"
    )

    async def source() -> AsyncIterator[bytes]:
        yield piece

    await connection.copy_to_table(REFUSED, columns=list(target.columns), source=source(), format=spoken)
    texts = ", ".join(f"{readable(column)} AS {identifier(column.name)}" for column in proof.columns)
    found = await connection.fetch(f"SELECT {texts} FROM pg_temp.{REFUSED} ORDER BY {POSITION}")
    digest = Digest(rows=len(found))
    if digests:
        digest = await digest_rows(connection, proof, f"FROM pg_temp.{REFUSED}")
    return [dict(record) for record in found], digest


def _text_row(line: bytes, columns: Sequence[str]) -> dict[str, str | None]:
    fields = line.decode().split("\t")
    return {name: unescaped(field) for name, field in zip(columns, fields, strict=True)}


def unescaped(field: str) -> str | None:
    """The value of a field of COPY's text format."""
    if field == "\\N":
        return None
    first, *rest = field.split("\\")
    pieces, literal = [first], False
    for piece in rest:
        if literal:
            pieces.append(piece)
            literal = False
        elif piece == "":
            pieces.append("\\")
            literal = True
        else:
            pieces.append(ESCAPES.get(piece[0], piece[0]) + piece[1:])
    return "".join(pieces)
