"""What is moved: made inside the source server, so that any size is quick to have, and the SQL that proves a copy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bench.servers import execute
from deploy.local.postgres_server import PostgresServer

LINEITEM_TABLE = """
CREATE TABLE {name} (
  l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, l_linenumber int NOT NULL,
  l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,
  l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL,
  l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
  l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL)"""
LINEITEM_KEY = "l_orderkey, l_linenumber"
LINEITEM_ROWS = """
INSERT INTO lineitem SELECT
  (i + 3) / 4, 1 + i * 7919 % 200000, 1 + i * 104729 % 10000, 1 + (i - 1) % 4,
  1 + i * 31 % 50, (90000 + i * 7907 % 9500000) / 100.0, i * 13 % 11 / 100.0, i * 17 % 9 / 100.0,
  substr('NAR', 1 + (i * 29 % 3)::int, 1), substr('OF', 1 + (i * 37 % 2)::int, 1),
  date '1992-01-02' + (i * 41 % 2500)::int, date '1992-02-01' + (i * 43 % 2500)::int,
  date '1992-01-03' + (i * 41 % 2500)::int + (i % 30)::int,
  (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + i * 47 % 4],
  (ARRAY['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'])[1 + i * 53 % 7],
  substr(words, 1 + (i * 7919 % 350)::int, 10 + (i * 59 % 34)::int)
FROM generate_series(1, {rows}::bigint) AS i,
  (SELECT repeat('carefully final deposits detect slyly agai. furiously even theodolites sleep? ', 6)) AS w(words)
"""
LINEITEM_VALUES = (
    "l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, "
    "rtrim(l_returnflag), rtrim(l_linestatus), l_shipdate, l_commitdate, l_receiptdate, "
    "rtrim(l_shipinstruct), rtrim(l_shipmode), l_comment"
)


@dataclass(frozen=True)
class Fingerprint:
    """Rows and a sum over hashes of their text, whatever their order."""

    rows: int
    digest: str


def make_lineitem(server: PostgresServer, rows: int) -> str:
    """The database with `lineitem` of TPC-H shape in that many rows, with its primary key. Made once."""
    database = f"lineitem_{rows}"
    if not _exists(server, database):
        execute(server, "postgres", f"CREATE DATABASE {database}")
        execute(server, database, LINEITEM_TABLE.format(name="lineitem"))
        execute(server, database, LINEITEM_ROWS.format(rows=rows))
        execute(server, database, f"ALTER TABLE lineitem ADD PRIMARY KEY ({LINEITEM_KEY})")
        _settle(server, database)
    return database


def fingerprint(server: PostgresServer, database: str, table: str, values: str) -> Fingerprint:
    """By all processors: the clock stands still meanwhile."""
    query = (
        f"SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', {values}), 0)::numeric), 0)::text FROM {table}"
    )
    rows, digest = execute(server, database, query)[0]
    return Fingerprint(rows, digest)


@cache
def source_fingerprint(server: PostgresServer, database: str, table: str, values: str) -> Fingerprint:
    """Of a table that does not change: taken once."""
    return fingerprint(server, database, table, values)


def _exists(server: PostgresServer, database: str) -> bool:
    return bool(execute(server, "postgres", f"SELECT 1 FROM pg_database WHERE datname = '{database}'"))


def _settle(server: PostgresServer, database: str) -> None:
    """No later run pays for hint bits, statistics or dirty pages."""
    execute(server, database, "VACUUM (FREEZE, ANALYZE)")
    execute(server, database, "CHECKPOINT")
