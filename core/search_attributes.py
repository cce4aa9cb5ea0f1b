"""What a job can be found by in Temporal: `temporal workflow list --query 'MigrationStatus = "ACTIVE"'`.

The namespace must know these names (all of type Keyword) before the first job starts.
"""

from __future__ import annotations

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from core.job_spec import JobStatus
from core.route import Endpoint

JOB_ID = SearchAttributeKey.for_keyword("MigrationJobId")
STATUS = SearchAttributeKey.for_keyword("MigrationStatus")
SOURCE = SearchAttributeKey.for_keyword("MigrationSource")
DESTINATION = SearchAttributeKey.for_keyword("MigrationDestination")
ALL = (JOB_ID, STATUS, SOURCE, DESTINATION)


def for_job(job_id: str, status: JobStatus, ends: tuple[Endpoint, Endpoint]) -> TypedSearchAttributes:
    """Attributes at the start; source and destination read like `POSTGRES db.example.com/customers`."""
    source, destination = ends
    return TypedSearchAttributes(
        [
            SearchAttributePair(JOB_ID, job_id),
            SearchAttributePair(STATUS, status.value),
            SearchAttributePair(SOURCE, _place(source)),
            SearchAttributePair(DESTINATION, _place(destination)),
        ]
    )


def _place(end: Endpoint) -> str:
    return str(end).removeprefix(f"{end.side} ")
