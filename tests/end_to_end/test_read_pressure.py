from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, sessions, until
from tests.forwarder import PIECE, Forwarder
from tests.independent_comparison import assert_equal

ROWS = 64_000
BATCHES = 640
"""Sixteen of them, the most, make an activity."""


class SlowLine(Forwarder):
    """Every piece of an answer comes later by `delay` seconds."""

    delay = 0.0

    def pumps(
        self,
        reader: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> tuple[Coroutine[Any, Any, None], Coroutine[Any, Any, None]]:
        asked, answered = super().pumps(reader, onward, there, writer)
        answered.close()
        return asked, self._answer(there, writer)

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await there.read(PIECE):
                await asyncio.sleep(self.delay)
                writer.write(piece)
                await writer.drain()


def extracts(databases: Databases) -> int:
    return sum("extract" in name for name in sessions(databases))


def test_a_source_that_becomes_slow_is_read_by_fewer_at_once_and_progress_says_so(
    databases: Databases, jobs: Jobs
) -> None:
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(0.02)
    with SlowLine(databases.server.port) as line:
        spec = databases.spec([{"sourceTable": "numbers", "batchSize": ROWS // BATCHES}], parallelBatches=4)
        spec["source"]["port"] = line.port
        job_id = jobs.post(spec)
        until(lambda: len(ledger(databases)) > BATCHES // 8)
        assert jobs.table(job_id, "numbers")["message"] == ""
        line.delay = 0.1
        slower = until(lambda: jobs.table(job_id, "numbers")["message"], 120)
        assert slower.startswith("reading slower: the source answers ")
        until(lambda: 1 <= extracts(databases) <= 2)
        line.delay = 0.0
        table.brake(0)
        ended = jobs.wait(job_id)
    assert ended["status"] == "COMPLETED", ended
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.numbers")
