"""Maintenance windows: what the present is to them, by the clock and the time zones of the worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio import activity

from core.maintenance_window import look, parse_windows
from core.models import WindowAnswer, WindowInput


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MaintenanceActivities:
    """Served by `sterna-control` workers."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now

    @activity.defn
    async def look_at_window(self, given: WindowInput) -> WindowAnswer:
        """Whether one of the windows is open, and for how long that stays so."""
        now = self._now()
        found = look(parse_windows(given.windows), now)
        return WindowAnswer(
            open=found.open,
            until=found.until,
            until_text=f"{found.until:%Y-%m-%d %H:%M} {found.until.tzinfo}",
            seconds=(found.until.astimezone(UTC) - now) / timedelta(seconds=1),
        )
