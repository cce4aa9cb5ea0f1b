"""The canonical digest over Arrow: what `CANONICAL_DIGEST` names, for rows that have left their database.

A row's canonical text is, for each column, the length of its value in UTF-8 bytes, `:` and the value, or `~` for NULL.
Its hash is the integer of the last 15 hexadecimal digits (60 bits) of the text's md5. Any database that has md5 can
compute the same over its own rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import DigestColumn
from connectors.json_text import canonical_json
from core.errors import DataRejected, Defect
from core.schema import Digest

HEX_PAIRS = np.frombuffer(bytes(range(256)).hex().encode(), dtype=np.uint16)
IEEE: dict[str, tuple[pa.DataType, np.dtype[Any], int]] = {
    "float32": (pa.float32(), np.dtype(np.uint32), 0x7FC00000),
    "float64": (pa.float64(), np.dtype(np.uint64), 0x7FF8000000000000),
}
"""By form: the number, its bits, and the bits of PostgreSQL's NaN (get_float4_nan, get_float8_nan)."""

SCIENTIFIC = "[eE]|^[-+]?\\.|^\\+"
"""Spellings of a number that are not PostgreSQL's: an exponent, no digit before the point, a plus sign."""

# A number in any spelling, written out: sign, digits and where the point belongs.
WRITTEN_OUT = """
WITH split AS (
    SELECT position, lower(value) AS number FROM texts WHERE value IS NOT NULL
), parts AS (
    SELECT position,
           CASE WHEN starts_with(number, '-') THEN '-' ELSE '' END AS sign,
           ltrim(split_part(number, 'e', 1), '+-') AS mantissa,
           CASE WHEN contains(number, 'e') THEN split_part(number, 'e', 2)::BIGINT ELSE 0 END AS exponent
    FROM split
), digits AS (
    SELECT position, sign, replace(mantissa, '.', '') AS digits,
           strlen(split_part(mantissa, '.', 1)) + exponent AS point
    FROM parts
), shifted AS (
    SELECT position, sign,
           CASE WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits
                WHEN point >= strlen(digits) THEN digits || repeat('0', point - strlen(digits))
                ELSE left(digits, point) || '.' || substr(digits, point + 1) END AS number
    FROM digits
)
SELECT sign || regexp_replace(number, '^0+([0-9])', '\\1') AS value
FROM texts LEFT JOIN shifted USING (position) ORDER BY position
"""


def digest_batch(batch: pa.RecordBatch, columns: Sequence[DigestColumn]) -> Digest:
    """Digest of the batch's rows over `columns`, found by name, in their order.

    Every column holds utf8 text in its database's exact form. CPU-bound; other threads run meanwhile. Raises
    DataRejected where a number's column holds text that is no number.
    """
    if batch.num_rows == 0:
        return Digest()
    with _hashed(batch, columns) as (session, row_hash):
        found = session.execute(f"SELECT count(*), sum({row_hash}) FROM texts").fetchone()
    assert found is not None
    return Digest(rows=found[0], total=str(int(found[1]) % 2**64))


def row_hashes(batch: pa.RecordBatch, columns: Sequence[DigestColumn]) -> list[int]:
    """The hash of each row, in the rows' order. Otherwise as `digest_batch`."""
    if batch.num_rows == 0:
        return []
    with _hashed(batch, columns) as (session, row_hash):
        return [hash_ for (hash_,) in session.execute(f"SELECT {row_hash} FROM texts ORDER BY position").fetchall()]


@contextmanager
def _hashed(batch: pa.RecordBatch, columns: Sequence[DigestColumn]) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A session with the batch as `texts`, and the SQL of a row's hash there."""
    names = [f"c{position}" for position in range(len(columns))]
    values = [canonical_text(batch.column(column.name), column) for column in columns]
    texts = pa.table([*values, np.arange(batch.num_rows)], names=[*names, "position"])
    # concat() passes over NULL, so a missing value leaves just its mark
    pieces = ", ".join(f"coalesce(strlen({name})::VARCHAR || ':', '~'), {name}" for name in names)
    with _engine().cursor() as session:
        session.register("texts", texts)
        yield session, f"('0x' || substr(md5(concat({pieces})), 18, 15))::BIGINT"


def canonical_text(text: pa.Array, column: DigestColumn) -> pa.Array:
    """The values as the digest sees them. Raises DataRejected; Defect for a form that only a server computes."""
    if column.form in ("text", "output"):
        return text
    if column.form == "json":
        return _documents(text, column)
    if column.form not in ("decimal", *IEEE):
        raise Defect(f"the digest form {column.form} of column {column.name} cannot be computed outside a database")
    try:
        return _decimals(text) if column.form == "decimal" else _float_bits(text, column.form)
    except (pa.ArrowInvalid, duckdb.Error):
        raise DataRejected(
            f"column {column.name} is a number at the destination and holds text that is no number"
        ) from None


def _documents(text: pa.Array, column: DigestColumn) -> pa.Array:
    """Per value: JSON is the one form that no vectorised function knows."""
    try:
        return pa.array([None if value is None else canonical_json(value) for value in text.to_pylist()], text.type)
    except ValueError:
        raise DataRejected(f"column {column.name} holds JSON documents and text that is none") from None


def _decimals(text: pa.Array) -> pa.Array:
    """As trim_scale() prints: no zeros at the end of a fraction, no negative zero, no exponent."""
    foreign = pc.match_substring_regex(text, SCIENTIFIC)
    if pc.any(foreign).as_py():
        text = pc.if_else(foreign, _written_out(pc.if_else(foreign, text, None)), text)
    trimmed = pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")
    trimmed = pc.if_else(pc.match_substring(text, "."), trimmed, text)
    return pc.if_else(pc.equal(trimmed, "-0"), "0", trimmed)


def _written_out(text: pa.Array) -> Any:
    with _engine().cursor() as session:
        session.register("texts", pa.table({"position": np.arange(len(text)), "value": text}))
        written = session.sql(WRITTEN_OUT).to_arrow_table().column("value")
    return pc.cast(written, text.type).combine_chunks()


def _float_bits(text: pa.Array, form: str) -> pa.Array:
    """The hexadecimal digits of the big-endian IEEE bits, as float4send and float8send give them."""
    number, unsigned, not_a_number = IEEE[form]
    numbers: np.ndarray[Any, Any] = pc.fill_null(pc.cast(text, number), 0).to_numpy(zero_copy_only=False)
    bits: np.ndarray[Any, Any] = np.where(np.isnan(numbers), unsigned.type(not_a_number), numbers.view(unsigned))
    digits = HEX_PAIRS[bits.astype(unsigned.newbyteorder(">")).view(np.uint8)]
    offsets = np.arange(len(text) + 1, dtype=np.int64) * (2 * unsigned.itemsize)
    hexadecimal = pa.LargeStringArray.from_buffers(len(text), pa.py_buffer(offsets), pa.py_buffer(digits))
    return pc.if_else(pc.is_valid(text), hexadecimal, None)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One engine for the process, because opening one takes as long as hashing 10,000 rows; every use is a cursor,
    whose tables no other cursor sees. One thread: the calling one."""
    return duckdb.connect(":memory:", config={"threads": 1, "temp_directory": "", "python_enable_replacements": False})
