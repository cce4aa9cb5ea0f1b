"""Extract: reading the source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.extract import ExtractActivities
from activities.resources.refused_values import RefusedValues
from worker.parts import Activity, Parts, Service


@asynccontextmanager
async def services(parts: Parts) -> AsyncIterator[list[Service]]:
    """The queue `extract`."""
    extract = ExtractActivities(parts.connections, parts.routes, parts.staging, RefusedValues(parts.routes))
    served: list[Activity] = [extract.extract_batches, extract.count_source, extract.fix_bounds]
    yield [Service("extract", served, parts.settings.extract_slots)]
