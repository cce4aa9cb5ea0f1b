"""What incremental runs need of a source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.base import ReadsRows, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import read_rows
from connectors.conformance.harness import Harness
from connectors.conformance.reading import describe
from connectors.contract import Selection, WatermarkRange

MARKS = {
    "int64": ["-7", "1000", "9007199254740993"],
    "date": ["1999-12-31", "2024-02-29", "2024-03-01"],
    "timestamp_0": ["1999-12-31 23:59:59", "2024-02-29 00:00:00", "2024-02-29 00:00:01"],
    "timestamp": ["1999-12-31 23:59:59.999999", "2024-02-29 00:00:00", "2024-02-29 00:00:00.000001"],
    "timestamp_tz": ["1999-12-31 23:59:59.999999+00", "2024-02-29 00:00:00+00", "2024-02-29 00:00:00.000001+00"],
}
"""By sample: three values, growing."""


class Passes:
    """Incremental reading"""

    @needs("reads", "watermarks")
    async def test_watermarks(self, harness: Harness, mark: str) -> None:
        """The greatest value of a column is found, and the rows past one value and up to another, those of NULL where
        they are asked for."""
        if harness.capabilities().loosely_typed and mark != "int64":
            pytest.skip("moments compare as the text they were written in")
        await _read_passes(harness, mark, MARKS[mark])


async def _read_passes(harness: Harness, sample: str, marks: list[str]) -> None:
    name = harness.new_name()
    columns = [harness.column("id", "int64", nullable=False), harness.column("mark", sample)]
    rows: list[list[str | None]] = [[str(number), mark] for number, mark in enumerate([*marks, None])]
    harness.create_table(name, columns, rows, key=["id"])
    reader, table = capability(harness.connector(), ReadsRows), await describe(harness, name)
    whole = Selection(table, ["id"], interchange=True)

    async def rows_of(after: str | None, through: str | None, *, nulls: bool) -> list[int]:
        wanted = WatermarkRange("mark", after, through, nulls)
        found = await read_rows(reader, table, ["id"], watermark=wanted)
        async with reader.reading(None) as session:
            assert await session.count(replace(whole, watermark=wanted)) == len(found)
        return sorted(int(row[0] or "") for row in found)

    async with reader.reading(None) as session:
        highest = await session.highest(whole, "mark")
        assert highest == marks[2], sample
        assert await session.highest(replace(whole, where=harness.one_of("id", [0, 1])), "mark") == marks[1]
        assert await session.highest(replace(whole, where=harness.one_of("id", [3, 9])), "mark") is None
    assert await rows_of(None, highest, nulls=True) == [0, 1, 2, 3], sample
    assert await rows_of(None, None, nulls=True) == [3], sample
    assert await rows_of(None, highest, nulls=False) == [0, 1, 2], sample
    assert await rows_of(marks[0], marks[1], nulls=False) == [1], sample
    assert await rows_of(marks[0], highest, nulls=False) == [1, 2], sample
    assert await rows_of(highest, highest, nulls=False) == [], sample
