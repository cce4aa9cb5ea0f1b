"""Heartbeats: on progress where rows move, and by the clock where a database may be silent for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

BEAT_SECONDS = 2.0


def beat(moved_bytes: int = 0) -> None:
    """Tells Temporal that this activity moves; the answer carries pause and cancel."""
    activity.heartbeat(moved_bytes)


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Beats by the clock while the block works with a database: an index build, a digest, a selective whereClause or
    somebody's lock show no progress for long.

    A dead connection ends the statement by TCP keepalive, so the beat cannot hide a wedged session for ever.
    """
    task = asyncio.create_task(_beat_forever())
    try:
        yield
    finally:
        task.cancel()


async def _beat_forever() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT_SECONDS)
