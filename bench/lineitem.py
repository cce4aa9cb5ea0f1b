"""The table lineitem of TPC-H shape, as PostgreSQL and as MariaDB spell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

KEY = "l_orderkey, l_linenumber"
TABLE = """
CREATE TABLE lineitem (
  l_orderkey bigint NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
  l_quantity decimal(15,2) NOT NULL, l_extendedprice decimal(15,2) NOT NULL, l_discount decimal(15,2) NOT NULL,
  l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL,
  l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
  l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL{key})"""
ADD_KEY = f"ALTER TABLE lineitem ADD PRIMARY KEY ({KEY})"
ROWS = """
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


@dataclass(frozen=True)
class Dialect:
    """How a database spells what a fingerprint needs."""

    integer: str
    hashed: Callable[[str], str]
    """A number of some text."""


POSTGRES_FAST = Dialect("bigint", lambda text: f"hashtextextended({text}, 0)::numeric")
"""The server's own 64 bits: between two PostgreSQL."""
POSTGRES = Dialect("bigint", lambda text: f"('x' || substr(md5({text}), 1, 15))::bit(60)::bigint::numeric")
MARIADB = Dialect("signed", lambda text: f"CAST(CONV(SUBSTR(MD5({text}), 1, 15), 16, 10) AS decimal(20))")
"""60 bits of MD5 both have: between PostgreSQL and MariaDB."""


def table(*, key: bool) -> str:
    """The statement that creates it."""
    return TABLE.format(key=f", PRIMARY KEY ({KEY})" if key else "")


def fingerprint_query(dialect: Dialect, comment: str = "l_comment") -> str:
    """Rows, and a sum over hashes of their values, whatever their order and whatever types a tool chose for them.

    `comment` is the expression that is taken for that column.
    """
    integers = ("l_orderkey", "l_partkey", "l_suppkey", "l_linenumber")
    decimals = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")
    dates = ("l_shipdate", "l_commitdate", "l_receiptdate")
    texts = ("l_returnflag", "l_linestatus", "l_shipinstruct", "l_shipmode", comment)
    values = [
        *(f"CAST({name} AS {dialect.integer})" for name in integers),
        *(f"CAST({name} AS decimal(15,2))" for name in decimals),
        *(f"CAST({name} AS date)" for name in dates),
        *(f"rtrim({name})" for name in texts),
    ]
    text = f"concat_ws('|', {', '.join(values)})"
    return f"SELECT count(*), sum({dialect.hashed(text)}) FROM lineitem"
