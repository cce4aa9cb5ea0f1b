"""The profile's arithmetic and how it is shown."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from api.cli import names_of
from api.job_profile import JobProfile, TableTimes, profile_job
from api.profile_display import profile_lines, show_profile
from core.job_spec import JobOptions, JobStatus
from core.time_spent import TimeSpent, add_activity

MOVED: TimeSpent = {
    "extract": 8.0,
    "extract.source": 4.5,
    "extract.digest": 2.0,
    "extract.staging": 1.0,
    "extract.worker": 0.5,
    "extract.queue": 0.5,
    "load": 4.0,
    "load.destination": 3.0,
    "load.worker": 1.0,
    "load.temporal": 0.5,
    "validate": 1.0,
    "validate.destination": 1.0,
}


def table(name: str = "s.t → d.t", timings: TimeSpent = MOVED, **facts: float) -> TableTimes:
    given = {"rows": 1_000_000, "batches": 8, "wall_seconds": 5.0, **facts}
    return TableTimes(
        table_id=name,
        name=name,
        rows=int(given["rows"]),
        batches=int(given["batches"]),
        wall_seconds=given["wall_seconds"],
        timings=timings,
    )


def job(*tables: TableTimes, wall_seconds: float = 5.0, unmeasured: tuple[str, ...] = (), **options: int) -> JobProfile:
    given = JobOptions.model_validate({"parallelBatches": 2, "parallelTables": 1, **options})
    return profile_job("j", 1, JobStatus.COMPLETED, given, wall_seconds, tables, unmeasured)


def seconds(found: JobProfile) -> dict[str, float]:
    return {f"{stage.stage}.{part.part}": part.seconds for stage in found.stages for part in stage.parts}


def test_an_activity_adds_its_parts_and_the_rest_of_its_way_is_temporals() -> None:
    parts = {"source": 1.0, "worker": 1.0, "queue": 0.5, "retries": 3.0}
    once = add_activity({"extract": 1.0, "extract.source": 1.0}, "extract", 6.0, 2.0, parts)
    assert once == {
        "extract": 3.0,
        "extract.source": 2.0,
        "extract.worker": 1.0,
        "extract.queue": 0.5,
        "extract.retries": 3.0,
        "extract.temporal": 0.5,
    }


def test_clocks_that_differ_leave_nothing_below_zero() -> None:
    assert add_activity({}, "load", 1.0, 1.5, {"queue": 0.2})["load.temporal"] == 0


def test_parts_add_up_to_their_stages_and_shares_to_one() -> None:
    found = job(table(), table("other"))
    assert [stage.stage for stage in found.stages] == ["extract", "load", "validate"]
    assert [stage.seconds for stage in found.stages] == [17.0, 9.0, 2.0]
    for stage in found.stages:
        assert sum(part.seconds for part in stage.parts) == stage.seconds
    assert sum(stage.share for stage in found.stages) == pytest.approx(1)
    assert (found.rows, found.seconds, found.rows_per_second) == (2_000_000, 28.0, 400_000)
    assert found.stages[0].parts[0].micros_per_row == pytest.approx(4.5)
    assert [one.seconds for one in found.tables] == [14.0, 14.0]


def test_what_an_earlier_release_did_not_take_apart_is_named_so() -> None:
    assert seconds(job(table(timings={"extract": 2.0, "finish": 1.0, "finish.destination": 0.4}))) == {
        "extract.unmeasured": 2.0,
        "finish.unmeasured": 0.6,
        "finish.destination": 0.4,
    }


def test_the_phase_that_took_longest_by_the_clock_bounds_the_run() -> None:
    """12 s, of which extract and load overlap in 11."""
    assert job(table(wall_seconds=12.0), wall_seconds=16.0).bound == (
        "Moving the rows bounds the run: it took 69% of the clock's time, "
        "extract is its busiest stage, and 76% of that went to the source server."
    )
    indexed = MOVED | {"finish": 6.0, "finish.destination": 6.0}
    assert job(table(wall_seconds=12.0, timings=indexed), wall_seconds=12.0).bound == (
        "Finish bounds the run: it took 50% of the clock's time, 100% of it went to the destination server."
    )


def test_tables_that_ran_side_by_side_took_the_clocks_time_once() -> None:
    two = (table("a", wall_seconds=12.0), table("b", wall_seconds=12.0))
    assert "69% of the clock's time" in job(*two, wall_seconds=16.0, parallelTables=4).bound


def test_evidence_without_a_wall_clock_bounds_by_what_two_batches_at_once_took_at_least() -> None:
    bound = job(table(wall_seconds=0.0), wall_seconds=8.5).bound
    assert bound.startswith("Moving the rows bounds the run: it took 50% of the clock's time")


def test_a_run_that_passed_outside_its_tables_is_not_said_to_be_bound_by_them() -> None:
    bound = job(table(wall_seconds=5.0), wall_seconds=60.0).bound
    assert bound.startswith("91% of the clock's time passed outside the tables")
    assert "bounds" not in bound


def test_a_job_that_has_not_begun_has_a_profile_that_says_so() -> None:
    found = job(unmeasured=("s.t → d.t",), wall_seconds=0)
    assert (found.seconds, found.stages, found.bound) == (0, [], "Nothing has been measured yet.")


def test_lines_name_every_part_that_counts() -> None:
    small = MOVED | {"extract.retries": 0.000_1}
    lines = list(profile_lines("shop", job(table(timings=small)), unmeasured=1))
    assert lines[0] == "shop: 1,000,000 rows, 5.0 s by the clock, 200.0k rows/s"
    assert lines[1] == "extract: 8.500 s, 60.7%, 8.50 µs per row"
    assert lines[2] == "  waiting for the source server: 4.500 s, 32.1%, 4.50 µs per row"
    assert not any("failed attempts" in line for line in lines)
    assert lines[-3] == (
        "In all: the source server 46%, the destination server 29%, the workers' own work 11%, staging 7%, "
        "waiting for a worker 4%, Temporal and the workflow 4%."
    )
    assert lines[-2].startswith("Moving the rows bounds the run")
    assert lines[-1] == "Nothing is known of 1 more table (sterna profile --json)."


def test_a_terminal_gets_bars_and_a_file_gets_lines() -> None:
    for terminal, barred in ((True, True), (False, False)):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
        show_profile(console, "shop [bold]", job(table()))
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert ("━" in text) is barred
        assert "shop [bold]" in text
        assert "waiting for the destination server" in text


def test_a_table_is_known_by_either_name_with_and_without_its_schema() -> None:
    assert names_of("shop.users → crm.customers") == ["shop.users", "crm.customers", "users", "customers"]
