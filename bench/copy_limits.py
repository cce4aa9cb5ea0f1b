"""The limit of copying lineitem: the databases' own bulk commands through their own clients, and nothing between."""

from __future__ import annotations

from itertools import pairwise

from bench import lineitem
from bench.contender import Role
from bench.lineitem_copy import CopyContender, Copying
from bench.programs import run_pipes
from bench.servers import mariadb_client, psql
from bench.sides import MariadbSide, PostgresSide, Side

LAST_PAGE = 2**32 - 2
LOAD_DATA = "LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE lineitem CHARACTER SET utf8mb4"
"""Tab, newline and backslash, as COPY writes text."""


class CopyLimit(CopyContender):
    """As many streams as said, by ranges of pages or of the key."""

    role = Role.LIMIT

    def __init__(self, copying: Copying, streams: int, *, key_after: bool = False, key_present: bool = False) -> None:
        super().__init__(copying)
        self._streams = streams
        self._key_after = key_after
        self.table_has_key = key_present
        self.leaves_key = key_after or key_present
        out, into = (_word(side, reads) for side, reads in ((copying.source, True), (copying.destination, False)))
        key = ", key after" if key_after else ""
        self.name = f"{out} | {into}, {streams} stream{'' if streams == 1 else 's'}{key}"
        form = "binary" if copying.between_postgres else "text"
        table = "with its key" if key_present else "without a key"
        self.settings = f"the servers' own clients, {form}, existing table {table}, pipes of 1 MiB" + (
            ", then ALTER TABLE ADD PRIMARY KEY" if key_after else ""
        )

    def run(self) -> None:
        write = _writer(self.copying.destination, binary=self.copying.between_postgres)
        run_pipes([(self._reader(condition), write) for condition in self._conditions()])
        if self._key_after:
            self.copying.destination.execute(lineitem.ADD_KEY)

    def _reader(self, condition: str) -> list[str]:
        source = self.copying.source
        query = f"SELECT * FROM lineitem{condition}"
        if isinstance(source, MariadbSide):
            return [*mariadb_client(source.server, source.database), "--batch", "--quick", "-N", "-e", query]
        assert isinstance(source, PostgresSide)
        form = "binary" if self.copying.between_postgres else "text"
        what = f"({query})" if condition else "lineitem"
        return psql(source.server, source.database, f"COPY {what} TO STDOUT (FORMAT {form})")

    def _conditions(self) -> list[str]:
        if self._streams == 1:
            return [""]
        source = self.copying.source
        if isinstance(source, MariadbSide):
            keys = int(source.execute("SELECT max(l_orderkey) FROM lineitem")[0][0])
            bounds = [keys * number // self._streams for number in range(self._streams)] + [keys]
            return [f" WHERE l_orderkey > {first} AND l_orderkey <= {last}" for first, last in pairwise(bounds)]
        size = "SELECT pg_relation_size('lineitem') / current_setting('block_size')::int"
        pages = int(source.execute(size)[0][0])
        bounds = [pages * number // self._streams for number in range(self._streams)] + [LAST_PAGE]
        return [f" WHERE ctid >= '({first},0)' AND ctid < '({last},0)'" for first, last in pairwise(bounds)]


def _writer(destination: Side, *, binary: bool) -> list[str]:
    if isinstance(destination, MariadbSide):
        return [*mariadb_client(destination.server, destination.database), "-e", LOAD_DATA]
    assert isinstance(destination, PostgresSide)
    form = "binary" if binary else "text, NULL 'NULL'"
    return psql(destination.server, destination.database, f"COPY lineitem FROM STDIN (FORMAT {form})")


def _word(side: Side, reads: bool) -> str:
    if isinstance(side, PostgresSide):
        return "COPY"
    return "mariadb --quick" if reads else "LOAD DATA"
