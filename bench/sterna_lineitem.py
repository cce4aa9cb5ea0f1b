"""Sterna copying lineitem: data only, with key, with proof, through transformations."""

from __future__ import annotations

from typing import Any

from bench.contender import Role
from bench.lineitem_copy import LineitemContender
from bench.servers import DATABASE, Servers
from bench.sterna_job import postgres_side, run_job

DATA_ONLY = {"createTables": False, "validation": "none"}
TRANSFORMED = (
    {"type": "COLUMN_MAP", "mapping": {"l_comment": "l_remark"}},
    {"type": "DATA_MASK", "columns": ["l_shipinstruct"], "maskChar": "X", "keepLast": 4},
    {"type": "EXPRESSION", "column": "l_extendedprice", "expression": "l_extendedprice * 2 - l_extendedprice"},
)


class SternaCopy(LineitemContender):
    """One job with one table."""

    role = Role.STERNA

    def __init__(self, servers: Servers, database: str, name: str, options: dict[str, Any]) -> None:
        super().__init__(servers, database)
        self.name = name
        self.makes_table = self.makes_key = options.get("createTables", True)
        self.settings = f"defaults of `sterna up`, options {options}"
        self._options = options

    def run(self) -> None:
        run_job(self.servers.stack, self._job(self._table()))

    def _table(self) -> dict[str, Any]:
        return {"sourceTable": "lineitem"}

    def _job(self, table: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": postgres_side(self.servers.source, self.database),
            "destination": postgres_side(self.servers.destination, DATABASE),
            "tables": [table],
            "options": self._options,
        }
