"""ingestr: the newest version that is a Python program; later ones download theirs, which a benchmark must not."""

from __future__ import annotations

from bench.lineitem_copy import Peer
from bench.peers.dlt import LENIENT
from bench.peers.environment import LONGEST_RUN_SECONDS, Environment, scratch
from bench.programs import run_programs
from bench.sides import PostgresSide, Side

VERSION = "0.14.155"
ENVIRONMENT = Environment("ingestr", f"ingestr=={VERSION}", "setuptools<80")


class Ingestr(Peer):
    """Its pyarrow backend; the loader's file format is its own choice."""

    name = f"ingestr {VERSION}"
    settings = f"ingestr {VERSION}: --sql-backend pyarrow --page-size 250000, loader file format of its own choice"

    def install(self) -> None:
        ENVIRONMENT.install()

    def run(self) -> None:
        source, destination = self.copying.source, self.copying.destination
        into_postgres = isinstance(destination, PostgresSide)
        places = [
            *("--source-uri", _url(source), "--source-table", _table(source)),
            *("--dest-uri", _url(destination), "--dest-table", "public.lineitem" if into_postgres else "lineitem"),
        ]
        options = ["--sql-backend", "pyarrow", "--page-size", "250000", "--pipelines-dir", str(scratch("ingestr"))]
        run_programs(
            [ENVIRONMENT.program("ingestr"), "ingest", *places, *options, "--yes", "--progress", "log"],
            environment={"INGESTR_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true"},
            seconds=LONGEST_RUN_SECONDS,
        )


def _url(side: Side) -> str:
    return side.url("postgresql") if isinstance(side, PostgresSide) else side.url("mysql+pymysql") + LENIENT


def _table(side: Side) -> str:
    return "public.lineitem" if isinstance(side, PostgresSide) else f"{side.database}.lineitem"
