"""Values that were refused: what is known of them is kept as a document, because messages hold no values."""

from __future__ import annotations

import asyncio

from activities.resources.routes import Routes
from activities.resources.row_changes import fitted_columns
from activities.resources.staging import LocalStaging
from connectors.arrow_text import CsvReader
from connectors.contract import CSV_INTERCHANGE
from connectors.fitting import fit
from core.errors import DataRejected
from core.route import TableRoute
from core.stage_models import StagedBatch

MOST_BYTES = 256 * 1024 * 1024
"""Of a batch that is looked at as a whole; of a larger one only the destination's own words are known."""


class RefusedValues:
    """Keeps and explains refusals of one batch."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    def keep(self, route: TableRoute, number: int, error: DataRejected) -> DataRejected:
        """The error, whose remedy names the document with its evidence, where it has any."""
        if error.evidence:
            kept = self._routes.keep_refusal(route, number, error.evidence)
            error.remedy = ". ".join(filter(None, (error.remedy, f"The document {kept} shows an example")))
        return error

    async def explain(
        self, route: TableRoute, batch: StagedBatch, staging: LocalStaging, error: DataRejected
    ) -> DataRejected:
        """What the destination refused, kept. Bulk bytes were left to it to judge: where it refused a value that the
        route's limits name, the error becomes the one that a look in passing gives, with count and example."""
        if route.native_format == CSV_INTERCHANGE and batch.bytes <= MOST_BYTES:
            rows = b"".join([piece async for piece in staging.read(batch.staged, batch.bytes)])
            found = await asyncio.to_thread(_refusal, route, rows)
            if found is not None:
                found.code = error.code
                found.evidence["server"] = error.evidence
                error = found
        return self.keep(route, batch.number, error)


def _refusal(route: TableRoute, rows: bytes) -> DataRejected | None:
    columns = fitted_columns(route)
    reader = CsvReader([column.name for column in columns], [column.native for column in columns], null="NULL")
    try:
        for part in reader.parse(rows):
            fit(part, columns)
    except DataRejected as refusal:
        return refusal
    return None
