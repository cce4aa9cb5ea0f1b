from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.maintenance_window import MaintenanceWindow, look, parse_windows

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    """An instant, by its time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opening(windows: str | list[str], now: str) -> tuple[bool, str]:
    """Whether it is open, and until when, in UTC."""
    found = look(parse_windows(windows), at(now))
    return found.open, f"{found.until.astimezone(UTC):%Y-%m-%d %H:%M}"


NIGHT = "22:00-05:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-14 20:59:59", (False, "2026-01-14 21:00")),
        ("2026-01-14 21:00:00", (True, "2026-01-15 04:00")),
        ("2026-01-15 03:59:59", (True, "2026-01-15 04:00")),
        ("2026-01-15 04:00:00", (False, "2026-01-15 21:00")),
        ("2026-07-14 20:00:00", (True, "2026-07-15 03:00")),
    ],
)
def test_a_window_over_midnight_opens_and_closes_by_its_own_clock(now: str, expected: tuple[bool, str]) -> None:
    assert opening(NIGHT, now) == expected


def test_the_night_in_which_summer_time_begins_is_an_hour_shorter() -> None:
    assert opening(NIGHT, "2026-03-28 21:30") == (True, "2026-03-29 03:00")
    assert opening(NIGHT, "2026-03-29 02:59") == (True, "2026-03-29 03:00")


def test_the_night_in_which_summer_time_ends_is_an_hour_longer() -> None:
    assert opening(NIGHT, "2026-10-24 20:30") == (True, "2026-10-25 04:00")


def test_where_a_time_comes_twice_the_window_is_the_shorter_one() -> None:
    """02:30 is 00:30 and 01:30 UTC on that day."""
    assert opening("22:00-02:30 Europe/Berlin", "2026-10-25 00:29") == (True, "2026-10-25 00:30")
    assert opening("22:00-02:30 Europe/Berlin", "2026-10-25 01:00") == (False, "2026-10-25 21:00")
    assert opening("02:30-05:00 Europe/Berlin", "2026-10-25 01:00") == (False, "2026-10-25 01:30")


def test_where_a_time_does_not_come_the_window_is_the_shorter_one() -> None:
    """On that day 01:59 is followed by 03:00, at 01:00 UTC."""
    assert opening("22:00-02:30 Europe/Berlin", "2026-03-29 00:45") == (False, "2026-03-29 20:00")
    assert opening("02:30-05:00 Europe/Berlin", "2026-03-29 01:15") == (False, "2026-03-29 01:30")
    assert opening("02:15-02:45 Europe/Berlin", "2026-03-28 12:00") == (False, "2026-03-30 00:15")


def test_days_are_those_on_which_the_window_begins() -> None:
    weekend = "Fri,Sat 22:00-05:00 Europe/Berlin"
    assert opening(weekend, "2026-01-16 22:00") == (True, "2026-01-17 04:00"), "Friday night"
    assert opening(weekend, "2026-01-18 03:00") == (True, "2026-01-18 04:00"), "Sunday morning"
    assert opening(weekend, "2026-01-18 22:00") == (False, "2026-01-23 21:00"), "Sunday night"
    assert MaintenanceWindow.parse("Fri-Mon 01:00-02:00 UTC").days == {4, 5, 6, 0}


def test_windows_that_meet_are_one() -> None:
    assert opening(["22:00-24:00 UTC", "00:00-03:00 UTC"], "2026-01-14 23:00") == (True, "2026-01-15 03:00")
    found = look(parse_windows("00:00-24:00 UTC"), at("2026-01-14 12:00"))
    assert found.open
    assert found.until > at("2026-01-20 00:00")


def test_the_end_is_told_in_the_windows_own_zone() -> None:
    assert look(parse_windows(NIGHT), at("2026-01-14 12:00")).until.tzinfo == BERLIN


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("22:00-05:00", "is no window"),
        ("22-05 UTC", "is no window"),
        ("22:00-25:00 UTC", "no time of the day 25:00"),
        ("22:00-22:00 UTC", "begins and ends at the same time"),
        ("22:00-05:00 Europe/Bärlin", "no time zone"),
        ("22:00-05:00 ../../etc/passwd", "no time zone"),
        ("Someday 22:00-05:00 UTC", "no days of the week"),
        ([], "names no window"),
    ],
    ids=str,
)
def test_what_is_no_window_is_refused_with_an_example(wrong: str | list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_windows(wrong)
