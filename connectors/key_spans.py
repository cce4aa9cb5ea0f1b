"""Spans of an integer key in SQL, and digests of rows by pieces of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.contract import KeyBuckets
from core.key_spans import KeySpans
from core.schema import Digest

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LISTED = 1000
"""Expressions in one IN list (Oracle refuses more: ORA-01795)."""


def spans_condition(key: str, rows: KeySpans) -> str:
    """SQL that is true for the rows; `key` is the quoted column. Single keys are listed, so that an index finds them
    all in one go."""
    single = [str(low) for low, high in rows.spans if high - low == 1]
    lists = [single[start : start + MOST_LISTED] for start in range(0, len(single), MOST_LISTED)]
    conditions = [f"{key} IN ({', '.join(listed)})" for listed in lists]
    conditions += [f"({key} >= {low} AND {key} < {high})" for low, high in rows.spans if high - low != 1]
    conditions += [f"{key} IS NULL"] if rows.nulls else []
    return f"({' OR '.join(conditions) or '1 = 0'})"


class BucketDigests:
    """Adds up hashed rows by bucket."""

    def __init__(self, buckets: KeyBuckets) -> None:
        self._buckets = buckets
        self._rows: dict[int | None, int] = {}
        self._totals: dict[int | None, int] = {}

    def add(self, keys: pa.Array, hashes: Sequence[int]) -> None:
        """`keys`: the key's interchange text, row by row as `hashes`."""
        origin, width = self._buckets.origin, self._buckets.width
        for key, row_hash in zip(keys.to_pylist(), hashes, strict=True):
            bucket = None if key is None else (int(key) - origin) // width
            self._rows[bucket] = self._rows.get(bucket, 0) + 1
            self._totals[bucket] = self._totals.get(bucket, 0) + row_hash

    def digests(self) -> dict[int | None, Digest]:
        """Of all rows so far."""
        return {
            bucket: Digest(rows=rows, total=str(self._totals[bucket] % 2**64)) for bucket, rows in self._rows.items()
        }
