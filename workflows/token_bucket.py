"""How long to wait so that an average rate is never exceeded: arithmetic without a clock."""

from __future__ import annotations


class TokenBucket:
    """Work goes at once and leaves a debt that time pays off; more begins when nothing is owed. Idle time saves
    nothing up, so that a rate is also kept over any short while, but for the last piece of work."""

    def __init__(self, rate: float | None, now: float) -> None:
        """`rate` in units a second, None for no limit; `now` in seconds."""
        self._rate = rate
        self._owed = 0.0
        self._at = now

    def change(self, rate: float | None, now: float) -> None:
        """From now on another rate pays off what is owed."""
        self._pay_off(now)
        self._rate = rate

    def spend(self, amount: float, now: float) -> None:
        """So much was done, or is about to be; less than nothing gives back what was spent too much."""
        self._pay_off(now)
        if self._rate is not None:
            self._owed = max(0.0, self._owed + amount)

    def seconds_to_wait(self, now: float) -> float:
        """Until nothing is owed."""
        self._pay_off(now)
        return self._owed / self._rate if self._rate is not None else 0.0

    def _pay_off(self, now: float) -> None:
        paid = max(0.0, now - self._at) * (self._rate or 0.0)
        self._owed = max(0.0, self._owed - paid) if self._rate is not None else 0.0
        self._at = now
