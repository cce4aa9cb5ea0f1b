"""Load: writing the destination, DDL included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.ddl import DdlActivities
from activities.load import LoadActivities
from activities.replay import ReplayActivities
from activities.resources.foreign_keys import ForeignKeys
from activities.resources.refused_values import RefusedValues
from activities.resources.reject_isolation import RejectIsolation
from activities.resources.reject_replay import RejectReplay
from activities.resources.row_changes import RowChanges
from activities.resources.violations import Violations
from worker.parts import Parts, Service


@asynccontextmanager
async def services(parts: Parts) -> AsyncIterator[list[Service]]:
    """The queue `load`."""
    load = LoadActivities(
        parts.connections,
        parts.routes,
        parts.staging,
        RefusedValues(parts.routes),
        RejectIsolation(parts.connections, parts.routes, parts.documents),
    )
    violations = Violations(parts.connections, parts.routes, parts.documents)
    foreign_keys = ForeignKeys(parts.connections, parts.routes, parts.documents, violations)
    ddl = DdlActivities(parts.connections, parts.routes, violations, foreign_keys)
    row_changes = RowChanges(parts.routes)
    replay = ReplayActivities(parts.routes, RejectReplay(parts.connections, parts.routes, row_changes, parts.documents))
    yield [
        Service(
            "load",
            [
                load.begin_load,
                load.load_batches,
                ddl.prepare_tables,
                ddl.finish_table,
                ddl.build_foreign_keys,
                replay.replay_table,
            ],
            parts.settings.load_slots,
        )
    ]
