"""One job on the native path by workers that have done nothing before, so that their peak memory is this job's."""

from __future__ import annotations

from bench.lineitem_copy import Copying
from bench.servers import Servers
from bench.sterna_copy import NATIVE, SternaCopy
from core.temporal_client import STAGES


class SternaFreshWorkers(SternaCopy):
    """A stack of its own for each size."""

    def __init__(self, servers: Servers, copying: Copying) -> None:
        super().__init__(servers, copying, f"{NATIVE}, {copying.rows:,} rows")
        self.stack = servers.new_stack(f"fresh-{copying.rows}", stages=list(STAGES))
        self.settings += ", workers just started"

    def prepare(self) -> None:
        super().prepare()
        if not self.stack.process("api").running:
            self.stack.start()

    def close(self) -> None:
        self.stack.stop()
