"""The dry run: what a job would do, without storing it and without touching the destination."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query
from fastapi.responses import Response
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from api.dependencies import GivenActor, GivenParts, Parts
from api.input_rules import InputRules
from api.notice_validation import check_channels
from api.schemas import JobSubmission
from api.validation import check_spec
from core.config_store.jobs import shown
from core.errors import InvalidConfiguration, MigrationError, Unavailable
from core.models import PlanInput, PlanResult
from core.temporal_client import task_queue
from core.withheld import withhold

LONGEST = timedelta(minutes=5)
LONGEST_SCAN = timedelta(hours=1)

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.post("/plan", response_class=Response, responses={200: {"content": {"application/json": {}}}})
async def plan_job(
    submission: JobSubmission,
    parts: GivenParts,
    actor: GivenActor,
    scan: Annotated[
        bool, Query(description="Also read the rows: counts values that the destination cannot hold, with one of each.")
    ] = False,
) -> Response:
    """Tables, estimated rows and bytes, batches, types, DDL to be executed, and what is not carried."""
    spec = submission.spec()
    check_spec(spec, InputRules.of(parts.settings))
    check_channels(spec, parts.settings)
    await parts.store.record_event(None, "plan", actor=actor, after={"scan": scan, **shown(spec)})
    workflow_id = f"plan/{uuid4()}"
    visible, withheld = withhold(spec, parts.fields, workflow_id)
    given = PlanInput(spec=visible, scan=scan, withheld=withheld)
    reference = (await _plan(parts, given, workflow_id)).reference
    text = parts.documents.read(reference)
    parts.documents.delete(reference)
    return Response(text, media_type="application/json")


async def _plan(parts: Parts, given: PlanInput, workflow_id: str) -> PlanResult:
    try:
        found: PlanResult = await parts.client.execute_workflow(
            "PlanJob",
            given,
            id=workflow_id,
            task_queue=task_queue(parts.settings.task_queue_prefix, "control"),
            execution_timeout=LONGEST_SCAN if given.scan else LONGEST,
            result_type=PlanResult,
        )
    except WorkflowFailureError as error:
        raise _explain(error) from error
    return found


def _explain(error: WorkflowFailureError) -> MigrationError:
    """What an operator can mend is the request's fault; the rest is an outage."""
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return Unavailable("no control worker finished the plan in time", remedy="Start one: sterna worker")
    if cause.type in ("Unavailable", "Contended", "Timeout"):
        return Unavailable(cause.message)
    return InvalidConfiguration(cause.message)
