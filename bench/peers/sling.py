"""sling: the newest version whose wheel carries the program; later ones download it, which a benchmark must not."""

from __future__ import annotations

from bench.lineitem_copy import Peer
from bench.peers.environment import LONGEST_RUN_SECONDS, Environment
from bench.programs import run_programs
from bench.sides import PostgresSide, Side

VERSION = "1.4.11"
ENVIRONMENT = Environment("sling", f"sling-linux-amd64=={VERSION}")
SWITCHES = {"SLING_DISABLE_TELEMETRY": "TRUE", "SLING_DIRECT_INSERT": "TRUE"}


class Sling(Peer):
    """Full refresh with direct insert: no temporary table, bulk loading as it chooses by itself."""

    name = f"sling {VERSION}"
    settings = f"sling {VERSION}: --mode full-refresh, direct insert, bulk loading (its default)"

    def install(self) -> None:
        ENVIRONMENT.install()

    def run(self) -> None:
        source, destination = (_connection(side) for side in (self.copying.source, self.copying.destination))
        places = [
            *("--src-conn", source, "--src-stream", _table(self.copying.source)),
            *("--tgt-conn", destination, "--tgt-object", _table(self.copying.destination)),
        ]
        options = ["--mode", "full-refresh", "--tgt-options", '{"direct_insert": true, "use_bulk": true}']
        run_programs(
            [ENVIRONMENT.find("sling-linux-amd64"), "run", *places, *options],
            environment=SWITCHES,
            seconds=LONGEST_RUN_SECONDS,
        )


def _connection(side: Side) -> str:
    return f"{side.url('postgresql')}?sslmode=disable" if isinstance(side, PostgresSide) else side.url("mariadb")


def _table(side: Side) -> str:
    return "public.lineitem" if isinstance(side, PostgresSide) else f"{side.database}.lineitem"
