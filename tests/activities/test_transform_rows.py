"""A transformation that loses or adds rows is a defect, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from temporalio.testing import ActivityEnvironment

from activities.resources.reject_isolation import RejectIsolation
from activities.resources.row_changes import ChangedRows
from activities.resources.staging import LocalStaging
from activities.transform import TransformActivities
from core.errors import Defect
from core.schema import Digest
from core.stage_models import StagedBatch, TransformInput

THREE = pa.record_batch({"a": ["1", "2", "3"]})


class Changing:
    """Routes, and a change that gives these rows for any."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows

    def read(self, reference: str) -> str:
        return reference

    def staged(self, route: str, load: int, number: int, stage: str) -> str:
        return f"{load}/{number}.{stage}"

    def of(self, route: str, *, digests: bool) -> Any:
        return lambda rows: ChangedRows(self._rows, Digest(rows=self._rows.num_rows), {})


@pytest.mark.parametrize("rows", [2, 4])
async def test_rows_that_get_lost_or_doubled_in_a_transformation_are_noticed(rows: int, tmp_path: Path) -> None:
    staging = LocalStaging(tmp_path)
    with staging.writing("1/0.arrow") as staged:
        staged.write_batch(THREE)
    wrong: Any = Changing(pa.record_batch({"a": ["x"] * rows}))
    transform = TransformActivities(wrong, staging, wrong, wrong, RejectIsolation(wrong, wrong, wrong))
    batch = StagedBatch(number=0, staged="1/0.arrow", digest=Digest(rows=3), bytes=staged.bytes)
    with pytest.raises(Defect, match=f"3 rows went into the transformations of 1/0.transformed, {rows} came out"):
        await ActivityEnvironment().run(
            transform.transform_batches, TransformInput(route="r", token="1", batches=[batch], digests=True)
        )
