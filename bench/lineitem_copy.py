"""The table lineitem from PostgreSQL to PostgreSQL: where it goes, how it is verified, and its limit COPY | COPY."""

from __future__ import annotations

from itertools import pairwise

from bench import postgres_target
from bench.contender import Contender, Role
from bench.datasets import LINEITEM_KEY, LINEITEM_TABLE, LINEITEM_VALUES
from bench.limits import run_pipes
from bench.servers import DATABASE, Servers, execute, psql

TABLE = LINEITEM_TABLE.format(name="lineitem")


class LineitemContender(Contender):
    """Copies `lineitem`."""

    makes_table = False
    """The contender makes the table itself."""
    makes_key = False
    """Its work is done only with a primary key."""
    values = LINEITEM_VALUES

    def __init__(self, servers: Servers, database: str) -> None:
        self.servers = servers
        self.database = database

    def prepare(self) -> None:
        postgres_target.empty(self.servers.destination, *([] if self.makes_table else [TABLE]))

    def verify(self) -> None:
        target = self.servers.destination
        postgres_target.expect_copy(self.servers.source, self.database, target, self.values)
        if self.makes_key:
            postgres_target.expect_key(target)


class CopyLimit(LineitemContender):
    """Binary COPY by psql into an existing table, in as many streams as said, by ranges of pages."""

    role = Role.LIMIT

    def __init__(self, servers: Servers, database: str, streams: int, *, key: bool = False) -> None:
        super().__init__(servers, database)
        self._streams = streams
        self.makes_key = key
        self.name = f"COPY | COPY, {streams} stream{'s' if streams > 1 else ''}" + (", key after" if key else "")
        self.settings = "psql | psql, binary, existing table without a key, pipes of 1 MiB, ranges of ctid" + (
            ", then ALTER TABLE ADD PRIMARY KEY" if key else ""
        )

    def run(self) -> None:
        source, destination = self.servers.source, self.servers.destination
        write = psql(destination, DATABASE, "COPY lineitem FROM STDIN (FORMAT binary)")
        run_pipes([(psql(source, self.database, query), write) for query in self._queries()])
        if self.makes_key:
            execute(destination, DATABASE, f"ALTER TABLE lineitem ADD PRIMARY KEY ({LINEITEM_KEY})")

    def _queries(self) -> list[str]:
        if self._streams == 1:
            return ["COPY lineitem TO STDOUT (FORMAT binary)"]
        size = "SELECT pg_relation_size('lineitem') / current_setting('block_size')::int"
        pages = int(execute(self.servers.source, self.database, size)[0][0])
        bounds = [pages * number // self._streams for number in range(self._streams)] + [2**32 - 1]
        return [
            f"COPY (SELECT * FROM lineitem WHERE ctid >= '({first},0)' AND ctid < '({last},0)') "
            "TO STDOUT (FORMAT binary)"
            for first, last in pairwise(bounds)
        ]
