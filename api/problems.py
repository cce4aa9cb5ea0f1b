"""Every error of the API as a problem document (RFC 9457), with what to do next."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from api.field_errors import FieldError, field_errors
from api.request_telemetry import TRACE_HEADER, TRACE_ID_KEY
from core.base_model import Model
from core.errors import Conflict, Damaged, InvalidConfiguration, MigrationError, NotFound, SecretMissing, Unavailable
from core.trace_context import current_trace_id

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "5"
CLASSES: tuple[tuple[type[MigrationError], HTTPStatus, str], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND, "not-found"),
    (Conflict, HTTPStatus.CONFLICT, "conflict"),
    (InvalidConfiguration, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    (Damaged, HTTPStatus.INTERNAL_SERVER_ERROR, "damaged"),
    (SecretMissing, HTTPStatus.INTERNAL_SERVER_ERROR, "key-missing"),
)

log = logging.getLogger(__name__)


class ProblemDocument(Model):
    """Body of every answer that is not a success."""

    type: str = Field(examples=["urn:sterna:problem:invalid"])
    """Names the kind of problem, for programs."""
    title: str
    status: int
    detail: str
    remedy: str = ""
    """What to do next."""
    errors: list[FieldError] = Field(default_factory=list)
    """With status 422: each wrong field."""
    trace_id: str = ""
    """Finds the request in logs and traces; answers have it in the header X-Trace-Id too."""


class Problem(Exception):
    """An answer that is not a success, raised anywhere in a route."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        remedy: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.document = ProblemDocument(
            type=f"urn:sterna:problem:{kind}",
            title=status.phrase,
            status=status,
            detail=detail,
            remedy=remedy,
            errors=list(errors),
        )


def invalid_fields(errors: Sequence[FieldError]) -> Problem:
    """Status 422 for wrong fields."""
    counted = "one field is" if len(errors) == 1 else f"{len(errors)} fields are"
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"{counted} wrong: {', '.join(error.field or 'the request' for error in errors)}",
        remedy="Each entry of errors says what to do",
        errors=errors,
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Turns everything that routes raise into problem documents."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(MigrationError, _on_migration_error)
    app.add_exception_handler(RPCError, _on_temporal_error)
    app.add_exception_handler(Exception, _on_defect)


def render(problem: Problem) -> Response:
    """The answer for a problem."""
    document = problem.document
    document.trace_id = document.trace_id or current_trace_id() or ""
    again = {"Retry-After": RETRY_AFTER_SECONDS} if document.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    content = document.model_dump(mode="json", by_alias=True)
    if not document.errors:
        del content["errors"]
    return JSONResponse(
        content, status_code=document.status, headers={**again, **problem.headers}, media_type=MEDIA_TYPE
    )


def problem_of(error: MigrationError) -> Problem:
    """The problem that tells a Sterna error; what is none of the caller's doing is an internal error."""
    for known, status, kind in CLASSES:
        if isinstance(error, known):
            return Problem(status, kind, error.message, remedy=error.remedy)
    return _internal_error()


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render(error)


async def _on_migration_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MigrationError)
    return render(problem_of(error))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        reason = found[0].get("ctx", {}).get("error", "it cannot be parsed")
        return render(Problem(HTTPStatus.BAD_REQUEST, "malformed", f"the body is not JSON: {reason}"))
    return render(invalid_fields(field_errors(found, body=error.body, schema=_body_schema(request))))


def _body_schema(request: Request) -> dict[str, Any] | None:
    """JSON Schema of the body that the request's route takes."""
    body = getattr(request.scope.get("route"), "body_field", None)
    return None if body is None else TypeAdapter(body.field_info.annotation).json_schema()


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    answer = render(Problem(status, status.phrase.lower().replace(" ", "-"), str(error.detail)))
    answer.headers.update(error.headers or {})
    return answer


async def _on_temporal_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RPCError)
    return render(
        Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            f"Temporal does not answer: {error.message}",
            remedy="Try again; GET /readyz says which part is away",
        )
    )


async def _on_defect(request: Request, error: Exception) -> Response:
    trace_id = request.scope.get(TRACE_ID_KEY) or ""  # the middleware that tells it to the log has been left
    log.error("%s %s failed in trace %s", request.method, request.url.path, trace_id, exc_info=error)
    problem = _internal_error()
    problem.document.trace_id = trace_id
    answer = render(problem)
    answer.headers[TRACE_HEADER] = trace_id
    return answer


def _internal_error() -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "Sterna met an error of its own",
        remedy="Look into the API's log and report it",
    )
