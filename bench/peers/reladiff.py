"""reladiff: compares a table in two databases by checksums of key ranges."""

from __future__ import annotations

from bench.contender import Failed
from bench.peers.environment import LONGEST_RUN_SECONDS, Environment
from bench.programs import run_programs
from bench.proofs import ProofPeer

VERSION = "0.6.0"
ENVIRONMENT = Environment("reladiff", f"reladiff[postgresql]=={VERSION}")


class Reladiff(ProofPeer):
    """All columns."""

    name = f"reladiff {VERSION}"
    settings = f"reladiff {VERSION}: all columns, compound key, --threads 4"

    def install(self) -> None:
        ENVIRONMENT.install()

    def run(self) -> None:
        source, destination = (side.url("postgresql") for side in (self.copying.source, self.copying.destination))
        keys = [word for column in self.key_columns for word in ("--key-columns", column)]
        options = ["--columns", "%", "--threads", "4", "--stats"]
        said = run_programs(
            [ENVIRONMENT.program("reladiff"), source, "lineitem", destination, "lineitem", *keys, *options],
            seconds=LONGEST_RUN_SECONDS,
        )
        if f"{self.copying.rows} rows unchanged" not in said:
            raise Failed(said[-600:])
