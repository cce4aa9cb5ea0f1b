"""What is moved, made once inside the source server, so that any size is quick to have."""

from __future__ import annotations

from bench import lineitem, wide
from bench.servers import Servers, execute
from bench.sides import PostgresSide

SMALL_ROWS = 100
MADE_AT_ONCE = 200
"""Tables in one transaction: the table of locks holds some thousands."""
SMALL_TABLE = """
CREATE TABLE {name} (id int PRIMARY KEY, name varchar(40) NOT NULL, amount numeric(12,2), changed timestamptz NOT NULL);
INSERT INTO {name} SELECT i, 'item ' || i * {number}, i * {number} % 1000 / 7.0, timestamptz '2026-01-01 00:00Z'
  + i * interval '1 minute' FROM generate_series(1, {rows}) AS i;
"""


def lineitem_source(servers: Servers, rows: int) -> PostgresSide:
    """`lineitem` with its primary key in a database of its own."""
    return _source(
        servers, f"lineitem_{rows}", [lineitem.table(key=False), lineitem.ROWS.format(rows=rows), lineitem.ADD_KEY]
    )


def wide_source(servers: Servers, rows: int) -> PostgresSide:
    """The wide table in a database of its own."""
    return _source(servers, f"wide_{rows}", [wide.TABLE, wide.ROWS.format(rows=rows)])


def small_source(servers: Servers, tables: int) -> PostgresSide:
    """That many tables `small_1`… of 100 rows with a key in a database of its own."""
    pieces = [
        SMALL_TABLE.format(name=f"small_{number}", number=number, rows=SMALL_ROWS) for number in range(1, tables + 1)
    ]
    batches = ["".join(pieces[start : start + MADE_AT_ONCE]) for start in range(0, tables, MADE_AT_ONCE)]
    return _source(servers, f"small_{tables}", batches)


def _source(servers: Servers, database: str, statements: list[str]) -> PostgresSide:
    side = PostgresSide(servers.source, database)
    if not execute(servers.source, "postgres", f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
        execute(servers.source, "postgres", f"CREATE DATABASE {database}")
        for statement in statements:
            side.execute(statement)
        # No later run pays for hint bits, statistics or dirty pages.
        side.execute("VACUUM (FREEZE, ANALYZE)")
        side.execute("CHECKPOINT")
    return side
