"""Spans of time as people write them: `5 minutes`."""

from __future__ import annotations

import re

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
DURATION = re.compile(rf"(\d{{1,9}}) ({'|'.join(UNITS)})s?")


def duration_seconds(text: str) -> int | None:
    """Seconds of `5 minutes`; None where it is no duration."""
    found = DURATION.fullmatch(text.strip())
    return int(found[1]) * UNITS[found[2]] if found else None
