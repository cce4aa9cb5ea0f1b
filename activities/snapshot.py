"""The snapshot's keeper: one session that lives as long as the job reads its source."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from temporalio import activity

from connectors.base import ExportsSnapshot, capability
from core.models import SnapshotInput
from core.progress import Snapshot

if TYPE_CHECKING:
    from temporalio.client import Client

    from activities.resources.connections import Connections
    from activities.resources.routes import Routes

CHECK_SECONDS = 3.0
CHECKS_OF_AGE = 0.05
"""While the keeper is young it beats more often: its end travels on the answers, and a small job waits for it."""
SHORTEST_CHECK_SECONDS = 0.1


class SnapshotActivities:
    """Served by control workers on a queue of its own, so that long-lived keepers take no other activity's slot."""

    def __init__(self, connections: Connections, routes: Routes, client: Client) -> None:
        self._connections = connections
        self._routes = routes
        self._client = client

    @activity.defn
    async def keep_snapshot(self, given: SnapshotInput) -> None:
        """Takes a snapshot, signals it to the job, and keeps it until cancelled.

        Each attempt is a new moment with a new epoch: when the session or this worker dies, Temporal tries again and
        the job learns by the signal that the old moment is gone.
        """
        routes = [self._routes.read(reference) for reference in given.routes]
        connector = await self._connections.connector(given.source, f"keeper {given.job_id}", lasting=True)
        exporter = capability(connector, ExportsSnapshot)
        async with exporter.keeping_snapshot([route.source_table for route in routes]) as keeper:
            snapshot = Snapshot(
                id=keeper.taken.id,
                epoch=given.first_epoch + activity.info().attempt - 1,
                taken_at=keeper.taken.taken_at,
                position=keeper.taken.position,
            )
            told = activity.info()
            job = self._client.get_workflow_handle(str(told.workflow_id), run_id=told.workflow_run_id)
            await job.signal("take_snapshot", snapshot)
            taken = time.monotonic()
            while True:
                await keeper.check()
                activity.heartbeat(snapshot.epoch)
                age = time.monotonic() - taken
                await asyncio.sleep(min(CHECK_SECONDS, max(SHORTEST_CHECK_SECONDS, CHECKS_OF_AGE * age)))
