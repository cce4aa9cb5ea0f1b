"""200,000 rows against DuckDB's own COPY to a csv file and from it, in time of the processor."""

from __future__ import annotations

import time

import pyarrow as pa
import pytest

from connectors.base import Selection
from core.schema import Digest, WholeTable
from tests.duckdb.conftest import Arriving, NewFile

ROWS = 200_000
MOST_TIMES = 3.0
TABLE = f"""CREATE TABLE t AS SELECT range AS id, (range * 1.01)::DECIMAL(12,2) AS price, 'name of ' || range AS name,
TIMESTAMP '2020-01-01' + to_microseconds(range * 1000123) AS moment, DATE '2020-01-01' + (range % 1000)::INT AS day,
range % 2 = 0 AS flag, sqrt(range) AS root, (range % 50)::SMALLINT AS small, gen_random_uuid() AS u,
encode('abc' || range) AS data, '2020-01-01 00:00:00+00'::TIMESTAMPTZ + to_microseconds(range) AS zoned
FROM range({ROWS})"""


async def test_rows_move_within_three_times_of_its_own_copy(
    new_file: NewFile, capsys: pytest.CaptureFixture[str]
) -> None:
    source = new_file("source")
    source.run(TABLE)
    csv = source.path.with_suffix(".csv")
    schema = await source.describe("t")
    taken: dict[str, list[float]] = {"read": [], "load": [], "out": [], "in": []}
    for attempt in range(3):
        parts: list[pa.RecordBatch] = []

        async def keep(part: pa.RecordBatch, kept: list[pa.RecordBatch] = parts) -> None:
            kept.append(part)

        begun = time.process_time()
        async with source.connector().reading(None) as reader:
            names = [column.name for column in schema.columns]
            await reader.read_arrow(Selection(schema, names, interchange=True), WholeTable(), keep)
        taken["read"].append(time.process_time() - begun)

        begun = time.process_time()
        source.run(f"COPY t TO '{csv}'")
        taken["out"].append(time.process_time() - begun)

        arriving = Arriving(new_file(f"destination{attempt}"), schema)
        await arriving.create()
        load = (await arriving.begin()).load
        begun = time.process_time()
        await arriving.load_parts(load, 0, Digest(rows=ROWS), parts)
        taken["load"].append(time.process_time() - begun)
        assert arriving.database.rows("SELECT count(*), sum(price) FROM t") == source.rows(
            "SELECT count(*), sum(price) FROM t"
        )

        own = new_file(f"own{attempt}")
        columns = ", ".join(f"{column.name} {column.type}" for column in schema.columns)
        own.run(f"CREATE TABLE t ({columns})")
        begun = time.process_time()
        own.run(f"COPY t FROM '{csv}'")
        taken["in"].append(time.process_time() - begun)
    least = {name: min(seconds) for name, seconds in taken.items()}
    with capsys.disabled():
        print(
            f"\nDUCKDB {ROWS} rows: read {least['read']:.2f} s (COPY TO {least['out']:.2f} s), "
            f"load {least['load']:.2f} s (COPY FROM {least['in']:.2f} s)"
        )
    assert least["read"] + least["load"] <= MOST_TIMES * (least["out"] + least["in"])
