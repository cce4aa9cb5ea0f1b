"""Sterna copying lineitem: data only, with key, with proof, through transformations."""

from __future__ import annotations

from typing import Any

from bench import lineitem
from bench.contender import Failed, Role
from bench.lineitem_copy import CopyContender, Copying
from bench.servers import Servers
from bench.sterna_job import run_job

NATIVE = "Sterna"
ARROW = "Sterna, COLUMN_MAP + DATA_MASK + EXPRESSION"
WITHOUT_PROOF = "Sterna, key, no proof"
WITH_PROOF = "Sterna, key, checksum proof"
MASKED = "repeat('X', length(l_comment) - 4) || right(l_comment, 4)"
DATA_ONLY = {"createTables": False, "validation": "none"}
TRANSFORMATIONS: tuple[dict[str, Any], ...] = (
    {"type": "COLUMN_MAP", "mapping": {"l_comment": "l_remark"}},
    {"type": "DATA_MASK", "columns": ["l_remark"], "maskChar": "X", "keepLast": 4},
    {"type": "EXPRESSION", "column": "l_extendedprice", "expression": "l_extendedprice + l_tax - l_tax"},
)


class SternaCopy(CopyContender):
    """One job with one table."""

    role = Role.STERNA

    def __init__(
        self,
        servers: Servers,
        copying: Copying,
        name: str = NATIVE,
        options: dict[str, Any] = DATA_ONLY,
        *,
        key_present: bool = False,
    ) -> None:
        super().__init__(copying)
        self.name = name
        self.makes_table = options.get("createTables", True)
        self.table_has_key = key_present
        self.leaves_key = key_present or self.makes_table
        self.settings = f"defaults of `sterna up`, options {options}"
        self.stack = servers.stack
        self._options = options

    def run(self) -> None:
        run_job(
            self.stack, self.name, self.copying.source, self.copying.destination, [self.table_spec()], self._options
        )

    def table_spec(self) -> dict[str, Any]:
        """The one table of the job."""
        return {"sourceTable": "lineitem"}


class SternaTransforming(SternaCopy):
    """The Arrow path: each transformation looks at every value of a column."""

    def __init__(self, servers: Servers, copying: Copying) -> None:
        super().__init__(servers, copying, ARROW)
        self.settings += f", transformations {list(TRANSFORMATIONS)}"
        self._expected: list[tuple[Any, ...]] = []

    def prepare(self) -> None:
        self.copying.destination.clear()
        self.copying.destination.execute(lineitem.table(key=False).replace("l_comment", "l_remark"))

    def verify(self) -> None:
        dialect = lineitem.POSTGRES_FAST
        self._expected = self._expected or self.copying.source.execute(lineitem.fingerprint_query(dialect, MASKED))
        if self.copying.destination.execute(lineitem.fingerprint_query(dialect, "l_remark")) != self._expected:
            raise Failed("values are not what the transformations make of the source's")

    def table_spec(self) -> dict[str, Any]:
        return {"sourceTable": "lineitem", "transformations": list(TRANSFORMATIONS)}
