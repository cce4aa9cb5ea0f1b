"""Activities that do nothing but what a test tells them to, under the real names, queues and types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from core.healing import CompareInput, Comparison
from core.job_spec import ConnectionSpec, JobOptions
from core.models import (
    CertificateInput,
    CertificateResult,
    JobPlan,
    JobRun,
    PreflightInput,
    PreparedTables,
    RoutesInput,
    RunOutcome,
    SnapshotInput,
    StatusUpdate,
    TableEntry,
)
from core.notices import Delivery, Undelivered
from core.progress import JobProgress, Snapshot
from core.route import Endpoint
from core.schema import Digest
from core.stage_models import (
    Compared,
    CountInput,
    ExtractInput,
    FinishInput,
    LoadBegun,
    LoadedBatches,
    LoadInput,
    LoadStart,
    StagedBatch,
    StagedBatches,
    ValidateInput,
    ValidationResult,
)
from workflows.deliver_notice import DeliverNotice
from workflows.migration_job import MigrationJob
from workflows.table_migration import TableMigration

Hook = Callable[[Any], Awaitable[None]]


def entry(table_id: str = "t1", batches: int = 3, **more: Any) -> TableEntry:
    """One table, one batch for each activity."""
    given = {"priority": 5, "estimated_rows": batches, "estimated_bytes": batches, "arrow": False, **more}
    return TableEntry(
        table_id=table_id, name=f"public.{table_id} → public.{table_id}", route=table_id, batches=batches, **given
    )


def endpoint(side: Any) -> Endpoint:
    return Endpoint(side=side, connection=ConnectionSpec.model_validate({"type": "POSTGRES", "host": "db"}))


def snapshot(epoch: int) -> Snapshot:
    return Snapshot(id=f"moment-{epoch}", epoch=epoch, taken_at=datetime.now(UTC))


def refusal(kind: str, message: str = "refused") -> ApplicationError:
    """As TypedFailures raises an error that an operator must mend, or that nobody can."""
    return ApplicationError(message, type=kind, non_retryable=True)


@dataclass
class StandIns:
    """`hooks` run at the beginning of the activity of that name, with its input, and may wait or raise."""

    client: Client
    tables: list[TableEntry] = field(default_factory=lambda: [entry()])
    options: JobOptions = field(default_factory=JobOptions)
    exports_snapshot: bool = True
    hooks: dict[str, Hook] = field(default_factory=dict)
    failing_proofs: int = 0
    """So many proofs find a difference."""
    rejected_per_load: int = 0
    """So many rows of each load are refused."""
    comparable: bool = True
    calls: list[tuple[str, Any]] = field(default_factory=list)
    prefix: str = field(default_factory=lambda: f"test-{uuid4().hex[:8]}")

    def of(self, name: str) -> list[Any]:
        """Inputs with which an activity was called, in order."""
        return [given for called, given in self.calls if called == name]

    async def _called(self, given: Any) -> None:
        name = activity.info().activity_type
        self.calls.append((name, given))
        if name in self.hooks:
            await self.hooks[name](given)

    @activity.defn
    async def check_connections(self, given: PreflightInput) -> None:
        await self._called(given)

    @activity.defn
    async def survey_tables(self, given: PreflightInput) -> JobPlan:
        await self._called(given)
        tables = [table for table in self.tables if given.only is None or table.table_id in given.only]
        return JobPlan(
            name="test",
            source=endpoint("source"),
            destination=endpoint("destination"),
            options=self.options,
            priority=5,
            exports_snapshot=self.exports_snapshot,
            tables=tables,
        )

    @activity.defn
    async def prepare_tables(self, given: RoutesInput) -> PreparedTables:
        await self._called(given)
        return PreparedTables()

    @activity.defn
    async def build_foreign_keys(self, given: RoutesInput) -> PreparedTables:
        await self._called(given)
        return PreparedTables()

    @activity.defn
    async def keep_snapshot(self, given: SnapshotInput) -> None:
        await self._called(given)
        job: WorkflowHandle[Any, Any] = self.client.get_workflow_handle(str(activity.info().workflow_id))
        await job.signal("take_snapshot", snapshot(given.first_epoch + activity.info().attempt - 1))
        if "keeping" in self.hooks:
            await self.hooks["keeping"](given)
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.1)

    @activity.defn
    async def begin_load(self, given: LoadStart) -> LoadBegun:
        await self._called(given)
        return LoadBegun(load=len(self.of("begin_load")), rows_before=0, emptied=False)

    @activity.defn
    async def extract_batches(self, given: ExtractInput) -> StagedBatches:
        await self._called(given)
        numbers = range(given.span.first, given.span.first + given.span.count)
        return StagedBatches(
            batches=[
                StagedBatch(number=number, staged=f"{number}", digest=Digest(rows=1, total="1"), bytes=1)
                for number in numbers
            ],
            seconds=0.25,
            counted_rows=len(numbers) if given.count else None,
            spent={"source": 0.25, "queue": 0.5},
        )

    @activity.defn
    async def load_batches(self, given: LoadInput) -> LoadedBatches:
        await self._called(given)
        return LoadedBatches(
            digest=sum((batch.digest for batch in given.batches), Digest()),
            bytes=1,
            changed={"c": {"characters": len(given.batches)}},
            rejected=self.rejected_per_load,
        )

    @activity.defn
    async def count_source(self, given: CountInput) -> int:
        await self._called(given)
        return 1

    @activity.defn
    async def finish_table(self, given: FinishInput) -> None:
        await self._called(given)

    @activity.defn
    async def compare_table(self, given: CompareInput) -> Compared:
        """Four rows have changed; they are loaded anew by two batches."""
        await self._called(given)
        if not self.comparable:
            return Compared(found=Comparison(comparable=False, reason="it is not"))
        source, first = Digest(rows=100, total="7"), given.next_batch
        found = Comparison(comparable=True, source=source, changed=4, repair=f"repair-{first}", first=first, batches=2)
        return Compared(found=found)

    @activity.defn
    async def validate_table(self, given: ValidateInput) -> ValidationResult:
        await self._called(given)
        failed = self.failing_proofs > 0
        self.failing_proofs -= 1
        return ValidationResult(
            proved=not failed,
            failed=failed,
            mode=given.mode,
            rows=given.extracted.rows,
            evidence="e",
            message="differs" if failed else "proved",
        )

    @activity.defn
    async def write_certificate(self, given: CertificateInput) -> CertificateResult:
        await self._called(given)
        return CertificateResult(reference="c", proved=True)

    @activity.defn
    async def record_status(self, given: StatusUpdate) -> None:
        await self._called(given)

    @activity.defn
    async def record_outcome(self, given: RunOutcome) -> None:
        await self._called(given)

    @activity.defn
    async def deliver_notice(self, given: Delivery) -> bool:
        await self._called(given)
        return True

    @activity.defn
    async def record_undelivered(self, given: Undelivered) -> None:
        await self._called(given)

    @asynccontextmanager
    async def serving(self, *real: Callable[..., Any]) -> AsyncIterator[StandIns]:
        """Workers for every queue of this test's own prefix; `real` activities answer on the control queue."""
        async with AsyncExitStack() as running:
            for queue, stand_ins in self._by_queue().items():
                activities = [*stand_ins, *real] if queue == "control" else stand_ins
                worker = Worker(
                    self.client,
                    task_queue=f"{self.prefix}-{queue}",
                    activities=activities,
                    workflows=[MigrationJob, TableMigration, DeliverNotice] if queue == "control" else [],
                    max_heartbeat_throttle_interval=timedelta(seconds=0.2),
                    default_heartbeat_throttle_interval=timedelta(seconds=0.2),
                )
                await running.enter_async_context(worker)
            yield self

    def _by_queue(self) -> dict[str, list[Callable[..., Any]]]:
        status = [self.record_status, self.record_outcome, self.write_certificate]
        status += [self.deliver_notice, self.record_undelivered]
        load = [self.begin_load, self.load_batches, self.prepare_tables, self.finish_table, self.build_foreign_keys]
        return {
            "control": [self.check_connections, self.survey_tables, *status],
            "snapshot": [self.keep_snapshot],
            "extract": [self.extract_batches, self.count_source],
            "load": load,
            "validate": [self.validate_table, self.compare_table],
        }

    async def start_job(self, **run: Any) -> WorkflowHandle[MigrationJob, JobProgress]:
        """One run of a job with these tables."""
        return await self.client.start_workflow(
            MigrationJob.run,
            JobRun(job_id=self.prefix, run=1, name="A job", **run),
            id=f"migration/{self.prefix}",
            task_queue=f"{self.prefix}-control",
        )


async def until(look: Callable[[], object], seconds: float = 30) -> None:
    """Returns once what is looked at is true."""
    async with asyncio.timeout(seconds):
        while not look():
            await asyncio.sleep(0.02)


async def beating_until_stopped(given: Any) -> None:
    """Works until it is cancelled, as a long statement does."""
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)
