"""200,000 rows in and out, beside the engine's own client program on the same machine at the same time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa

from connectors.base import CSV_INTERCHANGE, LedgerEntry, Selection
from connectors.canonical import digest_batch
from core.schema import Digest, WholeTable
from deploy.local.mariadb_server import program
from tests.mysql.conftest import Arriving, Database

ROWS = 200_000
SLOWEST = 3.0
"""Times the program's own time."""
TABLE = """
CREATE TABLE bulk (
    l_orderkey BIGINT, l_partkey INT, l_suppkey INT, l_linenumber INT, l_quantity DECIMAL(15,2),
    l_extendedprice DECIMAL(15,2), l_discount DECIMAL(15,2), l_tax DECIMAL(15,2), l_returnflag CHAR(1),
    l_linestatus CHAR(1), l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct CHAR(25),
    l_shipmode CHAR(10), l_comment VARCHAR(44), PRIMARY KEY (l_orderkey, l_linenumber));
INSERT INTO bulk SELECT seq DIV 4, seq * 7 % 200000, seq * 13 % 10000, seq % 4, seq % 50, seq * 1.37, (seq % 10) / 100,
    (seq % 8) / 100, 'A', 'F', DATE '1995-01-01' + INTERVAL seq % 2000 DAY, DATE '1995-01-01' + INTERVAL seq % 1900 DAY,
    DATE '1995-01-01' + INTERVAL seq % 1800 DAY, 'DELIVER IN PERSON', 'TRUCK',
    CONCAT('carefully "final" ', LEFT(MD5(seq), 20)) FROM seq_1_to_200000;
CREATE TABLE arrived LIKE bulk;
CREATE TABLE loaded LIKE bulk;
"""


async def test_rows_move_about_as_fast_as_the_clients_own(database: Database, tmp_path: Path) -> None:
    database.run(TABLE)
    table = await database.describe("bulk")
    columns = [column.name for column in table.columns]
    selection = Selection(table, columns, interchange=True, native_format=CSV_INTERCHANGE)
    arriving = await Arriving(database, "arrived", {column.name: column.value for column in table.columns}).prepare()
    batches: list[pa.RecordBatch] = []
    csv: list[bytes] = []

    async def keep(batch: pa.RecordBatch) -> None:
        batches.append(batch)

    async def keep_bytes(part: bytes) -> None:
        csv.append(part)

    file = tmp_path / "bulk.tsv"
    began = time.perf_counter()
    file.write_text(_client(database, "SELECT * FROM bulk"))
    program_out = time.perf_counter() - began
    async with database.connector().reading(None) as reader:
        began = time.perf_counter()
        assert await reader.read_native(selection, WholeTable(), keep_bytes) == ROWS
        bytes_out = time.perf_counter() - began
        began = time.perf_counter()
        await reader.read_arrow(selection, WholeTable(), keep)
        arrow_out = time.perf_counter() - began
    assert sum(batch.num_rows for batch in batches) == ROWS

    began = time.perf_counter()
    _client(database, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded")
    program_in = time.perf_counter() - began

    async def all_batches() -> AsyncIterator[pa.RecordBatch]:
        for batch in batches:
            yield batch

    begun = await arriving.begin()
    began = time.perf_counter()
    assert not (await arriving.load_bytes(begun.load, 0, ROWS, csv)).repeated
    bytes_in = time.perf_counter() - began
    begun = await arriving.begin(run=2, replace=True)
    entry = LedgerEntry("job", "arrived", begun.load, 0, Digest(rows=ROWS))
    began = time.perf_counter()
    await database.connector().load_arrow(arriving.target, entry, all_batches(), lambda _: None)
    arrow_in = time.perf_counter() - began

    print(f"\n{ROWS:,} rows of 16 columns, seconds: mariadb / bytes / Arrow")
    print(f"out {program_out:.2f} / {bytes_out:.2f} / {arrow_out:.2f}")
    print(f"in  {program_in:.2f} / {bytes_in:.2f} / {arrow_in:.2f}")
    expected = sum((digest_batch(batch, arriving.proof.columns) for batch in batches), Digest())
    assert await database.connector().digest_table(arriving.name, arriving.proof) == expected
    assert max(bytes_out, arrow_out) < SLOWEST * program_out
    assert max(bytes_in, arrow_in) < SLOWEST * program_in


def _client(database: Database, sql: str) -> str:
    login = [f"--port={database.server.port}", f"--user={database.server.user}", "--host=127.0.0.1"]
    options = ["--local-infile=1", "--batch", "--quick", "--skip-column-names", "--default-character-set=utf8mb4"]
    result = subprocess.run(
        [str(program("mariadb")), "--no-defaults", *login, *options, database.name, "--execute", sql],
        check=True,
        capture_output=True,
        text=True,
    )
    return result.stdout
