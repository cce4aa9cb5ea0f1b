"""The same job with batches encrypted while they lie between stages, and without."""

from __future__ import annotations

from bench.lineitem_copy import Copying
from bench.servers import Servers
from bench.sterna_copy import NATIVE, SternaCopy

ENCRYPTED = f"{NATIVE}, staging encrypted"


class SternaStaging(SternaCopy):
    """A stack of its own, whose workers have done a job before."""

    def __init__(self, servers: Servers, copying: Copying, *, encrypted: bool) -> None:
        super().__init__(servers, copying, ENCRYPTED if encrypted else NATIVE)
        setting = "true" if encrypted else "false"
        self.stack = servers.new_stack(f"staging-{setting}", STERNA_ENCRYPT_STAGING=setting)
        self.settings += f", STERNA_ENCRYPT_STAGING={setting}"

    def prepare(self) -> None:
        super().prepare()
        if not self.stack.process("api").running:
            self.stack.start()
            self.run()
            super().prepare()

    def close(self) -> None:
        self.stack.stop()
