from __future__ import annotations

import pytest
from pydantic import ValidationError

from activities.step_size import step_bytes
from core.job_spec import JobOptions
from core.limits import Limits, LimitsRequest
from core.schema import TableName, TableSchema
from workflows.token_bucket import TokenBucket


def test_work_begins_at_once_and_the_next_waits_for_what_it_cost() -> None:
    bucket = TokenBucket(100.0, now=0.0)
    assert bucket.seconds_to_wait(0.0) == 0
    bucket.spend(250, now=0.0)
    assert bucket.seconds_to_wait(0.0) == 2.5
    assert bucket.seconds_to_wait(1.0) == 1.5
    assert bucket.seconds_to_wait(2.5) == 0


def test_idle_time_is_not_saved_up() -> None:
    bucket = TokenBucket(100.0, now=0.0)
    bucket.spend(100, now=1000.0)
    assert bucket.seconds_to_wait(1000.0) == 1.0


def test_what_was_expected_too_high_is_given_back() -> None:
    bucket = TokenBucket(100.0, now=0.0)
    bucket.spend(300, now=0.0)
    bucket.spend(-200, now=0.0)
    assert bucket.seconds_to_wait(0.0) == 1.0


def test_a_debt_is_paid_off_at_the_rate_that_held_meanwhile() -> None:
    bucket = TokenBucket(100.0, now=0.0)
    bucket.spend(400, now=0.0)
    bucket.change(50.0, now=2.0)
    assert bucket.seconds_to_wait(2.0) == 4.0
    bucket.change(None, now=3.0)
    assert bucket.seconds_to_wait(3.0) == 0
    bucket.change(10.0, now=3.0)
    assert bucket.seconds_to_wait(3.0) == 0


def test_work_over_a_long_time_keeps_the_rate_whatever_its_pieces() -> None:
    bucket, now, done = TokenBucket(10.0, now=0.0), 0.0, 0
    for piece in [1, 70, 3, 25, 8, 40, 2] * 20:
        now += bucket.seconds_to_wait(now)
        bucket.spend(piece, now)
        done += piece
    now += bucket.seconds_to_wait(now)
    assert done / now == pytest.approx(10.0)


def test_a_request_changes_what_it_names_and_lifts_a_rate_by_null() -> None:
    limits = Limits.of(JobOptions(max_rows_per_second=100, max_bytes_per_second=2000, parallel_tables=2))
    request = LimitsRequest.model_validate({"parallelTables": 3, "maxRowsPerSecond": None})
    assert request.named() == {"parallelTables": 3, "maxRowsPerSecond": None}
    changed = limits.changed(request)
    assert changed == limits.model_copy(update={"parallel_tables": 3, "max_rows_per_second": None})
    shared = changed.shared_by(4)
    assert (shared.rows_per_second, shared.bytes_per_second) == (None, 500.0)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"parallelTables": None}, {"parallelBatches": 0}, {"maxRowsPerSecond": 0}, {"rowsPerSecond": 5}],
    ids=str,
)
def test_a_request_that_changes_nothing_or_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LimitsRequest.model_validate(wrong)


def test_batches_of_a_job_with_rates_are_worth_about_two_seconds_of_a_tables_part() -> None:
    table = TableSchema(
        dialect="d",
        name=TableName(schema_name="s", name="t"),
        columns=[],
        estimated_rows=1000,
        estimated_bytes=100_000_000,
    )
    assert step_bytes(JobOptions(), table) == float("inf")
    assert step_bytes(JobOptions(max_bytes_per_second=10_000_000, parallel_tables=4), table) == 5_000_000
    assert step_bytes(JobOptions(max_rows_per_second=20, parallel_tables=1), table) == 4_000_000
