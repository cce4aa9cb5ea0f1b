"""pgcopydb: schema, rows and key of a whole database."""

from __future__ import annotations

import os

from bench.lineitem_copy import Peer
from bench.peers.environment import LONGEST_RUN_SECONDS, installed, scratch
from bench.programs import run_programs
from bench.servers import postgres_programs


class Pgcopydb(Peer):
    """`pgcopydb clone`, with the server's own pg_dump."""

    name = "pgcopydb"
    leaves_key = True
    settings = (
        "pgcopydb of Debian: clone --table-jobs 2 --index-jobs 2 --skip-large-objects, pg_dump of the server's version"
    )

    def install(self) -> None:
        installed("pgcopydb")

    def run(self) -> None:
        programs = postgres_programs()
        sides = [
            "--source",
            self.copying.source.url("postgresql"),
            "--target",
            self.copying.destination.url("postgresql"),
        ]
        options = [
            "--dir",
            str(scratch("pgcopydb") / "run"),
            "--table-jobs",
            "2",
            "--index-jobs",
            "2",
            "--skip-large-objects",
        ]
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PG_CONFIG": str(programs / "pg_config")}
        run_programs(
            [installed("pgcopydb"), "clone", *sides, *options, "--no-owner", "--no-acl"],
            environment=environment,
            seconds=LONGEST_RUN_SECONDS,
        )
