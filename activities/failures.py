"""Turns Sterna's errors into Temporal's, in one place: the type is the class name, the message is the operator's."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from core.errors import MigrationError


class TypedFailures(Interceptor):
    """Worker interceptor that translates what activities raise."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wraps every activity of the worker."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except MigrationError as error:
            activity.logger.warning("%s: %s", type(error).__name__, error)
            raise as_application_error(error) from None
        except FailureError:
            raise
        except Exception as error:
            failure = as_unknown(error)
            activity.logger.error("%s", failure.message)
            raise failure from None


def as_application_error(error: MigrationError) -> ApplicationError:
    """Evidence and cause stay behind: they may hold values of rows (PostgreSQL quotes them in DETAIL), and Temporal's
    history is readable by many."""
    return ApplicationError(
        str(error),
        error.code,
        type=_kind(error),
        non_retryable=not error.retryable,
        category=ApplicationErrorCategory.BENIGN if error.parks else ApplicationErrorCategory.UNSPECIFIED,
    )


def _kind(error: MigrationError) -> str:
    """Workflows know the classes of core/errors.py only; connectors raise subclasses of them too."""
    return next(known.__name__ for known in type(error).__mro__ if known.__module__ == MigrationError.__module__)


def as_unknown(error: Exception) -> ApplicationError:
    """What Sterna did not foresee: its type and place, never its text, which may quote a row. It is tried again."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return ApplicationError(f"unexpected {type(error).__name__}{place}", type=type(error).__name__)
