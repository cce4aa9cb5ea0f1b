"""The limits of a job while it runs: what holds, and each running table's part of it."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from core.job_spec import JobOptions
    from core.limits import Limits, LimitsRequest, TableLimits
    from workflows.job_report import JobReport
    from workflows.table_children import TableChildren


class JobLimits:
    """Rates are divided equally among the tables that read, anew when there are more of them, and when there are fewer
    and no others to come: a signal to each table whenever one ends would fill the history of a job of many tables."""

    def __init__(self, children: TableChildren, report: JobReport) -> None:
        self._children = children
        self._report = report
        self._asked: list[LimitsRequest] = []
        self._readers = 1
        self._told: TableLimits | None = None

    def begin(self, options: JobOptions) -> None:
        """The plan says what the job begins with; what operators said before counts more."""
        if self._report.limits is None:
            limits = Limits.of(options)
            for request in self._asked:
                limits = limits.changed(request)
            self._report.limits = limits

    def change(self, request: LimitsRequest) -> None:
        """An operator's word, told to the running tables at once."""
        if self._report.limits is None:
            self._asked.append(request)
            return
        self._report.limits = self._report.limits.changed(request)
        self._tell()

    @property
    def parallel_tables(self) -> int:
        """Tables at once."""
        return self._limits.parallel_tables

    def share(self, readers: int) -> TableLimits:
        """The part of each table while so many read; tables that run are told where it changes."""
        if readers > self._readers or not self._children.queued:
            self._readers = max(readers, 1)
        return self._tell()

    @property
    def _limits(self) -> Limits:
        assert self._report.limits is not None
        return self._report.limits

    def _tell(self) -> TableLimits:
        limits = self._limits.shared_by(self._readers)
        if limits != self._told:
            self._told = limits
            self._children.signal("limit", limits)
        return limits
