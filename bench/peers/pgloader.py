"""pgloader: into PostgreSQL, from PostgreSQL and MariaDB."""

from __future__ import annotations

from bench.contender import Failed
from bench.lineitem_copy import Copying, Peer
from bench.peers.environment import LONGEST_RUN_SECONDS, installed, scratch
from bench.programs import run_programs

OPTIONS = "workers = 2, concurrency = 1, batch rows = 10000, prefetch rows = 10000"
"""Its default of 100,000 rows ahead exhausts the heap of 1 GB that Debian builds it with."""


class Pgloader(Peer):
    """Data only into an existing table from PostgreSQL; from MariaDB it makes the table and no key."""

    name = "pgloader"

    def __init__(self, copying: Copying) -> None:
        super().__init__(copying)
        self.makes_table = not copying.between_postgres
        what = "data only" if copying.between_postgres else "include drop, create tables, create no indexes"
        self._with = f"{what}, {OPTIONS}"
        self.settings = f"pgloader of Debian: WITH {self._with}"

    def install(self) -> None:
        installed("pgloader")

    def run(self) -> None:
        source, destination = self.copying.source, self.copying.destination
        scheme = "postgresql" if self.copying.between_postgres else "mysql"
        rename = "" if self.copying.between_postgres else f" ALTER SCHEMA '{source.database}' RENAME TO 'public'"
        folder = scratch("pgloader")
        command = folder / "lineitem.load"
        command.write_text(
            f"LOAD DATABASE FROM {source.url(scheme)} INTO {destination.url('postgresql')} WITH {self._with}{rename};"
        )
        said = run_programs(
            [installed("pgloader"), "--root-dir", str(folder), str(command)], seconds=LONGEST_RUN_SECONDS
        )
        if "KABOOM" in said:
            raise Failed(said[-600:])
