"""What ends with the running activity, however it ends: sessions that it counts, credentials that it borrowed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.resources.session_slots import Slot


class ActivityScope:
    """What one activity holds."""

    def __init__(self) -> None:
        self.slots: dict[str, list[Slot]] = {}
        """Sessions, by database."""
        self.end = ExitStack()


_scope: ContextVar[ActivityScope | None] = ContextVar("activity", default=None)


def current_scope() -> ActivityScope | None:
    """The running activity's; None where none runs inside `EndsWithActivity`."""
    return _scope.get()


def at_activity_end(callback: Callable[[], None]) -> bool:
    """Calls back when the running activity has ended; False (and never) where there is no scope."""
    scope = _scope.get()
    if scope is None:
        return False
    scope.end.callback(callback)
    return True


class EndsWithActivity(Interceptor):
    """Worker interceptor: gives every activity a scope."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wraps every activity of the worker."""
        return _Ending(next)


class _Ending(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        scope = ActivityScope()
        token = _scope.set(scope)
        try:
            return await super().execute_activity(input)
        finally:
            _scope.reset(token)
            scope.end.close()
