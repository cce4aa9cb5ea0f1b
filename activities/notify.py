"""Notify: tells people and programs how a job goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from core.errors import MigrationError
from core.notices import Delivery, Undelivered

if TYPE_CHECKING:
    from activities.resources.notifiers import Notifiers
    from core.config_store.store import ConfigStore


class NotifyActivities:
    """Served by `sterna-control` workers."""

    def __init__(self, store: ConfigStore, notifiers: Notifiers) -> None:
        self._store = store
        self._notifiers = notifiers

    @activity.defn
    async def deliver_notice(self, given: Delivery) -> bool:
        """Sends a notice by one channel; False where an earlier attempt did. Only a worker that dies between the
        channel's answer and the record of it makes the next attempt send it once more, under the same key."""
        if not await self._store.begin_delivery(given):
            return False
        try:
            await self._notifiers.send(given.notice, given.channel)
        except MigrationError as error:
            await self._store.end_delivery(given, error=str(error))
            raise
        await self._store.end_delivery(given, error=None)
        return True

    @activity.defn
    async def record_undelivered(self, given: Undelivered) -> None:
        """Says in the run's and the job's attention which notices were given up. Idempotent."""
        activity.logger.error("job %s, run %s: %s", given.job_id, given.run, given.message)
        await self._store.add_attention(given)
