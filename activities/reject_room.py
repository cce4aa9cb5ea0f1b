"""How many rows one activity may leave out."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 100
"""So many refused rows of a batch are looked for, also where fewer are allowed: who mends one wants to see the rest."""


@dataclass(frozen=True)
class RejectRoom:
    """What `maxRejects` leaves of a table."""

    allowed: int
    load: int
    digests: bool
    """The batch's checksum is wanted."""

    @property
    def most(self) -> int:
        """Refused rows of one batch that are looked for."""
        return max(self.allowed, SHOWN)
