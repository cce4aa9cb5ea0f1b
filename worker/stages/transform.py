"""Transform: changing rows in staging."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.resources.refused_values import RefusedValues
from activities.resources.reject_isolation import RejectIsolation
from activities.resources.row_changes import RowChanges
from activities.transform import TransformActivities
from worker.parts import Parts, Service


@asynccontextmanager
async def services(parts: Parts) -> AsyncIterator[list[Service]]:
    """The queue `transform`."""
    transform = TransformActivities(
        parts.routes,
        parts.staging,
        RowChanges(parts.routes),
        RefusedValues(parts.routes),
        RejectIsolation(parts.connections, parts.routes, parts.documents),
    )
    yield [Service("transform", [transform.transform_batches], parts.settings.transform_slots)]
