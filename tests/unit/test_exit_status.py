"""What a script that waits for a job learns from the exit status."""

from __future__ import annotations

import pytest

from api.cli import Exit, exit_status
from core.job_spec import JobStatus
from core.progress import JobProgress, TableProgress, TableStatus


def ended(status: JobStatus, *proved: bool) -> JobProgress:
    tables = [
        TableProgress(table_id=str(number), name=f"t{number}", status=TableStatus.COMPLETED, proved=each)
        for number, each in enumerate(proved)
    ]
    return JobProgress(job_id="job", run=1, status=status, tables=tables)


@pytest.mark.parametrize(
    ("last", "validation", "status"),
    [
        (ended(JobStatus.COMPLETED, True, True), "checksum", Exit.DONE),
        (ended(JobStatus.COMPLETED, True, False), "checksum", Exit.NOT_PROVED),
        (ended(JobStatus.COMPLETED, False), "count", Exit.NOT_PROVED),
        (ended(JobStatus.COMPLETED, False), "none", Exit.DONE),
        (ended(JobStatus.FAILED, True), "checksum", Exit.NOT_COMPLETED),
    ],
)
def test_a_cutover_script_stops_where_a_table_is_not_proved(last: JobProgress, validation: str, status: Exit) -> None:
    assert exit_status(last, validation) == status
