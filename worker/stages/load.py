"""Load: writing the destination, DDL included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.ddl import DdlActivities
from activities.load import LoadActivities
from activities.resources.refused_values import RefusedValues
from activities.resources.staging import LocalStaging
from worker.parts import Parts, Service


@asynccontextmanager
async def services(parts: Parts) -> AsyncIterator[list[Service]]:
    """The queue `load`."""
    load = LoadActivities(
        parts.connections, parts.routes, LocalStaging(parts.settings.staging), RefusedValues(parts.routes)
    )
    ddl = DdlActivities(parts.connections, parts.routes)
    yield [
        Service(
            "load",
            [load.begin_load, load.load_batches, ddl.prepare_tables, ddl.finish_table, ddl.build_foreign_keys],
            parts.settings.load_slots,
        )
    ]
