"""Progress as people read it: words, bars and plain lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from api.progress_display import LineDisplay, render
from api.progress_text import (
    describe_table,
    format_bytes,
    format_duration,
    format_rate,
    format_rows,
    fraction_done,
    remaining_seconds,
    summary_line,
    table_line,
)
from core.job_spec import JobStatus
from core.progress import JobProgress, TableProgress, TableStatus


def table(name: str = "shop.orders", **facts: object) -> TableProgress:
    return TableProgress.model_validate({"table_id": name, "name": name, **facts})


def job(*tables: TableProgress, status: JobStatus = JobStatus.ACTIVE, **facts: object) -> JobProgress:
    return JobProgress.model_validate({"job_id": "j", "run": 1, "status": status, "tables": list(tables), **facts})


@pytest.mark.parametrize(
    ("rows", "words"), [(0, "0 rows"), (1, "1 row"), (999, "999 rows"), (1234567, "1,234,567 rows")]
)
def test_rows_are_counted_in_words(rows: int, words: str) -> None:
    assert format_rows(rows) == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.0, ""),
        (0.4, ""),
        (7.0, "7 rows/s"),
        (9_999.0, "9,999 rows/s"),
        (10_000.0, "10.0k rows/s"),
        (123_456.0, "123.5k rows/s"),
        (2_500_000.0, "2.5M rows/s"),
        (3e9, "3.0G rows/s"),
    ],
)
def test_rates_are_short(rate: float, words: str) -> None:
    assert format_rate(rate) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (5 * 10**18, "5000.0 PB")]
)
def test_bytes_are_decimal(count: int, words: str) -> None:
    assert format_bytes(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-1.0, ""),
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (12_000.0, "3 h 20 min"),
        (367_200.0, "4 d 6 h"),
    ],
)
def test_durations_never_show_sixty(seconds: float | None, words: str) -> None:
    assert format_duration(seconds) == words


def test_a_table_is_only_full_when_it_is_completed() -> None:
    loaded = {"batches": 4, "batches_done": 4}
    assert fraction_done(table(status=TableStatus.RUNNING, **loaded)) < 1.0
    assert fraction_done(table(status=TableStatus.COMPLETED, **loaded)) == 1.0
    assert fraction_done(table(status=TableStatus.PENDING)) == 0.0


def test_remaining_time_counts_unfinished_tables_only() -> None:
    progress = job(
        table("a", status=TableStatus.RUNNING, estimated_rows=1000, rows=400),
        table("b", status=TableStatus.PENDING, estimated_rows=400),
        table("c", status=TableStatus.PARKED, estimated_rows=9999),
        table("d", status=TableStatus.RUNNING, estimated_rows=10, rows=50),
        rows_per_second=100.0,
    )
    assert remaining_seconds(progress) == 10.0
    assert remaining_seconds(progress.model_copy(update={"rows_per_second": 0.0})) is None
    assert remaining_seconds(job(table(status=TableStatus.COMPLETED, estimated_rows=5), rows_per_second=9.0)) is None


def test_a_completed_table_says_whether_it_is_proved() -> None:
    assert describe_table(table(status=TableStatus.COMPLETED, proved=True)) == "COMPLETED, proved"
    assert describe_table(table(status=TableStatus.COMPLETED)) == "COMPLETED, not proved"
    moved = table(status=TableStatus.COMPLETED, message="the source counts 3")
    assert describe_table(moved) == "COMPLETED, not proved: the source counts 3"


def test_a_parked_table_says_why() -> None:
    line = table_line(table(status=TableStatus.PARKED, message="disk full", rows=5, rows_per_second=99.0))
    assert line == "shop.orders: PARKED: disk full, 5 rows"


def test_a_running_table_shows_its_stage_and_rate() -> None:
    line = table_line(table(status=TableStatus.RUNNING, stage="loading", rows=20_000, rows_per_second=5000.0))
    assert line == "shop.orders: loading, 20,000 rows, 5,000 rows/s"


def test_the_summary_counts_tables_and_drops_what_is_unknown() -> None:
    assert summary_line(job(stage="preflight")) == "ACTIVE (preflight)"
    progress = job(
        table("a", status=TableStatus.COMPLETED),
        table("b", status=TableStatus.RUNNING, estimated_rows=300, rows=100),
        rows=100,
        rows_per_second=100.0,
    )
    assert summary_line(progress) == "ACTIVE, 1 of 2 tables, 100 rows, 100 rows/s, 2 s left"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_once_for_each_change_and_a_summary_every_two_seconds() -> None:
    lines: list[str] = []
    clock = Clock()
    display = LineDisplay(lines.append, clock)
    display.show(job(table(status=TableStatus.RUNNING, stage="loading", rows=1), rows=1))
    assert lines == ["shop.orders: loading, 1 row", "ACTIVE, 0 of 1 tables, 1 row"]

    clock.now = 1.0
    display.show(job(table(status=TableStatus.RUNNING, stage="loading", rows=2), rows=2))
    assert len(lines) == 2

    clock.now = 2.0
    display.show(job(table(status=TableStatus.RUNNING, stage="loading", rows=3), rows=3))
    assert lines[2:] == ["ACTIVE, 0 of 1 tables, 3 rows"]

    clock.now = 2.1
    display.show(job(table(status=TableStatus.COMPLETED, proved=True, rows=3), rows=3, status=JobStatus.COMPLETED))
    assert lines[3:] == ["shop.orders: COMPLETED, proved, 3 rows", "COMPLETED, 1 of 1 tables, 3 rows"]


def test_attention_is_said_when_it_changes() -> None:
    lines: list[str] = []
    display = LineDisplay(lines.append, Clock())
    for attention in ("host away", "host away", None, "host away"):
        display.show(job(attention=attention))
    assert lines.count("Attention: host away") == 2


def test_pending_tables_make_no_line() -> None:
    lines: list[str] = []
    LineDisplay(lines.append, Clock()).show(job(table(status=TableStatus.PENDING)))
    assert lines == ["ACTIVE, 0 of 1 tables"]


def drawn(progress: JobProgress) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(render(progress))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_drawing_keeps_brackets_in_names_and_messages() -> None:
    text = drawn(job(table("shop.[bold]x[/]", status=TableStatus.FAILED, message="[red] is not markup")))
    assert "shop.[bold]x[/]" in text
    assert "[red] is not markup" in text


def test_of_many_tables_those_that_need_an_operator_are_drawn_first() -> None:
    tables = [table(f"t{number}", status=TableStatus.PENDING) for number in range(100)]
    text = drawn(job(*tables, table("broken", status=TableStatus.FAILED)))
    assert "broken" in text
    assert "… and 71 more tables" in text
