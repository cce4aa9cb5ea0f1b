"""Peak memory of each process while a table of 1 MB values and a large one go through, on both paths.

python -m bench.memory --rows 6000000 --large-values 500
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack

LIMIT_MB = 400
POLL_SECONDS = 1.0

SOURCE = """
CREATE TABLE large_values (id int PRIMARY KEY, document text, picture bytea);
ALTER TABLE large_values ALTER document SET STORAGE EXTERNAL, ALTER picture SET STORAGE EXTERNAL;
INSERT INTO large_values
  SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 32768) AS j),
         (SELECT decode(string_agg(md5(j::text || i), ''), 'hex') FROM generate_series(1, 65536) AS j)
  FROM generate_series(1, {large_values}) AS i;
CREATE TABLE lineitem AS
  SELECT i AS orderkey, i % 200000 AS partkey, i % 10000 AS suppkey, i % 7 AS linenumber,
         (i % 50)::numeric(15, 2) AS quantity, (i % 100000)::numeric(15, 2) AS extendedprice,
         (i % 11 / 100.0)::numeric(15, 2) AS discount, (i % 9 / 100.0)::numeric(15, 2) AS tax,
         'N'::char(1) AS returnflag, 'O'::char(1) AS linestatus, date '1992-01-01' + i % 2500 AS shipdate,
         date '1992-02-01' + i % 2500 AS commitdate, date '1992-03-01' + i % 2500 AS receiptdate,
         'DELIVER IN PERSON'::char(25) AS shipinstruct, 'TRUCK'::char(10) AS shipmode,
         'carefully final deposits ' || i AS comment
  FROM generate_series(1, {rows}) AS i;
ANALYZE;
"""


def main() -> None:
    """Prints VmHWM of each process and fails where a worker needed more than 400 MB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=6_000_000, help="rows of lineitem (default 6,000,000)")
    parser.add_argument("--large-values", type=int, default=500, help="rows with a text and a bytea of 1 MB each")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sterna-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        server = PostgresServer(place / "databases")
        server.start()
        try:
            fill(server, given.rows, given.large_values)
            with LocalStack(place / "stack") as stack:
                migrate(stack, server)
                peaks = {name: peak_memory(stack.process(name).pid) for name in stack.own_programs}
        finally:
            server.stop()
    for name, megabytes in peaks.items():
        print(f"{name:18} VmHWM {megabytes:6.0f} MB")
    if max(megabytes for name, megabytes in peaks.items() if name.startswith("worker")) >= LIMIT_MB:
        sys.exit(f"a worker needed {LIMIT_MB} MB or more")


def fill(server: PostgresServer, rows: int, large_values: int) -> None:
    """Makes source and destination."""
    with connect(server, "postgres") as connection:
        connection.execute("CREATE DATABASE source")
        connection.execute("CREATE DATABASE destination")
    with connect(server, "source") as connection:
        connection.execute(SOURCE.format(rows=rows, large_values=large_values).encode())


def migrate(stack: LocalStack, server: PostgresServer) -> None:
    """Moves each table by both paths; the Arrow path is forced by an identity EXPRESSION."""
    sides = [
        {"type": "POSTGRES", "host": "127.0.0.1", "port": server.port, "user": server.user, "database": database}
        for database in ("source", "destination")
    ]
    identity: list[dict[str, Any]] = [{"type": "EXPRESSION", "column": "document", "expression": "document"}]
    comment: list[dict[str, Any]] = [{"type": "EXPRESSION", "column": "comment", "expression": "comment"}]
    jobs: list[list[dict[str, Any]]] = [
        [{"sourceTable": "large_values"}, {"sourceTable": "lineitem"}],
        [
            {"sourceTable": "large_values", "destinationSchema": "arrow", "transformations": identity},
            {"sourceTable": "lineitem", "destinationSchema": "arrow", "transformations": comment},
        ],
    ]
    for tables in jobs:
        started = time.monotonic()
        job = {"name": "memory", "source": sides[0], "destination": sides[1], "tables": tables}
        progress = run(stack, job)
        print(f"{progress['status']}: {progress['rows']:,} rows in {time.monotonic() - started:.0f} s")


def run(stack: LocalStack, job: dict[str, Any]) -> dict[str, Any]:
    """Posts the job and returns its last progress. Exits where it is not COMPLETED."""
    key = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.api_url, timeout=60, trust_env=False, headers=key) as http:
        job_id = http.post("/api/jobs", json=job).raise_for_status().json()["jobId"]
        while True:
            progress: dict[str, Any] = http.get(f"/api/jobs/{job_id}/progress").raise_for_status().json()
            if progress["status"] == "COMPLETED":
                return progress
            if progress["status"] != "ACTIVE" or progress["attention"]:
                sys.exit(f"the job is {progress['status']}: {progress}")
            time.sleep(POLL_SECONDS)


def peak_memory(pid: int) -> float:
    """VmHWM in MB, from /proc (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def connect(server: PostgresServer, database: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A session beside the product."""
    return psycopg.connect(host="127.0.0.1", port=server.port, user=server.user, dbname=database, autocommit=True)


if __name__ == "__main__":
    main()
