"""Loading and reading are not much slower than the driver's own array DML and data frames of the same rows.

Against the wire server both sides wait for a server written in Python most of the time; against a real Oracle
(STERNA_TEST_ORACLE_DSN) the figures mean more.
"""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from connectors.base import Selection
from core.schema import Digest, WholeTable
from core.value_type import ValueType
from tests.oracle.loading import Loading
from tests.oracle_server.server import OracleLogin

ROWS = 200_000
PART_ROWS = 20_000
ARRAY_ROWS = 5_000
TIMES = 3
START = dt.datetime(2024, 2, 29, 12)  # noqa: DTZ001 - Oracle's TIMESTAMP has no time zone
VALUES = [
    ValueType(kind="integer"),
    ValueType(kind="text", length=60),
    ValueType(kind="decimal", precision=20, scale=2),
    ValueType(kind="timestamp", fraction=3),
    ValueType(kind="boolean"),
]


async def test_200_000_rows_take_at_most_three_times_as_long_as_the_drivers_own_way(
    oracle: OracleLogin, capsys: pytest.CaptureFixture[str]
) -> None:
    loading = Loading(oracle, VALUES)
    await loading.create()
    await loading.begin()
    began = time.perf_counter()
    digest = Digest(rows=ROWS)
    await loading.connector.load_arrow(
        loading.target, loading.entry(1, 0, digest), loading.parts(_interchange()), lambda size: None
    )
    wrote = time.perf_counter() - began
    table = (await loading.connector.describe_tables([loading.table]))[loading.table]
    read = 0

    async def count(part: pa.RecordBatch) -> None:
        nonlocal read
        read += part.num_rows

    began = time.perf_counter()
    async with loading.connector.reading(None) as reader:
        selection = Selection(table, [column.name for column in table.columns], interchange=True)
        await reader.read_arrow(selection, WholeTable(), count)
    fetched = time.perf_counter() - began
    assert read == ROWS
    own_write, own_read = _by_the_driver(oracle, loading.name)
    with capsys.disabled():
        print(
            f"\nORACLE, {ROWS} rows: written in {wrote:.1f} s (executemany {own_write:.1f} s), "
            f"read in {fetched:.1f} s (fetch_df_batches {own_read:.1f} s)"
        )
    assert wrote <= TIMES * own_write
    assert fetched <= TIMES * own_read


def _interchange() -> list[pa.RecordBatch]:
    numbers = range(ROWS)
    columns = {
        "C0": [str(number) for number in numbers],
        "C1": [f"customer {number} of 'many'" for number in numbers],
        "C2": [f"{number}.{number % 100:02}" for number in numbers],
        "C3": [str(START + dt.timedelta(milliseconds=1001 * number)).removesuffix("000") for number in numbers],
        "C4": ["t" if number % 2 else "f" for number in numbers],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}).to_batches(PART_ROWS)


def _native(number: int) -> tuple[Any, ...]:
    return (
        number,
        f"customer {number} of 'many'",
        Decimal(number) + Decimal(number % 100) / 100,
        START + dt.timedelta(milliseconds=1001 * number),
        number % 2,
    )


def _by_the_driver(oracle: OracleLogin, name: str) -> tuple[float, float]:
    with oracle.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name}_OWN AS SELECT * FROM {name} WHERE 1 = 0")
        rows = [_native(number) for number in range(ROWS)]
        began = time.perf_counter()
        cursor.setinputsizes(None, None, oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_TIMESTAMP, None)
        cursor.executemany(f"INSERT INTO {name}_OWN VALUES (:1, :2, :3, :4, :5)", rows, batch_size=ARRAY_ROWS)
        connection.commit()
        wrote = time.perf_counter() - began
        began = time.perf_counter()
        found = sum(
            frame.num_rows() for frame in connection.fetch_df_batches(f"SELECT * FROM {name}_OWN", size=PART_ROWS)
        )
        assert found == ROWS
        return wrote, time.perf_counter() - began
