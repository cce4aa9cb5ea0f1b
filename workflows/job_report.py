"""What a job knows of its tables, in numbers and in words."""

from __future__ import annotations

from datetime import datetime

from core.approval import Approval
from core.job_spec import JobStatus
from core.limits import Limits
from core.models import (
    CertificateInput,
    JobPlan,
    JobRun,
    TableResult,
    WindowAnswer,
)
from core.progress import JobProgress, Snapshot, TableProgress, TableStatus

MOST_REASONS = 5


class JobReport:
    """One line for each table; the answer to the query `progress`."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._tables: dict[str, TableProgress] = {}
        self._results: dict[str, TableResult] = {}
        self.status = JobStatus.ACTIVE
        self.stage = ""
        self.waiting_for: str | None = None
        """Why the whole job waits for an operator."""
        self.snapshot: Snapshot | None = None
        self.certificate: str | None = None
        self.started_at: datetime | None = None
        self.limits: Limits | None = None
        self.waiting_until: datetime | None = None
        self.window = ""
        """In words, while the maintenance window is closed."""
        self.approval: Approval | None = None
        self.undelivered: str | None = None
        """The newest notice that no attempt could deliver, and why."""

    @property
    def attention(self) -> str | None:
        """What an operator should do: mend what holds up the job, or its parked tables, or a channel of notices."""
        return "; ".join(filter(None, (self.waiting_for or self._parked_in_words(), self.undelivered))) or None

    def plan(self, plan: JobPlan) -> None:
        """Takes in the tables that preflight planned or parked."""
        for entry in plan.tables:
            self._tables[entry.table_id] = TableProgress(
                table_id=entry.table_id,
                name=entry.name,
                batches=entry.batches,
                estimated_rows=entry.estimated_rows,
            )
        for parked in plan.parked:
            self._tables[parked.table_id] = TableProgress(table_id=parked.table_id, name=parked.name)
            self.park(parked.table_id, parked.reason)

    def restore(self, table: TableProgress) -> None:
        """A table that an earlier execution of the run brought to its end, and that is not done again."""
        self._tables[table.table_id] = table
        self._results[table.table_id] = TableResult(
            table_id=table.table_id,
            status=table.status,
            rows=table.rows,
            bytes=table.bytes,
            batches=table.batches_done,
            message=table.message,
            proved=table.proved,
            evidence=table.evidence,
            rejected=table.rejected,
        )

    def close_window(self, answer: WindowAnswer | None) -> None:
        """Until when the job waits for its maintenance window; None: it is open."""
        self.waiting_until = None if answer is None else answer.until
        self.window = "" if answer is None else f"waiting for the maintenance window until {answer.until_text}"

    def mention_dropped(self, foreign_keys: list[str]) -> None:
        """What stood at the destination before, and does not any more."""
        if foreign_keys:
            dropped = f"dropped and not built again: {', '.join(foreign_keys)}"
            self.waiting_for = "; ".join(filter(None, (self.waiting_for, dropped)))

    def begin(self, table_id: str) -> None:
        """The table's child runs."""
        self._tables[table_id] = self._tables[table_id].model_copy(
            update={"status": TableStatus.RUNNING, "message": ""}
        )

    def park(self, table_id: str, reason: str) -> None:
        """The table waits for an operator; what its child reported before is kept."""
        before = self._results.get(table_id) or TableResult(table_id=table_id, status=TableStatus.PARKED)
        self.end(before.model_copy(update={"status": TableStatus.PARKED, "message": reason}))

    def end(self, result: TableResult) -> None:
        """The table's child ended."""
        self._results[result.table_id] = result
        table = self._tables[result.table_id]
        self._tables[result.table_id] = table.model_copy(
            update={
                "status": result.status,
                "stage": "",
                "rows": result.rows,
                "bytes": result.bytes,
                "batches_done": result.batches,
                "message": result.message,
                "copies": result.copies,
                "proved": result.proved,
                "evidence": result.evidence,
                "eta_seconds": None,
                "rejected": result.rejected,
            }
        )

    def amend(self, table_id: str, **update: object) -> None:
        """What is known of the table's end has changed."""
        self.end(self._results[table_id].model_copy(update=update))

    def take_back(self, names: list[str]) -> list[TableResult]:
        """Parked and failed tables (all, or those named by id or name) become PENDING; their last results."""
        chosen = [
            result
            for result in self._results.values()
            if result.status in (TableStatus.PARKED, TableStatus.FAILED)
            and (not names or result.table_id in names or self._is_named(result.table_id, names))
        ]
        for result in chosen:
            self._tables[result.table_id] = self._tables[result.table_id].model_copy(
                update={"status": TableStatus.PENDING, "message": ""}
            )
            del self._results[result.table_id]
        return chosen

    def name(self, table_id: str) -> str:
        """The table for people."""
        return self._tables[table_id].name

    def message(self, table_id: str) -> str:
        """What the table's operator should know."""
        return self._tables[table_id].message

    def ids(self, status: TableStatus) -> list[str]:
        """Tables of one status."""
        return [table.table_id for table in self._tables.values() if table.status == status]

    @property
    def failed(self) -> bool:
        """Some table's proof failed."""
        return bool(self.ids(TableStatus.FAILED))

    @property
    def all_completed(self) -> bool:
        """Every table arrived."""
        return bool(self._tables) and all(table.status == TableStatus.COMPLETED for table in self._tables.values())

    @property
    def all_proved(self) -> bool:
        """Every table's proof holds."""
        return all(table.proved for table in self._tables.values())

    @property
    def rejected(self) -> int:
        """Rows that the tables that have ended did not get in."""
        return sum(table.rejected for table in self._tables.values())

    def results(self) -> list[TableResult]:
        """Results of all tables; one that has none is named too."""
        return [
            self._results.get(table_id) or TableResult(table_id=table_id, status=table.status)
            for table_id, table in self._tables.items()
        ]

    def certificate_input(self, snapshots: list[Snapshot], now: datetime) -> CertificateInput:
        """What the certificate of a run that ends now is made of."""
        return CertificateInput(
            job_id=self._run.job_id,
            run=self._run.run,
            started_at=self.started_at or now,
            finished_at=now,
            results=self.results(),
            snapshots=snapshots,
            approval=self.approval,
        )

    def progress(self) -> JobProgress:
        """Running tables answer for their own numbers: here they stand as the job last heard of them."""
        tables = list(self._tables.values())
        return JobProgress(
            job_id=self._run.job_id,
            run=self._run.run,
            status=self.status,
            stage=self.window or self.stage,
            attention=self.attention,
            snapshot=self.snapshot,
            tables=tables,
            rows=sum(table.rows for table in tables),
            started_at=self.started_at,
            certificate=self.certificate,
            limits=self.limits,
            waiting_until=self.waiting_until,
            rejected=self.rejected,
        )

    def failures(self) -> str:
        """Why the job failed."""
        failed = [f"{self.name(table)}: {self._tables[table].message}" for table in self.ids(TableStatus.FAILED)]
        return self.waiting_for or "; ".join(failed[:MOST_REASONS]) or "no table could be migrated"

    def describe(self) -> str:
        """Markdown for Temporal's UI."""
        counts = [f"{len(ids)} {status.lower()}" for status in TableStatus if (ids := self.ids(status))]
        lines = [f"**{self.status}** {self.window or self.stage}", f"Tables: {', '.join(counts) or 'none yet'}"]
        if self.limits and (rates := self.limits.rates()):
            lines.append(f"Limits: {rates}")
        if self.attention:
            lines.append(f"**Attention:** {self.attention}")
        return "\n\n".join(lines)

    def _parked_in_words(self) -> str | None:
        parked = self.ids(TableStatus.PARKED)
        if not parked:
            return None
        reasons = [f"{self.name(table_id)}: {self._tables[table_id].message}" for table_id in parked[:MOST_REASONS]]
        more = f" (and {len(parked) - MOST_REASONS} more)" if len(parked) > MOST_REASONS else ""
        return f"{len(parked)} of {len(self._tables)} tables parked, retry when mended: {'; '.join(reasons)}{more}"

    def _is_named(self, table_id: str, names: list[str]) -> bool:
        """By `schema.table` or plain table name, of source or destination."""
        sides = self.name(table_id).split(" → ")
        return any(name in (side, side.rsplit(".", 1)[-1]) for side in sides for name in names)
