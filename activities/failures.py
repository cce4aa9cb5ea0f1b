"""Turns Sterna's errors into Temporal's, in one place: the type is the class name, the message is the operator's."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
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
            raise as_application_error(error) from error


def as_application_error(error: MigrationError) -> ApplicationError:
    """Evidence stays behind: it may hold values, and Temporal's history is readable by many."""
    return ApplicationError(
        str(error),
        error.code,
        type=type(error).__name__,
        non_retryable=not error.retryable,
        category=ApplicationErrorCategory.BENIGN if error.parks else ApplicationErrorCategory.UNSPECIFIED,
    )
