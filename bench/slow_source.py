"""More extract workers on a source that takes long to answer: every batch query waits 200 ms in the server."""

from __future__ import annotations

from typing import Any

from bench.lineitem_copy import Copying
from bench.servers import Servers
from bench.sides import Side
from bench.sterna_copy import DATA_ONLY, SternaCopy
from bench.sterna_job import warm_up
from core.temporal_client import STAGES

LATENCY_SECONDS = 0.2
BATCHES = 160
SLOW = f"(SELECT pg_sleep({LATENCY_SECONDS})::text) IS NOT NULL"
"""An uncorrelated subquery: once for each query, whatever its rows."""


class SternaSlowSource(SternaCopy):
    """A stack of its own with that many extract workers of one slot each."""

    def __init__(self, servers: Servers, copying: Copying, small: Side, workers: int) -> None:
        """`small`: where a job to warm up with comes from."""
        options = {**DATA_ONLY, "parallelBatches": 16}
        super().__init__(servers, copying, f"Sterna, {workers} extract worker{'' if workers == 1 else 's'}", options)
        stages = [stage for stage in STAGES if stage != "extract"] + ["extract"] * workers
        self.stack = servers.new_stack(
            f"stack-{workers}", stages=stages, STERNA_EXTRACT_SLOTS="1", STERNA_WHERE_CLAUSES="trusted"
        )
        self._small = small
        self.settings = (
            f"{workers} extract worker(s) of one slot, options {options}, batchSize for about {BATCHES} batches; "
            f"whereClause {SLOW}"
        )

    def prepare(self) -> None:
        super().prepare()
        if not self.stack.process("api").running:
            self.stack.start()
            warm_up(self.stack, self._small, self.copying.destination, "small_1", "name")
            super().prepare()

    def close(self) -> None:
        self.stack.stop()

    def table_spec(self) -> dict[str, Any]:
        return {"sourceTable": "lineitem", "whereClause": SLOW, "batchSize": self.copying.rows // BATCHES}
