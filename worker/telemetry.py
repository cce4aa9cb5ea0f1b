"""What a worker process counts: each activity's outcome, and what its result says of rows, bytes and time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.resources.routes import Routes
from core import metric_names as names
from core.errors import NotFound
from core.job_spec import JobStatus
from core.log_context import job_and_table, working_on
from core.meters import Meters
from core.models import CertificateResult, RunOutcome
from core.settings import Settings
from core.stage_models import (
    ExtractInput,
    Finished,
    LoadedBatches,
    LoadInput,
    Measured,
    StagedBatches,
    TransformInput,
    ValidationResult,
)
from worker.folder_sizes import FolderSize
from worker.parts import Parts

KEEPER = "keep_snapshot"
NO_CONNECTOR = "none"
MOST_TABLES = 10_000
ENDS = (JobStatus.COMPLETED.value, JobStatus.FAILED.value, JobStatus.CANCELLED.value)

log = logging.getLogger(__name__)


class CountsActivities(Interceptor):
    """Worker interceptor, outside of the others, so that it sees outcomes as Temporal does.

    An activity is counted once, when it ends; nothing is counted for each row or part.
    """

    def __init__(self, parts: Parts, stages: Sequence[str]) -> None:
        """Control workers also show what all processes share."""
        self._meters = parts.meters
        self._connectors = _Connectors(parts.routes)
        self._snapshots = _Snapshots()
        self._prefix = parts.settings.task_queue_prefix
        self._identity = parts.client.identity
        sessions = parts.sessions
        self._meters.sample(names.SESSIONS, lambda: {(name,): count for name, count in sessions.in_use().items()})
        self._begin_at_zero(stages)
        if "control" in stages:
            self._show_shared(parts.settings)

    def _begin_at_zero(self, stages: Sequence[str]) -> None:
        """A series that begins with its first event shows no increase to alerts."""
        verdicts: dict[str, list[tuple[names.Metric, tuple[str, ...]]]] = {
            "control": [(names.CERTIFICATES, ("proved", "unproved")), (names.RUNS_ENDED, ENDS)],
            "validate": [(names.TABLES_VALIDATED, ("proved", "failed", "unproved"))],
        }
        for stage in stages:
            for metric, labels in verdicts.get(stage, ()):
                for label in labels:
                    self._meters.add(metric, 0, label)

    def _show_shared(self, settings: Settings) -> None:
        staging = FolderSize(settings.staging)
        documents = FolderSize(settings.documents)
        for metric, ask in (
            (names.SNAPSHOTS, self._snapshots.count),
            (names.SNAPSHOT_AGE, self._snapshots.greatest_age),
            (names.STAGING_BYTES, staging.used),
            (names.STAGING_FREE, staging.free),
            (names.DOCUMENT_BYTES, documents.used),
            (names.DOCUMENT_FREE, documents.free),
        ):
            self._meters.sample_one(metric, ask)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wraps every activity of the worker."""
        return _Counting(next, self._meters, self._connectors, self._snapshots, self._prefix, self._identity)


class _Counting(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,
        meters: Meters,
        connectors: _Connectors,
        snapshots: _Snapshots,
        prefix: str,
        identity: str,
    ) -> None:
        super().__init__(next)
        self._meters = meters
        self._connectors = connectors
        self._snapshots = snapshots
        self._prefix = prefix
        self._identity = identity

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(_KeepersBeats(outbound, self._snapshots))

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        with working_on(
            **job_and_table(info.workflow_id),
            batch=_batches(input.args[0] if input.args else None),
            stage=info.task_queue.removeprefix(f"{self._prefix}-"),
            attempt=str(info.attempt),
            worker=self._identity,
        ):
            return await self._execute(input, info)

    async def _execute(self, input: ExecuteActivityInput, info: activity.Info) -> Any:
        stage, name, given = info.task_queue.removeprefix(f"{self._prefix}-"), info.activity_type, input.args
        if info.attempt > 1:
            self._meters.add(names.ACTIVITY_RETRIES, 1, stage, name)
        began, outcome = time.monotonic(), "failed"
        try:
            with self._snapshots.until_the_end(info.task_token):
                result = await super().execute_activity(input)
            outcome = "completed"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except Exception as error:
            self._meters.add(names.ACTIVITY_FAILURES, 1, stage, name, _reason(error))
            raise
        finally:
            self._meters.observe(names.ACTIVITY_SECONDS, time.monotonic() - began, stage, name, outcome)
        try:
            self._count(stage, given[0] if given else None, result)
        except Exception:  # the work is done: what cannot be counted must not undo it
            log.exception("%s is not counted", name)
        return result

    def _count(self, stage: str, given: Any, result: Any) -> None:
        connector = self._connectors.of(stage, given)
        for metric, amount in _moved(given, result).items():
            if amount:
                self._meters.add(metric, amount, stage, connector)
        if isinstance(result, Measured):
            for part, seconds in result.spent.items():
                self._meters.add(names.STAGE_SECONDS, seconds, stage, part)
        if isinstance(result, ValidationResult):
            verdict = "proved" if result.proved else "failed" if result.failed else "unproved"
            self._meters.add(names.TABLES_VALIDATED, 1, verdict)
        elif isinstance(result, CertificateResult):
            self._meters.add(names.CERTIFICATES, 1, "proved" if result.proved else "unproved")
        elif isinstance(given, RunOutcome):
            self._meters.add(names.RUNS_ENDED, 1, given.update.status.value)


