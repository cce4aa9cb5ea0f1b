"""Loading and reading are not much slower than the driver's own PUT and COPY INTO of the same rows, and its fetch."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.base import Selection
from core.schema import WholeTable
from tests.snowflake.loading import Loading
from tests.snowflake_server.server import SnowflakeServer

ROWS = 200_000
TYPES = ["NUMBER(19,0)", "VARCHAR(60)", "NUMBER(20,2)", "TIMESTAMP_NTZ(3)", "BOOLEAN"]
PART_ROWS = 20_000
TIMES = 3
ROUNDS = 3
"""The best of these counts, because other work of the machine is no property of either way."""


async def test_200_000_rows_take_at_most_three_times_as_long_as_the_drivers_own_way(
    snowflake: SnowflakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _rows()
    loading = Loading(snowflake, snowflake.new_database(), TYPES)
    await loading.begin()
    ours, own = [], []
    for number in range(ROUNDS):
        ours.append(await _by_the_connector(loading, rows, number))
        own.append(_by_the_driver(loading, rows, tmp_path, f"OWN_{number}"))
    (wrote, fetched), (own_write, own_read) = map(_best, (ours, own))
    with capsys.disabled():
        print(
            f"\nSnowflake, {ROWS} rows: written in {wrote:.2f} s (driver {own_write:.2f} s), "
            f"read in {fetched:.2f} s (driver {own_read:.2f} s)"
        )
    assert wrote <= TIMES * own_write
    assert fetched <= TIMES * own_read


def _best(seconds: list[tuple[float, float]]) -> tuple[float, float]:
    return min(wrote for wrote, _ in seconds), min(read for _, read in seconds)


def _rows() -> pa.Table:
    numbers = range(ROWS)
    columns = {
        "c0": [str(number) for number in numbers],
        "c1": [f"customer {number} of 'many'" for number in numbers],
        "c2": [f"{number}.{number % 100:02}" for number in numbers],
        "c3": [f"2024-02-29 12:{number % 60:02}:00.{1 + number % 9}" for number in numbers],
        "c4": ["t" if number % 2 else "f" for number in numbers],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


async def _by_the_connector(loading: Loading, rows: pa.Table, number: int) -> tuple[float, float]:
    """Seconds to load a batch and to read one range of as many rows, logins included."""

    async def parts() -> AsyncIterator[pa.RecordBatch]:
        for batch in rows.to_batches(PART_ROWS):
            yield batch

    began = time.perf_counter()
    await loading.connector.load_arrow(loading.target, loading.entry(ROWS, number), parts(), lambda size: None)
    wrote = time.perf_counter() - began
    read = 0
    table = (await loading.connector.describe_tables([loading.name]))[loading.name]

    async def count(batch: pa.RecordBatch) -> None:
        nonlocal read
        read += batch.num_rows

    selection = Selection(table, [f"c{n}" for n in range(5)], where="1 = 1", interchange=True)
    began = time.perf_counter()
    async with loading.connector.reading(None) as reader:
        await reader.read_arrow(selection, WholeTable(), count)
    seconds = time.perf_counter() - began
    assert read == ROWS * (number + 1)
    return wrote, seconds / (number + 1)


def _by_the_driver(loading: Loading, rows: pa.Table, folder: Path, name: str) -> tuple[float, float]:
    """Seconds to write a file, upload and copy it, and to fetch the rows as Arrow, logins included."""
    columns = ", ".join(f'"c{position}" {native}' for position, native in enumerate(TYPES))
    values = ", ".join(f"CAST($1:c{position}::VARCHAR AS {native})" for position, native in enumerate(TYPES))
    loading.query(f'CREATE TABLE "PUBLIC"."{name}" ({columns})')
    began = time.perf_counter()
    with loading.server.connect(loading.database) as session:
        cursor = session.cursor()
        pq.write_table(rows, folder / f"{name}.parquet")
        cursor.execute(f"PUT 'file://{folder}/{name}.parquet' @~/own AUTO_COMPRESS = FALSE")
        cursor.execute(
            f'COPY INTO "PUBLIC"."{name}" FROM (SELECT {values} FROM @~/own/{name}.parquet) '
            "FILE_FORMAT = (TYPE = PARQUET)"
        )
    wrote = time.perf_counter() - began
    began = time.perf_counter()
    with loading.server.connect(loading.database) as session:
        cursor = session.cursor()
        cursor.execute(f'SELECT * FROM "PUBLIC"."{name}"')
        assert sum(batch.num_rows for batch in cursor.fetch_arrow_batches()) == ROWS
    return wrote, time.perf_counter() - began
