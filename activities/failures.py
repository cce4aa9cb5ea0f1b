"""Turns Sterna's errors into Temporal's, in one place: the type is the class name, the message is the operator's."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from core.encryption.field_cipher import FieldCipher
from core.errors import MigrationError

MOST_EVIDENCE = 4000
"""Characters: a failure is part of the history, once for each attempt."""


class TypedFailures(Interceptor):
    """Worker interceptor that translates what activities raise."""

    def __init__(self, fields: FieldCipher) -> None:
        self._fields = fields

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wraps every activity of the worker."""
        return _Translating(next, self._fields)


class _Translating(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, fields: FieldCipher) -> None:
        super().__init__(next)
        self._fields = fields

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except MigrationError as error:
            activity.logger.warning("%s: %s", type(error).__name__, error)
            raise as_application_error(error, self._fields, activity.info().workflow_id or "") from None
        except FailureError:
            raise
        except Exception as error:
            failure = as_unknown(error)
            activity.logger.error("%s", failure.message)
            raise failure from None


def as_application_error(error: MigrationError, fields: FieldCipher, workflow_id: str) -> ApplicationError:
    """The cause stays behind and the evidence is sealed: they may hold values of rows (PostgreSQL quotes them in
    DETAIL), and Temporal's history is readable by many. `sterna encryption-keys show` opens it for that workflow."""
    evidence = [fields.seal(_as_json(error.evidence), workflow_id)] if error.evidence else []
    return ApplicationError(
        str(error),
        error.code,
        *evidence,
        type=_kind(error),
        non_retryable=not error.retryable,
        category=ApplicationErrorCategory.BENIGN if error.parks else ApplicationErrorCategory.UNSPECIFIED,
    )


def _as_json(evidence: dict[str, Any]) -> str:
    text = json.dumps(evidence, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_EVIDENCE else f"{text[:MOST_EVIDENCE]}…"


def _kind(error: MigrationError) -> str:
    """Workflows know the classes of core/errors.py only; connectors raise subclasses of them too."""
    return next(known.__name__ for known in type(error).__mro__ if known.__module__ == MigrationError.__module__)


def as_unknown(error: Exception) -> ApplicationError:
    """What Sterna did not foresee: its type and place, never its text, which may quote a row. It is tried again."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return ApplicationError(f"unexpected {type(error).__name__}{place}", type=type(error).__name__)
