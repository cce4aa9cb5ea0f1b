"""What a failed activity means to a workflow."""

from __future__ import annotations

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    RetryState,
    TimeoutError,
    is_cancelled_exception,
)

PARKING = frozenset(
    (
        "InvalidConfiguration",
        "AccessDenied",
        "SecretMissing",
        "NotFound",
        "OutOfSpace",
        "Damaged",
        "DataRejected",
        "Unavailable",
        "Contended",
        "BudgetTaken",
        "SnapshotGone",
        "SnapshotExpired",
    )
)
"""Classes of core.errors that an operator can mend. Unavailable, Contended and BudgetTaken only reach a workflow after
the outage limit, SnapshotGone only leaves it after many copies."""


def kind(error: BaseException) -> str:
    """Name of the error's class in core.errors; `Timeout`, `Cancelled` or '' for what is none of Sterna's."""
    cause = _cause(error)
    if isinstance(cause, ApplicationError):
        return cause.type or ""
    if isinstance(cause, TimeoutError):
        return "Timeout"
    return "Cancelled" if isinstance(cause, CancelledError) else ""


def message(error: BaseException) -> str:
    """What to tell the operator. For a time-out: the last failure of the activity, where there was one."""
    cause = _cause(error)
    if isinstance(cause, TimeoutError) and cause.cause is not None:
        return message(cause.cause)
    text = getattr(cause, "message", None) or str(cause)
    if isinstance(error, ActivityError) and isinstance(cause, TimeoutError):
        return f"{error.activity_type} did not finish in time ({text}): is a worker of its stage running?"
    return str(text)


def passes(error: BaseException) -> bool:
    """It waits for other jobs, not for an operator."""
    cause = _cause(error)
    last = cause.cause if isinstance(cause, TimeoutError) else None
    return "BudgetTaken" in (kind(error), last and kind(last))


def parks(error: BaseException) -> bool:
    """The table waits for an operator's retry."""
    return kind(error) in PARKING or kind(error) == "Timeout"


def cancelled(error: BaseException) -> bool:
    """The activity or workflow was cancelled, not failed.

    Also where the activity's worker died, or failed in a way that would be tried again, after it was told to stop:
    Temporal reports that as the time-out or failure, with this retry state.
    """
    stopping = isinstance(error, ActivityError) and error.retry_state is RetryState.CANCEL_REQUESTED
    return stopping or is_cancelled_exception(error)


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, FailureError) and error.cause is not None and not isinstance(error, ApplicationError):
        if isinstance(error, TimeoutError):
            break
        error = error.cause
    return error
