"""Watermarks: how far earlier passes have read a column, as interchange text, and the arithmetic of overlaps."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.base_model import Model
from core.duration import UNITS, duration_seconds
from core.errors import InvalidConfiguration

NUMBERS = ("integer", "decimal")
MOMENTS = ("date", "timestamp", "timestamp_tz")
KINDS = (*NUMBERS, *MOMENTS)
"""Kinds of values that a watermark may have."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")
MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})(\.\d+)?(\+00)?")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
SECONDS = "%Y-%m-%d %H:%M:%S"


class PassRoute(Model):
    """What the plan fixes about a pass over one table."""

    column: str
    """The watermark column, by its source name."""
    kind: str
    overlap: int | str = 0
    watermark: str | None = None
    """How far the last proved pass has read; None where it met no value, or where there was none."""
    number: int = 1
    """Counts the passes that are proved, so that a pass that failed and the one after it have the same number: what the
    first wrote by append, the second takes away."""

    @property
    def first(self) -> bool:
        """Everything is read, rows without a watermark too."""
        return self.number == 1


class PassBounds(Model):
    """The rows of one pass: those past `after`, up to `through`. Lies in the document store: values of rows."""

    column: str
    after: str | None = None
    """None: no lower bound."""
    through: str | None = None
    """None: no row has a watermark."""
    nulls: bool = False
    """Rows without a watermark too."""
    watermark: str | None = None
    """What the next pass goes on from."""


class StoredWatermark(Model):
    """How far the last proved pass over a table has read."""

    table_id: str
    run: int
    number: int
    """How many passes are proved."""
    value: str | None
    recorded_at: datetime | None = None


def order(text: str, kind: str) -> Any:
    """Something that compares as the value does. Raises InvalidConfiguration for infinities and the like."""
    try:
        if kind in NUMBERS and NUMBER.fullmatch(text):
            return Decimal(text)
        if kind == "date" and DAY.fullmatch(text):
            return date.fromisoformat(text)
        if found := MOMENT.fullmatch(text):
            return datetime.strptime(found[1], SECONDS), Decimal(found[2] or 0)  # noqa: DTZ007
    except ValueError:
        pass
    raise InvalidConfiguration(
        "the greatest value of the watermark column is no finite number, date or timestamp of the years 1 to 9999",
        remedy="Leave such rows out with whereClause",
    )


def lowered(text: str, kind: str, overlap: int | str) -> str:
    """The value less the overlap; a date less whole days, rounded up."""
    found = order(text, kind)
    if kind in NUMBERS:
        return f"{found - int(overlap):f}"
    seconds = duration_seconds(str(overlap)) or 0
    day = timedelta(days=-(-seconds // UNITS["day"]))
    if kind == "date":
        return str(found - min(day, found - date.min))
    moment = found[0] - min(timedelta(seconds=seconds), found[0] - datetime(1, 1, 1))  # noqa: DTZ001
    return str(moment.isoformat(" ")) + text[len("2024-02-29 23:59:59") :]


def bounds(route: PassRoute, highest: str | None) -> PassBounds:
    """The rows of a pass, given the greatest watermark that stands in the source now. A watermark never goes back."""
    after = None if route.watermark is None else lowered(route.watermark, route.kind, route.overlap)
    reached = [text for text in (route.watermark, highest) if text is not None]
    through = max(reached, key=lambda text: order(text, route.kind), default=None)
    return PassBounds(column=route.column, after=after, through=through, nulls=route.first, watermark=through)
