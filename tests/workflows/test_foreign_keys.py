"""Rows that foreign keys take out of a table after its proof: it is proved again, whichever attempt took them out."""

from __future__ import annotations

import asyncio

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError

from core.job_spec import JobStatus
from core.models import PreparedTables, RoutesInput
from core.schema import Digest
from core.stage_models import ValidateInput
from tests.workflows.stand_ins import StandIns, entry

SECONDS = 30


class TwoOrphans(StandIns):
    """A destination where the foreign key took two rows out of the table."""

    @activity.defn
    async def build_foreign_keys(self, given: RoutesInput) -> PreparedTables:
        await self._called(given)
        proved: ValidateInput = self.of("validate_table")[-1]
        left = proved.model_copy(update={"extracted": Digest(rows=1, total="1"), "rejected": 2})
        return PreparedTables(corrected={"t1": left})


async def test_the_job_ends_with_what_is_left_and_its_new_proof(stand_ins: StandIns) -> None:
    losing = TwoOrphans(stand_ins.client, tables=[entry(has_foreign_keys=True)])
    async with losing.serving():
        progress = await asyncio.wait_for((await losing.start_job()).result(), SECONDS)
    assert (progress.status, progress.rows, progress.rejected) == (JobStatus.COMPLETED, 1, 2)
    assert [given.rejected for given in losing.of("validate_table")] == [0, 2]
    [written] = losing.of("write_certificate")
    assert [(result.rows, result.rejected, result.proved) for result in written.results] == [(1, 2, True)]


async def test_a_proof_that_fails_then_fails_the_job(stand_ins: StandIns) -> None:
    losing = TwoOrphans(stand_ins.client, tables=[entry(has_foreign_keys=True)])

    async def second_fails(given: ValidateInput) -> None:
        losing.failing_proofs = int(given.rejected > 0)

    losing.hooks["validate_table"] = second_fails
    async with losing.serving():
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for((await losing.start_job()).result(), SECONDS)
    [written] = losing.of("write_certificate")
    assert [(result.status, result.proved) for result in written.results] == [("FAILED", False)]
