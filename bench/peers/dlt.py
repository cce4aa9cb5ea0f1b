"""dlt: a pipeline of one SQL table."""

from __future__ import annotations

from pathlib import Path

from bench.lineitem_copy import Copying, Peer
from bench.peers.environment import LONGEST_RUN_SECONDS, Environment, scratch
from bench.programs import run_programs
from bench.sides import PostgresSide, Side

VERSION = "1.31.0"
ENVIRONMENT = Environment(
    "dlt",
    f"dlt[postgres,sql-database,parquet]=={VERSION}",
    "connectorx==0.4.6",
    "adbc-driver-postgresql==1.13.0",
    "adbc-driver-manager==1.13.0",
    "pymysql",
    "sqlalchemy<2.1",
)
PIPELINE = Path(__file__).with_name("dlt_pipeline.py")
LENIENT = "?sql_mode=NO_ENGINE_SUBSTITUTION"
"""dlt writes its own timestamps with a zone, which a strict MariaDB refuses."""


class Dlt(Peer):
    """connectorx and Parquet, through ADBC into PostgreSQL; the pyarrow backend and SQLAlchemy into MariaDB."""

    name = f"dlt {VERSION}"

    def __init__(self, copying: Copying) -> None:
        super().__init__(copying)
        into_postgres = isinstance(copying.destination, PostgresSide)
        self._backend = "connectorx" if into_postgres else "pyarrow"
        loads = "ADBC" if into_postgres else "SQLAlchemy (pymysql, lenient sql_mode)"
        self.settings = f"dlt {VERSION}: backend {self._backend}, Parquet, {loads}, chunks of 250,000 rows"

    def install(self) -> None:
        ENVIRONMENT.install()

    def run(self) -> None:
        source, destination = self.copying.source, self.copying.destination
        lenient = "" if isinstance(destination, PostgresSide) else LENIENT
        places = [_url(source), _schema(source), self._backend, _url(destination) + lenient, _schema(destination)]
        run_programs(
            [str(ENVIRONMENT.python), "-P", str(PIPELINE), str(scratch("dlt")), *places],
            environment={"RUNTIME__DLTHUB_TELEMETRY": "false"},
            seconds=LONGEST_RUN_SECONDS,
        )


def _url(side: Side) -> str:
    return side.url("postgresql") if isinstance(side, PostgresSide) else side.url("mysql+pymysql")


def _schema(side: Side) -> str:
    return "public" if isinstance(side, PostgresSide) else side.database
