"""Every scenario with its contenders, made when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.contender import Contender
from bench.copy_limits import CopyLimit
from bench.datasets import lineitem_source, small_source, wide_source
from bench.encrypted_staging import SternaStaging
from bench.growth import SternaFreshWorkers
from bench.lineitem_copy import Copying
from bench.peers.data_validation import DataValidation
from bench.peers.dlt import Dlt
from bench.peers.ingestr import Ingestr
from bench.peers.pgcopydb import Pgcopydb
from bench.peers.pgloader import Pgloader
from bench.peers.reladiff import Reladiff
from bench.peers.sling import Sling
from bench.proofs import HashLimit
from bench.scenario import Scenario
from bench.servers import DATABASE, Servers
from bench.sides import MariadbSide, PostgresSide
from bench.slow_source import SternaSlowSource
from bench.small_tables import SternaSmallTables
from bench.sterna_copy import WITH_PROOF, WITHOUT_PROOF, SternaCopy, SternaTransforming
from bench.sterna_job import warm_up
from bench.wide import SternaWide, WideLimit

STREAMS = (1, 2, 4)
MANY_TABLES = 1000
ENOUGH_SECONDS = 120.0
"""Of scenarios whose runs are long and differ little."""
PEER_ROWS = 1_000_000
"""Of larger tables a peer gets one run only."""
COPY, KEY, TO_MARIADB, FROM_MARIADB, WIDE, SMALL, MANY, MEMORY, SLOW, STAGING = (
    "data-only",
    "key",
    "to-mariadb",
    "from-mariadb",
    "wide",
    "small-job",
    "many-tables",
    "memory",
    "slow-source",
    "staging",
)


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    rows: tuple[int, ...]
    memory_rows: tuple[int, ...]
    wide_rows: int
    slow_rows: int
    tables: int
    runs: int
    peer_runs: int
    peers: bool


class Scenarios:
    """Makes them for these servers."""

    def __init__(self, servers: Servers, wanted: Wanted) -> None:
        self._servers = servers
        self._wanted = wanted
        self._destination = PostgresSide(servers.destination, DATABASE)

    def warm_up(self) -> None:
        """Sterna has run before anything is measured."""
        warm_up(self._servers.stack, small_source(self._servers, 1), self._destination, "small_1", "name")

    def named(self, name: str) -> Iterator[Scenario]:
        """One, or one for each size."""
        makers: dict[str, Callable[[], Iterator[Scenario]]] = {
            COPY: lambda: map(self._copy, self._wanted.rows),
            KEY: lambda: map(self._key, self._wanted.rows),
            TO_MARIADB: lambda: iter([self._to_mariadb()]),
            FROM_MARIADB: lambda: iter([self._from_mariadb()]),
            WIDE: lambda: iter([self._wide()]),
            SMALL: lambda: iter([self._small(SMALL, "a job of one table of 100 rows, with proof", 1)]),
            MANY: lambda: iter([self._small(MANY, self._many_title(), self._wanted.tables)]),
            MEMORY: lambda: iter([self._memory()]),
            SLOW: lambda: iter([self._slow()]),
            STAGING: lambda: iter([self._staging()]),
        }
        return makers[name]()

    def _copy(self, rows: int) -> Scenario:
        copying = self._copying(rows)
        contenders: list[Contender] = [CopyLimit(copying, streams) for streams in STREAMS]
        contenders += [SternaCopy(self._servers, copying), SternaTransforming(self._servers, copying)]
        contenders += self._peers(Pgloader(copying), Sling(copying), Dlt(copying), Ingestr(copying))
        return self._scenario(COPY, "PostgreSQL → PostgreSQL, data only", rows, contenders)

    def _key(self, rows: int) -> Scenario:
        copying = self._copying(rows)
        contenders: list[Contender] = [CopyLimit(copying, streams, key_after=True) for streams in STREAMS]
        contenders += [
            *self._peers(Pgcopydb(copying)),
            SternaCopy(self._servers, copying, WITHOUT_PROOF, {"validation": "none"}),
            SternaCopy(self._servers, copying, WITH_PROOF, {"validation": "checksum"}),
            HashLimit(copying),
            *self._peers(Reladiff(copying), DataValidation(copying)),
        ]
        return self._scenario(KEY, "PostgreSQL → PostgreSQL, table, rows and key", rows, contenders)

    def _to_mariadb(self) -> Scenario:
        rows = self._wanted.rows[0]
        copying = Copying(lineitem_source(self._servers, rows), self._mariadb(DATABASE), rows)
        contenders: list[Contender] = [CopyLimit(copying, streams, key_present=True) for streams in (1, 2)]
        contenders += [SternaCopy(self._servers, copying, key_present=True)]
        contenders += self._peers(Sling(copying), Dlt(copying), Ingestr(copying))
        return self._scenario(TO_MARIADB, "PostgreSQL → MariaDB, key present", rows, contenders)

    def _from_mariadb(self) -> Scenario:
        rows = self._wanted.rows[0]
        copying = Copying(self._mariadb_source(rows), self._destination, rows)
        contenders: list[Contender] = [CopyLimit(copying, streams, key_present=True) for streams in (1, 2)]
        contenders += [SternaCopy(self._servers, copying, key_present=True)]
        contenders += self._peers(Pgloader(copying), Sling(copying), Dlt(copying), Ingestr(copying))
        return self._scenario(FROM_MARIADB, "MariaDB → PostgreSQL, key present", rows, contenders)

    def _wide(self) -> Scenario:
        source = wide_source(self._servers, self._wanted.wide_rows)
        contenders: list[Contender] = [WideLimit(source, self._destination, streams) for streams in STREAMS]
        contenders += [SternaWide(self._servers, source, self._destination)]
        title = "text, jsonb, bytea, uuid, numeric(38,10), timestamptz, data only"
        return self._scenario(WIDE, f"PostgreSQL → PostgreSQL, {title}", self._wanted.wide_rows, contenders)

    def _small(self, name: str, title: str, tables: int) -> Scenario:
        source = small_source(self._servers, tables)
        sterna = SternaSmallTables(self._servers, source, self._destination, tables)
        scenario = self._scenario(name, title, 100 * tables, [sterna])
        scenario.enough_seconds = ENOUGH_SECONDS
        return scenario

    def _many_title(self) -> str:
        return f"a job of {self._wanted.tables:,} tables of 100 rows, with proof"

    def _memory(self) -> Scenario:
        contenders = [SternaFreshWorkers(self._servers, self._copying(rows)) for rows in self._wanted.memory_rows]
        return self._scenario(
            MEMORY, "growth: PostgreSQL → PostgreSQL, data only", self._wanted.memory_rows[-1], contenders, 1
        )

    def _slow(self) -> Scenario:
        copying = self._copying(self._wanted.slow_rows)
        small = small_source(self._servers, 1)
        contenders = [SternaSlowSource(self._servers, copying, small, workers) for workers in (1, 4)]
        title = "a source that answers each batch query 200 ms late"
        scenario = self._scenario(SLOW, title, self._wanted.slow_rows, contenders)
        scenario.enough_seconds = ENOUGH_SECONDS
        return scenario

    def _staging(self) -> Scenario:
        rows = self._wanted.rows[0]
        copying = self._copying(rows)
        contenders = [SternaStaging(self._servers, copying, encrypted=encrypted) for encrypted in (False, True)]
        return self._scenario(STAGING, "staging in the clear and encrypted, data only", rows, list(contenders))

    def _scenario(
        self, name: str, title: str, rows: int, contenders: list[Contender], runs: int | None = None
    ) -> Scenario:
        peer_runs = self._wanted.peer_runs if rows <= PEER_ROWS else min(self._wanted.peer_runs, 1)
        return Scenario(name, title, rows, contenders, self._wanted.runs if runs is None else runs, peer_runs)

    def _peers(self, *peers: Contender) -> list[Contender]:
        return list(peers) if self._wanted.peers else []

    def _copying(self, rows: int) -> Copying:
        return Copying(lineitem_source(self._servers, rows), self._destination, rows)

    def _mariadb(self, database: str) -> MariadbSide:
        if self._servers.mariadb is None:
            raise RuntimeError("MariaDB is not installed")
        return MariadbSide(self._servers.mariadb, database)

    def _mariadb_source(self, rows: int) -> MariadbSide:
        """A copy of PostgreSQL's table, so that both directions move the same rows."""
        self._mariadb("mysql").execute("CREATE DATABASE IF NOT EXISTS lineitem")
        side = self._mariadb("lineitem")
        copy = CopyLimit(Copying(lineitem_source(self._servers, rows), side, rows), 2, key_present=True)
        for step in (copy.prepare, copy.run, copy.verify):
            step()
        side.execute("ANALYZE TABLE lineitem")
        return side
