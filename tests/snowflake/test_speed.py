"""Loading is not much slower than the driver's own PUT and COPY INTO of the same rows, and reading than its fetch."""

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


async def test_200_000_rows_take_at_most_three_times_as_long_as_the_drivers_own_way(
    snowflake: SnowflakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _rows()
    loading = Loading(snowflake, snowflake.new_database(), TYPES)
    await loading.begin()

    async def parts() -> AsyncIterator[pa.RecordBatch]:
        for batch in rows.to_batches(PART_ROWS):
            yield batch

    began = time.perf_counter()
    await loading.connector.load_arrow(loading.target, loading.entry(ROWS), parts(), lambda size: None)
    wrote = time.perf_counter() - began

    read = 0
    table = (await loading.connector.describe_tables([loading.name]))[loading.name]

    async def count(batch: pa.RecordBatch) -> None:
        nonlocal read
        read += batch.num_rows

    began = time.perf_counter()
    async with loading.connector.reading(None) as reader:
        await reader.read_arrow(Selection(table, [f"c{n}" for n in range(5)], interchange=True), WholeTable(), count)
    fetched = time.perf_counter() - began
    own_write, own_read = _by_the_driver(loading, rows, tmp_path)
    with capsys.disabled():
        print(
            f"\nSnowflake, {ROWS} rows: written in {wrote:.2f} s (driver {own_write:.2f} s), "
            f"read in {fetched:.2f} s (driver {own_read:.2f} s)"
        )
    assert read == ROWS
    assert wrote <= TIMES * own_write
    assert fetched <= TIMES * own_read


def _by_the_driver(loading: Loading, rows: pa.Table, folder: Path) -> tuple[float, float]:
    """Seconds to spool, upload and copy, and to fetch as Arrow."""
    columns = ", ".join(f'"c{position}" {native}' for position, native in enumerate(TYPES))
    values = ", ".join(f"CAST($1:c{position}::VARCHAR AS {native})" for position, native in enumerate(TYPES))
    with loading.server.connect(loading.database) as session:
        cursor = session.cursor()
        cursor.execute(f'CREATE TABLE "PUBLIC"."OWN_WAY" ({columns})')
        began = time.perf_counter()
        pq.write_table(rows, folder / "own.parquet")
        cursor.execute(f"PUT 'file://{folder}/own.parquet' @~/own AUTO_COMPRESS = FALSE")
        cursor.execute(
            f'COPY INTO "PUBLIC"."OWN_WAY" FROM (SELECT {values} FROM @~/own/own.parquet) FILE_FORMAT = (TYPE = PARQUET)'
        )
        wrote = time.perf_counter() - began
        began = time.perf_counter()
        cursor.execute('SELECT * FROM "PUBLIC"."OWN_WAY"')
        assert sum(batch.num_rows for batch in cursor.fetch_arrow_batches()) == ROWS
        return wrote, time.perf_counter() - began
