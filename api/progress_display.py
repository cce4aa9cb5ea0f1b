"""Shows a job while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from api.progress_text import (
    describe_table,
    format_duration,
    format_rate,
    fraction_done,
    summary_line,
    table_line,
)
from core.progress import JobProgress, TableProgress, TableStatus

SUMMARY_EVERY_SECONDS = 2.0
MOST_TABLES_SHOWN = 30
STYLES = {
    TableStatus.PENDING: "dim",
    TableStatus.RUNNING: "",
    TableStatus.PARKED: "yellow",
    TableStatus.COMPLETED: "green",
    TableStatus.FAILED: "red",
    TableStatus.CANCELLED: "dim",
}
# What an operator wants to see first when not all tables fit.
ORDER = (
    TableStatus.FAILED,
    TableStatus.PARKED,
    TableStatus.RUNNING,
    TableStatus.PENDING,
    TableStatus.CANCELLED,
    TableStatus.COMPLETED,
)


class ProgressDisplay(Protocol):
    """Takes each progress as it comes; a context manager."""

    def __enter__(self) -> ProgressDisplay:
        """Takes the screen, where there is one."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the last state behind."""

    def show(self, progress: JobProgress) -> None:
        """Shows a newer state."""


class BarDisplay:
    """A table with a bar for each migrated table, drawn over itself."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4)

    def __enter__(self) -> BarDisplay:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, progress: JobProgress) -> None:
        """Redraws."""
        self._live.update(render(progress))


class LineDisplay:
    """One line for each change of a table's state, and a summary every two seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._states: dict[str, tuple[TableStatus, str]] = {}
        self._summary = ""
        self._summary_at = float("-inf")
        self._attention: str | None = None

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, progress: JobProgress) -> None:
        """Writes what is new."""
        for table in progress.tables:
            state = (table.status, table.stage)
            if table.status is not TableStatus.PENDING and self._states.get(table.table_id) != state:
                self._write(table_line(table))
            self._states[table.table_id] = state
        if progress.attention and progress.attention != self._attention:
            self._write(f"Attention: {progress.attention}")
        self._attention = progress.attention
        self._show_summary(progress)

    def _show_summary(self, progress: JobProgress) -> None:
        summary = summary_line(progress)
        now = self._clock()
        if summary != self._summary and (progress.status.final or now - self._summary_at >= SUMMARY_EVERY_SECONDS):
            self._write(summary)
            self._summary, self._summary_at = summary, now


def display_for(console: Console) -> ProgressDisplay:
    """Bars on a terminal, else lines."""
    if console.is_terminal:
        return BarDisplay(console)
    return LineDisplay(lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True))


def render(progress: JobProgress) -> RenderableType:
    """The whole job as one drawing."""
    grid = Table(box=None, pad_edge=False, expand=False)
    grid.add_column("table", no_wrap=True, overflow="ellipsis", max_width=44)
    grid.add_column("", width=20)
    for heading in ("rows", "rows/s", "left"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("state", overflow="ellipsis", no_wrap=True)
    ordered = sorted(progress.tables, key=lambda table: ORDER.index(table.status))
    shown = progress.tables if len(ordered) <= MOST_TABLES_SHOWN else ordered[:MOST_TABLES_SHOWN]
    for table in shown:
        grid.add_row(*_cells(table), style=STYLES[table.status])
    lines: list[RenderableType] = [grid]
    if len(ordered) > MOST_TABLES_SHOWN:
        lines.append(Text(f"… and {len(ordered) - MOST_TABLES_SHOWN} more tables", style="dim"))
    lines.append(Text(summary_line(progress), style="bold"))
    if progress.attention:
        lines.append(Text(f"Attention: {progress.attention}", style="yellow"))
    return Group(*lines)


def _cells(table: TableProgress) -> tuple[RenderableType, ...]:
    active = table.status is TableStatus.RUNNING
    return (
        Text(table.name),
        ProgressBar(total=1.0, completed=fraction_done(table), width=20),
        f"{table.rows:,}",
        format_rate(table.rows_per_second).removesuffix(" rows/s") if active else "",
        format_duration(table.eta_seconds) if active else "",
        Text(describe_table(table)),
    )