class _KeepersBeats(ActivityOutboundInterceptor):
    """A keeper beats for the first time when it has its snapshot."""

    def __init__(self, next: ActivityOutboundInterceptor, snapshots: _Snapshots) -> None:
        super().__init__(next)
        self._snapshots = snapshots

    def heartbeat(self, *details: Any) -> None:
        info = activity.info()
        if info.activity_type == KEEPER:
            self._snapshots.begin(info.task_token)
        super().heartbeat(*details)


class _Snapshots:
    """Snapshots that this process keeps, and since when."""

    def __init__(self) -> None:
        self._taken: dict[bytes, float] = {}

    def count(self) -> float:
        return len(self._taken)

    def begin(self, keeper: bytes) -> None:
        self._taken.setdefault(keeper, time.monotonic())

    @contextmanager
    def until_the_end(self, keeper: bytes) -> Iterator[None]:
        try:
            yield
        finally:
            self._taken.pop(keeper, None)

    def greatest_age(self) -> float:
        taken = list(self._taken.values())
        return time.monotonic() - min(taken) if taken else 0.0


class _Connectors:
    """Which connector a table's stage uses. A table keeps its types, so they are read once."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._known: dict[str, tuple[str, str]] = {}

    def of(self, stage: str, given: Any) -> str:
        reference = getattr(given, "route", None)
        if not isinstance(reference, str) or stage == "transform":
            return NO_CONNECTOR
        source, destination = self._known.get(reference) or self._read(reference)
        return source if stage == "extract" else destination

    def _read(self, reference: str) -> tuple[str, str]:
        try:
            route = self._routes.read(reference)
        except NotFound:
            return NO_CONNECTOR, NO_CONNECTOR
        if len(self._known) >= MOST_TABLES:
            self._known.clear()
        self._known[reference] = route.source.connection.type, route.destination.connection.type
        return self._known[reference]


def _moved(given: Any, result: Any) -> dict[names.Metric, int]:
    """What an activity did, by metric."""
    if isinstance(result, StagedBatches):
        return {
            names.ROWS: sum(batch.digest.rows for batch in result.batches),
            names.BYTES: sum(batch.bytes for batch in result.batches),
            names.BATCHES: len(result.batches),
            names.REJECTED: sum(batch.rejected for batch in result.batches),
        }
    if isinstance(result, LoadedBatches) and isinstance(given, LoadInput):
        refused_before = sum(batch.rejected for batch in given.batches)
        return {
            names.ROWS: result.digest.rows,
            names.BYTES: result.bytes,
            names.BATCHES: len(given.batches),
            names.REJECTED: max(0, result.rejected - refused_before),
        }
    if isinstance(result, Finished):
        return {names.REJECTED: result.rejected}
    if isinstance(result, ValidationResult):
        return {names.ROWS: result.rows}
    return {}


def _batches(given: Any) -> str | None:
    """`7`, or `7-10`."""
    if isinstance(given, ExtractInput):
        first, last = given.span.first, given.span.first + given.span.count - 1
    elif isinstance(given, LoadInput | TransformInput) and given.batches:
        first, last = given.batches[0].number, given.batches[-1].number
    else:
        return None
    return str(first) if first == last else f"{first}-{last}"


def _reason(error: BaseException) -> str:
    return (isinstance(error, ApplicationError) and error.type) or type(error).__name__
