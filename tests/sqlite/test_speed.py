"""200,000 rows against the fastest that Python's sqlite3 does by itself: fetchall() and executemany().

Compared is the time of the processor, which other work on the machine disturbs least; both sides run in this process.
The connector's side makes Arrow of the rows as well, judges storage classes, and writes the ledger.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pyarrow as pa
import pytest

from connectors.base import Selection
from connectors.contract import WrittenColumn
from core.schema import Digest, WholeTable
from tests.sqlite.conftest import Arriving, Database

ROWS = 200_000
MOST_TIMES = 3.0
DECLARED = "id INTEGER PRIMARY KEY, name TEXT, note TEXT, price REAL, amount INTEGER, data BLOB, at TEXT"


async def test_rows_move_within_three_times_of_the_modules_own_time(
    new_file: Callable[[str], Database], capsys: pytest.CaptureFixture[str]
) -> None:
    source = new_file("source")
    source.run(f"CREATE TABLE t ({DECLARED})")
    numbers = random.Random(3)
    source.insert(
        "t",
        [
            (
                number,
                f'name "{number}", é',
                None if number % 3 else "note " * numbers.randint(1, 8),
                numbers.random(),
                numbers.randint(-(10**12), 10**12),
                numbers.randbytes(16),
                f"2024-01-{number % 28 + 1:02d} 10:11:12.{number:06d}",
            )
            for number in range(ROWS)
        ],
    )
    schema = await source.describe("t")
    selection = Selection(schema, [column.name for column in schema.columns], interchange=True)
    taken: dict[str, list[float]] = {"read": [], "fetchall": [], "load": [], "executemany": []}
    for attempt in range(2):
        parts: list[pa.RecordBatch] = []

        async def keep(batch: pa.RecordBatch, kept: list[pa.RecordBatch] = parts) -> None:
            kept.append(batch)

        started = time.process_time()
        async with source.connector().reading(None) as reader:
            await reader.read_arrow(selection, WholeTable(), keep)
        taken["read"].append(time.process_time() - started)

        started = time.process_time()
        rows = source.rows("SELECT * FROM t")
        taken["fetchall"].append(time.process_time() - started)

        arriving = Arriving(new_file(f"destination{attempt}"), {})
        arriving.database.run(f"CREATE TABLE t ({DECLARED})")
        for column in schema.columns:
            arriving.columns[column.name] = column.value
            arriving.written.append(WrittenColumn(column.name, column.value, column.type))
        await arriving.database.connector().prepare_ledger()
        begun = await arriving.begin()
        started = time.process_time()
        await arriving.load_parts(begun.load, 0, Digest(rows=ROWS), parts)
        taken["load"].append(time.process_time() - started)

        own = new_file(f"own{attempt}")
        own.run(f"CREATE TABLE t ({DECLARED})")
        with closing(sqlite3.connect(own.path)) as connection:
            started = time.process_time()
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.commit()
            taken["executemany"].append(time.process_time() - started)
    least = {name: min(seconds) for name, seconds in taken.items()}
    with capsys.disabled():
        print(
            f"\nSQLITE {ROWS} rows: read {least['read']:.2f} s (fetchall {least['fetchall']:.2f} s), "
            f"load {least['load']:.2f} s (executemany {least['executemany']:.2f} s)"
        )
    assert least["read"] <= MOST_TIMES * least["fetchall"]
    assert least["load"] <= MOST_TIMES * least["executemany"]
