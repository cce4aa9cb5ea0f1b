"""Rows that are looked for by their hashes, in threads that overtake each other."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

import pyarrow as pa
import pytest

from connectors import canonical
from connectors.contract import CANONICAL_DIGEST, DigestColumn, DigestMethod
from connectors.sql import row_hashes

COLUMNS = (DigestColumn("id", "text"),)


async def test_the_row_of_a_part_that_is_searched_before_its_predecessor_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = [pa.record_batch({"id": [name]}) for name in ("slow", "quick")]

    def hashed(part: pa.RecordBatch, columns: Sequence[DigestColumn]) -> list[int]:
        time.sleep(0.2 if part is parts[0] else 0)
        return canonical.row_hashes(part, columns)

    async def stream() -> AsyncIterator[pa.RecordBatch]:
        for part in parts:
            yield part

    monkeypatch.setattr(row_hashes, "row_hashes", hashed)
    wanted = [value for part in parts for value in canonical.row_hashes(part, COLUMNS)]
    found = await row_hashes.find_rows(stream(), DigestMethod(CANONICAL_DIGEST, COLUMNS), wanted)
    assert [row["id"] for row in found] == ["slow", "quick"]
