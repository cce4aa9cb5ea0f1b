"""The arithmetic of incremental passes, and what their options refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from api.pass_validation import wrong_passes
from core.errors import InvalidConfiguration
from core.job_spec import IncrementalSpec, LoadMode, TableSpec
from core.watermark import PassRoute, bounds, lowered

MOMENT = "2024-03-01 00:00:00.123456789+00"


@pytest.mark.parametrize(
    ("text", "kind", "overlap", "expected"),
    [
        ("1000", "integer", 10, "990"),
        ("9007199254740993", "decimal", 1, "9007199254740992"),
        ("12.50", "decimal", 1, "11.50"),
        ("2024-03-01", "date", "1 day", "2024-02-29"),
        ("2024-03-01", "date", "5 minutes", "2024-02-29"),
        ("2024-03-01 00:04:00", "timestamp", "5 minutes", "2024-02-29 23:59:00"),
        (MOMENT, "timestamp_tz", "1 second", "2024-02-29 23:59:59.123456789+00"),
        (MOMENT, "timestamp_tz", 0, MOMENT),
        ("0001-01-02 00:00:00", "timestamp", "2 weeks", "0001-01-01 00:00:00"),
    ],
)
def test_the_overlap_is_taken_off_exactly(text: str, kind: str, overlap: int | str, expected: str) -> None:
    assert lowered(text, kind, overlap) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("infinity", "timestamp"),
        ("infinity", "date"),
        ("NaN", "decimal"),
        ("0044-03-15 BC", "date"),
        ("10000-01-01 00:00:00", "timestamp"),
        ("it's", "integer"),
    ],
)
def test_a_watermark_that_no_later_row_could_pass_is_refused_without_its_value(text: str, kind: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        bounds(PassRoute(column="at", kind=kind), text)
    assert text not in str(refused.value)


def test_the_first_pass_takes_everything_and_rows_without_a_watermark() -> None:
    found = bounds(PassRoute(column="id", kind="integer"), "70")
    assert (found.after, found.through, found.nulls, found.watermark) == (None, "70", True, "70")


def test_a_later_pass_begins_an_overlap_before_the_watermark() -> None:
    route = PassRoute(column="id", kind="integer", overlap=5, watermark="70", number=2)
    found = bounds(route, "100")
    assert (found.after, found.through, found.nulls, found.watermark) == ("65", "100", False, "100")


@pytest.mark.parametrize("highest", ["9", None])
def test_a_watermark_never_goes_back(highest: str | None) -> None:
    found = bounds(PassRoute(column="id", kind="integer", watermark="70", number=2), highest)
    assert (found.after, found.through, found.watermark) == ("70", "70", "70")


def test_a_second_pass_after_an_empty_one_has_no_lower_bound_and_leaves_nulls_out() -> None:
    found = bounds(PassRoute(column="id", kind="integer", number=2), "3")
    assert (found.after, found.through, found.nulls) == (None, "3", False)


@pytest.mark.parametrize("overlap", ["soon", "5", "5 minutes ago", "-1 days", -1, 1.5, True, [1]])
def test_an_overlap_that_is_none_is_refused(overlap: Any) -> None:
    with pytest.raises(ValidationError, match="5 minutes"):
        IncrementalSpec.model_validate({"column": "id", "overlap": overlap})


@pytest.mark.parametrize(
    ("mode", "default", "overlap", "field"),
    [
        ("upsert", "append", "5 minutes", None),
        (None, "append", 0, None),
        (None, "append", "0 minutes", None),
        (None, "upsert", 5, None),
        (None, "append", 5, "tables[0].incremental.overlap"),
        ("replace", "upsert", 0, "tables[0].loadMode"),
    ],
)
def test_load_modes_that_would_lose_or_double_rows_are_refused(
    mode: LoadMode | None, default: LoadMode, overlap: int | str, field: str | None
) -> None:
    spec = IncrementalSpec.model_validate({"column": "changed", "overlap": overlap})
    table = TableSpec(source_table="orders", load_mode=mode, incremental=spec)
    errors = list(wrong_passes([table], default))
    assert [error.field for error in errors] == ([field] if field else [])
    assert all("table orders, watermark column changed" in error.message and error.remedy for error in errors)
