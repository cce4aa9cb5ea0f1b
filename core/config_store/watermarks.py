"""Watermarks in the config store: one for each run of an incremental table."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from core.config_store.sessions import Transactions
from core.config_store.tables import TableConfig, Watermark
from core.watermark import StoredWatermark


class Watermarks(Transactions):
    """The part of the config store about incremental tables."""

    async def watermarks(self, job_id: str, *, before_run: int) -> dict[str, StoredWatermark]:
        """By table id, how far the newest proved run before this one has read. A run that is tried again begins
        where it began the first time."""
        query = (
            select(Watermark)
            .join(TableConfig, TableConfig.table_id == Watermark.table_id)
            .where(TableConfig.job_id == job_id, Watermark.run < before_run)
            .order_by(Watermark.run)
        )
        async with self.transaction() as session:
            return {row.table_id: _read(row) for row in await session.scalars(query)}

    async def record_watermark(self, reached: StoredWatermark, *, load: int) -> None:
        """Stores how far a run has read. Idempotent; a run that is tried again replaces what it stored before."""
        values = {"number": reached.number, "value": reached.value, "load": load, "recorded_at": func.now()}
        statement = insert(Watermark).values(table_id=reached.table_id, run=reached.run, **values)
        async with self.transaction() as session:
            await session.execute(statement.on_conflict_do_update(index_elements=["table_id", "run"], set_=values))


def _read(row: Watermark) -> StoredWatermark:
    return StoredWatermark(
        table_id=row.table_id, run=row.run, number=row.number, value=row.value, recorded_at=row.recorded_at
    )
