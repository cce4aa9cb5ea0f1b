"""Transform: applies a table's transformations to staged Arrow batches and takes their digest in passing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import Beats, beating
from activities.measuring import measuring, taken
from activities.reject_room import RejectRoom
from core.changed_values import Changed, add_changed
from core.errors import DataRejected, Defect
from core.schema import Digest
from core.stage_models import StagedBatch, StagedBatches, TransformInput

if TYPE_CHECKING:
    import pyarrow as pa

    from activities.resources.refused_values import RefusedValues
    from activities.resources.reject_isolation import LeftOut, RejectIsolation
    from activities.resources.routes import Routes
    from activities.resources.row_changes import Change, ChangedRows, RowChanges
    from activities.resources.staging import LocalStaging
    from core.route import TableRoute


class TransformActivities:
    """Served by `sterna-transform` workers; they reach staging only, never a database."""

    def __init__(
        self,
        routes: Routes,
        staging: LocalStaging,
        row_changes: RowChanges,
        refused_values: RefusedValues,
        isolation: RejectIsolation,
    ) -> None:
        self._routes = routes
        self._staging = staging
        self._row_changes = row_changes
        self._refused_values = refused_values
        self._isolation = isolation

    @activity.defn
    async def transform_batches(self, given: TransformInput) -> StagedBatches:
        """Reads each staged batch, writes it transformed beside it, then deletes the original.

        Rows that do not fit are kept as rejects where the activity may leave some out. Idempotent. Raises
        DataRejected, and StagedBatchGone where an earlier attempt came as far as deleting it.
        """
        with measuring() as watch:
            route = self._routes.read(given.route)
            change = self._row_changes.of(route, digests=given.digests)
            left, staged = given.allowed_rejects, []
            async with beating() as beat:
                for batch in given.batches:
                    room = None if left is None else RejectRoom(left, given.load, given.digests)
                    staged.append(await self._transform_batch(route, given.token, batch, change, room, beat))
                    left = None if left is None else left - staged[-1].rejected
            seconds, spent = taken(watch)
        return StagedBatches(batches=staged, seconds=seconds, spent=spent)

    async def _transform_batch(
        self, route: TableRoute, token: str, batch: StagedBatch, change: Change, room: RejectRoom | None, beat: Beats
    ) -> StagedBatch:
        reference = self._routes.staged(route, token, batch.number, "transformed")
        digest, changed = Digest(), Changed()
        left_out = self._isolation.left_out(route, batch.number)
        with self._staging.writing(reference) as staged:
            async for rows in self._staging.read_batches(batch.staged, batch.bytes):
                part = await self._change(route, batch.number, change, rows, room, left_out)
                staged.write_batch(part.rows)
                digest += part.digest
                changed = add_changed(changed, part.changed)
                beat(rows.nbytes)
        rejected = left_out.keep(room) if room is not None else 0
        if digest.rows + rejected != batch.digest.rows:
            raise Defect(
                f"{batch.digest.rows} rows went into the transformations of {reference}, {digest.rows} came out"
            )
        self._staging.delete(batch.staged)
        return StagedBatch(
            number=batch.number,
            staged=reference,
            digest=digest,
            bytes=staged.bytes,
            changed=changed,
            rejected=rejected,
        )

    async def _change(
        self,
        route: TableRoute,
        number: int,
        change: Change,
        rows: pa.RecordBatch,
        room: RejectRoom | None,
        left_out: LeftOut,
    ) -> ChangedRows:
        try:
            part = await asyncio.to_thread(change, rows)
        except DataRejected as error:
            if room is None:
                raise self._refused_values.keep(route, number, error) from None
            part, refused = await self._isolation.change(change, rows, room)
            left_out.add(rows, refused)
            return part
        left_out.pass_over(rows)
        return part
