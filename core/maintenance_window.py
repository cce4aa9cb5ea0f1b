"""When a job may move rows: windows of the day in a time zone, exact over changes of summer time and midnight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FORM = re.compile(r"(?:(?P<days>[A-Za-z,-]+)\s+)?(?P<begin>\d\d:\d\d)\s*-\s*(?P<end>\d\d:\d\d)\s+(?P<zone>\S+)")
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLES = '"22:00-05:00 Europe/Berlin" or "Sat,Sun 00:00-24:00 Europe/Berlin"'
LOOK_AHEAD_DAYS = 9
"""A window of one day of the week comes again within 8 days, in any time zone."""


@dataclass(frozen=True)
class Opening:
    """What an instant is to a set of windows."""

    open: bool
    until: datetime
    """The next instant at which that changes, in the zone of the window that changes it; of windows that never close,
    the end of what was looked at."""


@dataclass(frozen=True)
class Span:
    """One opening, in UTC: two times of one zone compare by the face of the clock, which summer time turns back."""

    begin: datetime
    end: datetime
    zone: ZoneInfo


@dataclass(frozen=True)
class MaintenanceWindow:
    """Every day, or on some days of the week, from a time of the day to the next time of that name."""

    begin: timedelta
    """After midnight."""
    end: timedelta
    """After midnight; where it is not later than the beginning: of the day after."""
    zone: ZoneInfo
    days: frozenset[int]
    """On which it begins; Monday is 0."""

    @classmethod
    def parse(cls, text: str) -> MaintenanceWindow:
        """Reads `[days] HH:MM-HH:MM zone`. Raises ValueError that says what is wrong and how it is written."""
        found = FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"is no window. Write {EXAMPLES}")
        begin, end = _clock(found["begin"]), _clock(found["end"])
        if begin == end:
            raise ValueError(f"begins and ends at the same time. Write {EXAMPLES}")
        return cls(begin, end, _zone(found["zone"]), _days(found["days"]))

    def spans(self, around: datetime) -> list[Span]:
        """Its openings from before an instant to some days after it. Where summer time makes a time of the day come
        twice or never, the window is the shorter one."""
        today = around.astimezone(self.zone).date()
        days = [today + timedelta(days=number) for number in range(-2, LOOK_AHEAD_DAYS)]
        spans = (self._span(day) for day in days if day.weekday() in self.days)
        return [span for span in spans if span.begin < span.end]

    def _span(self, day: date) -> Span:
        last = day if self.end > self.begin else day + timedelta(days=1)
        begin, end = _instants(day, self.begin, self.zone), _instants(last, self.end, self.zone)
        return Span(max(begin), min(end), self.zone)


def look(windows: Sequence[MaintenanceWindow], now: datetime) -> Opening:
    """Whether an instant lies in one of the windows, and until when that is so. Windows that meet are one."""
    spans = sorted((span for window in windows for span in window.spans(now)), key=lambda span: span.begin)
    last: Span | None = None
    for span in spans:
        reached = now if last is None else last.end
        if span.begin <= reached < span.end:
            last = span
    if last is not None:
        return Opening(open=True, until=last.end.astimezone(last.zone))
    following = next(span for span in spans if span.begin > now)
    return Opening(open=False, until=following.begin.astimezone(following.zone))


def parse_windows(given: str | Sequence[str]) -> list[MaintenanceWindow]:
    """One window or several. Raises ValueError."""
    texts = [given] if isinstance(given, str) else list(given)
    if not texts:
        raise ValueError(f"names no window. Write {EXAMPLES}")
    return [MaintenanceWindow.parse(text) for text in texts]


def _clock(text: str) -> timedelta:
    if not CLOCK.fullmatch(text):
        raise ValueError(f"has no time of the day {text}. Write {EXAMPLES}")
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"names no time zone {name}. Zones are named as in Europe/Berlin, America/New_York, UTC"
        ) from None


def _days(text: str | None) -> frozenset[int]:
    """`Mon-Fri`, `Sat,Sun`, `Fri-Mon`; every day where none is named."""
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        ends = part.split("-")
        if len(ends) > 2 or any(day not in DAYS for day in ends):
            raise ValueError(f"names no days of the week {text}. Write {EXAMPLES}")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found |= {(first + number) % 7 for number in range((last - first) % 7 + 1)}
    return frozenset(found)


def _instants(day: date, clock: timedelta, zone: ZoneInfo) -> list[datetime]:
    """What a time of a day may mean: one instant, but two where clocks change (PEP 495)."""
    local = datetime.combine(day, time(), zone) + clock
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
