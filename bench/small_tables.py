"""Fixed costs: a job of small tables with proof, from one to a thousand."""

from __future__ import annotations

from bench.contender import Contender, Failed, Role
from bench.datasets import SMALL_ROWS
from bench.servers import Servers
from bench.sides import PostgresSide
from bench.sterna_job import run_job

DIGEST = "SELECT count(*), sum(hashtextextended({table}::text, 0)::numeric) FROM {table}"
TABLES_AT_ONCE = 100


class SternaSmallTables(Contender):
    """One job that makes the tables, fills them, adds their keys and proves them."""

    role = Role.STERNA
    name = "Sterna"

    def __init__(self, servers: Servers, source: PostgresSide, destination: PostgresSide, tables: int) -> None:
        self.stack = servers.stack
        self.settings = "defaults of `sterna up` and of the job; tables are made by the job, checksum proof"
        self._source, self._destination = source, destination
        self._tables = [f"small_{number}" for number in range(1, tables + 1)]
        self._expected: list[tuple[int, str]] = []

    def prepare(self) -> None:
        self._destination.clear()

    def run(self) -> None:
        tables = [{"sourceTable": name} for name in self._tables]
        run_job(self.stack, "small tables", self._source, self._destination, tables, {})

    def verify(self) -> None:
        self._expected = self._expected or self._digests(self._source)
        if self._digests(self._destination) != self._expected:
            raise Failed("values differ from the source's")
        keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text ~ '^small_'"
        if self._destination.execute(keys) != [(len(self._tables),)]:
            raise Failed("primary keys are missing")

    def _digests(self, side: PostgresSide) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for start in range(0, len(self._tables), TABLES_AT_ONCE):
            names = self._tables[start : start + TABLES_AT_ONCE]
            found += side.execute(" UNION ALL ".join(DIGEST.format(table=name) for name in names))
        if any(rows != SMALL_ROWS for rows, _ in found):
            raise Failed(f"a table has not {SMALL_ROWS} rows")
        return found
