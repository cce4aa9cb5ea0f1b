"""Who may do what: three roles, each may what the one before may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What a principal may do."""

    VIEWER = "viewer"
    """Sees jobs, progress, certificates and rejected rows."""
    OPERATOR = "operator"
    """Makes and controls jobs too."""
    ADMIN = "admin"
    """Makes and revokes keys, and reads the audit trail, too."""

    def may(self, needed: Role) -> bool:
        """This role is the needed one, or more."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Principal:
    """Who asks. `name` is what the audit trail keeps."""

    name: str
    kind: Literal["key", "session", "token", "anonymous"]
    role: Role
