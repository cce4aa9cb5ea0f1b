"""Progress in words and numbers for people: pure functions, one wording for bars, plain lines and summaries."""

from __future__ import annotations

from collections.abc import Sequence

from core.limits import Limits
from core.progress import JobProgress, TableProgress, TableStatus

THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e4, "k"))
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
WAITING = (TableStatus.PARKED, TableStatus.FAILED)


def format_rows(rows: int) -> str:
    """`1,234,567 rows`."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


def format_rate(rows_per_second: float) -> str:
    """`950 rows/s`, `12.3k rows/s`, `1.2M rows/s`; empty where nothing moves."""
    if rows_per_second < 0.5:
        return ""
    for size, letter in THOUSANDS:
        if rows_per_second >= size:
            return f"{rows_per_second / (1000 if letter == 'k' else size):.1f}{letter} rows/s"
    return f"{rows_per_second:,.0f} rows/s"


def format_bytes(count: int) -> str:
    """Bytes in decimal units: `0 B`, `1.5 MB`."""
    size = float(count)
    for unit in BYTE_UNITS:
        if size < 999.95 or unit == BYTE_UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the last unit takes any size")


def format_duration(seconds: float | None) -> str:
    """`8 s`, `2 min 05 s`, `3 h 20 min`, `4 d 6 h`; empty where it is not known."""
    if seconds is None or seconds < 0:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def fraction_done(table: TableProgress) -> float:
    """How much of a table's batches is loaded, from 0 to 1; 1 only where the table is COMPLETED."""
    if table.status is TableStatus.COMPLETED:
        return 1.0
    if not table.batches:
        return 0.0
    return min(table.batches_done / table.batches, 0.999)


def rows_left(table: TableProgress) -> int:
    """Rows that are expected still to come, by the catalog's estimate."""
    if table.status.final:
        return 0
    return max(table.estimated_rows - table.rows, 0)


def remaining_seconds(progress: JobProgress) -> float | None:
    """When the rows will be through at the present rate; None where nothing moves or nothing is left."""
    left = sum(rows_left(table) for table in progress.tables)
    if not left or progress.rows_per_second < 0.5:
        return None
    return left / progress.rows_per_second


def describe_table(table: TableProgress) -> str:
    """What a table is doing: `loading`, `COMPLETED, proved`, `COMPLETED, not proved: reason`, `PARKED: reason`."""
    if table.status is TableStatus.COMPLETED:
        unproved = f"COMPLETED, not proved: {table.message}" if table.message else "COMPLETED, not proved"
        return "COMPLETED, proved" if table.proved else unproved
    if table.status is TableStatus.RUNNING:
        return f"{table.stage}: {table.message}" if table.message and table.stage else table.stage or "RUNNING"
    return f"{table.status.value}: {table.message}" if table.message else table.status.value


def table_line(table: TableProgress) -> str:
    """One table on one line, for logs."""
    facts = [describe_table(table)]
    if table.rows:
        facts.append(format_rows(table.rows))
    if table.rejected:
        facts.append(f"{table.rejected:,} rejected")
    if not table.status.final:
        facts.append(format_rate(table.rows_per_second))
    return f"{table.name}: {', '.join(fact for fact in facts if fact)}"


def summary_line(progress: JobProgress) -> str:
    """The job on one line, for logs."""
    done = sum(table.status is TableStatus.COMPLETED for table in progress.tables)
    eta = format_duration(remaining_seconds(progress))
    facts = [
        progress.status.value + (f" ({progress.stage})" if progress.stage and not progress.status.final else ""),
        f"{done} of {len(progress.tables)} tables" if progress.tables else "",
        format_rows(progress.rows) if progress.rows else "",
        format_rate(progress.rows_per_second),
        f"{eta} left" if eta else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def limits_lines(limits: Limits | None) -> list[str]:
    """The limits that hold, one on each line."""
    if limits is None:
        return ["The job has not read its options yet: look again in a moment"]
    rows, size = limits.max_rows_per_second, limits.max_bytes_per_second
    return [
        f"tables at once               {limits.parallel_tables}",
        f"batches of a table at once   {limits.parallel_batches}",
        f"rows per second              {'no limit' if rows is None else f'{rows:,}'}",
        f"bytes per second             {'no limit' if size is None else f'{size:,}'}",
    ]


def waiting_tables(progress: JobProgress) -> Sequence[TableProgress]:
    """Tables that an operator must look at."""
    return [table for table in progress.tables if table.status in WAITING]
