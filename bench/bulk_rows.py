"""The rows that `bench.bulk_tools` moves: the same for every database, as a csv file, as Arrow and as bulk bytes."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from activities.resources.survey import LARGEST_BATCH_BYTES
from connectors.arrow_text import text_schema
from connectors.conformance.copying import Row, Sent
from core.value_type import ValueType

COLUMNS = (
    Sent("id", ValueType(kind="integer"), nullable=False),
    Sent("customer", ValueType(kind="integer", bits=32), nullable=False),
    Sent("quantity", ValueType(kind="integer", bits=32)),
    Sent("price", ValueType(kind="decimal", precision=12, scale=2), nullable=False),
    Sent("rate", ValueType(kind="decimal", precision=18, scale=4)),
    Sent("ordered", ValueType(kind="date"), nullable=False),
    Sent("changed", ValueType(kind="timestamp"), nullable=False),
    Sent("status", ValueType(kind="text", length=20), nullable=False),
    Sent("note", ValueType(kind="text", length=400)),
)
KEY = ("id",)
WORDS = ("carefully", "final", "deposits", "sleep", 'the "quick" tern', "über", "pole, to pole", "ironic", "requests")
STATES = ("NEW", "PACKED", "SHIPPED", "RETURNED", "DELIVERED IN PERSON")
FIRST_DAY = datetime(1992, 1, 1)  # noqa: DTZ001  # of columns without a time zone
PART_BYTES = 2 * 1024 * 1024
"""As large as the parts that connectors give."""


def make_rows(count: int) -> list[Row]:
    """Interchange text; the same rows for the same count."""
    chosen = random.Random(count)
    return [_row(number, chosen) for number in range(1, count + 1)]


def _row(number: int, chosen: random.Random) -> Row:
    day = FIRST_DAY + timedelta(days=chosen.randrange(10_000))
    moment = day + timedelta(milliseconds=chosen.randrange(1, 86_400_000))
    return (
        str(number),
        str(chosen.randrange(1, 100_000)),
        None if number % 10 == 0 else str(chosen.randrange(1, 50)),
        f"{chosen.randrange(100_000_000) / 100:.2f}",
        None if number % 7 == 0 else f"{chosen.randrange(1_000_000) / 10_000:.4f}",
        f"{day:%Y-%m-%d}",
        moment.isoformat(sep=" ").rstrip("0") if moment.microsecond else f"{moment:%Y-%m-%d %H:%M:%S}",
        chosen.choice(STATES),
        None if number % 5 == 0 else " ".join(chosen.choices(WORDS, k=chosen.randrange(4, 16))),
    )


def write_csv(rows: Sequence[Row], file: Path) -> None:
    """For the databases' own tools, and just so in the format CSV_INTERCHANGE: NULL is the unquoted word."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerows(["NULL" if text is None else text for text in row] for row in rows)


def parts_of(rows: Sequence[Row]) -> list[pa.RecordBatch]:
    """The rows as a connector would have read them."""
    schema = text_schema([column.name for column in COLUMNS], [column.value.spelled for column in COLUMNS])
    arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
    rows_per_part = max(1, len(rows) * PART_BYTES // whole.nbytes)
    return [whole.slice(start, rows_per_part) for start in range(0, len(rows), rows_per_part)]


def batches_of(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut as the planner cuts a table of that many bytes."""
    size = sum(len(text) for row in rows for text in row if text is not None)
    count = -(-size // LARGEST_BATCH_BYTES)
    width = -(-len(rows) // count)
    return (rows[start : start + width] for start in range(0, len(rows), width))
