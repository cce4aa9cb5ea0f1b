"""Heartbeats: by the clock, with what has moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

BEAT_SECONDS = 2.0


class Beats:
    """Adds up what an activity moves. Called for every piece: a heartbeat for each would cost more than the piece."""

    def __init__(self) -> None:
        self.moved_bytes = 0

    def __call__(self, moved_bytes: int) -> None:
        self.moved_bytes += moved_bytes


@asynccontextmanager
async def beating() -> AsyncIterator[Beats]:
    """Tells Temporal every two seconds that the block works, and what has moved; the answers carry pause and cancel.

    By the clock: an index build, a digest, a selective whereClause or somebody's lock show no progress for long.
    A dead connection ends the statement by TCP keepalive, so the beat cannot hide a wedged session for ever.
    """
    beats = Beats()
    task = asyncio.create_task(_beat_forever(beats))
    try:
        yield beats
    finally:
        task.cancel()


async def _beat_forever(beats: Beats) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)  # first: the many activities that are done by then cost the server nothing
        activity.heartbeat(beats.moved_bytes)
