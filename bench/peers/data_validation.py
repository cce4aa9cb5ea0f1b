"""Google's data-validation tool: compares a hash of every row by key."""

from __future__ import annotations

from bench.contender import Failed
from bench.peers.environment import LONGEST_RUN_SECONDS, Environment, scratch
from bench.programs import run_programs
from bench.proofs import ProofPeer
from bench.sides import PASSWORD, Side

VERSION = "8.10.1"
ENVIRONMENT = Environment("data-validation", f"google-pso-data-validator=={VERSION}", "setuptools<80")


class DataValidation(ProofPeer):
    """`validate row --hash '*'`."""

    name = f"data-validation {VERSION}"
    settings = f"google-pso-data-validator {VERSION}: validate row --hash '*', key of two columns, failures only"

    def install(self) -> None:
        ENVIRONMENT.install()
        self._connections = str(scratch("data-validation"))
        for name, side in (("source", self.copying.source), ("destination", self.copying.destination)):
            self._validator("connections", "add", "--connection-name", name, "Postgres", *_login(side))

    def run(self) -> None:
        said = self._validator(
            *("validate", "row", "--source-conn", "source", "--target-conn", "destination"),
            *("--tables-list", "public.lineitem=public.lineitem", "--primary-keys", ",".join(self.key_columns)),
            *("--hash", "*", "--filter-status", "fail"),
        )
        if f'"total_rows_success_validation_status": {self.copying.rows},' not in said:
            raise Failed(said[-600:])

    def _validator(self, *arguments: str) -> str:
        command = [ENVIRONMENT.program("data-validation"), *arguments]
        return run_programs(command, environment={"PSO_DV_CONN_HOME": self._connections}, seconds=LONGEST_RUN_SECONDS)


def _login(side: Side) -> list[str]:
    place = {"host": "127.0.0.1", "port": str(side.server.port), "user": side.server.user, "password": PASSWORD}
    return [word for name, value in {**place, "database": side.database}.items() for word in (f"--{name}", value)]
