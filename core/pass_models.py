"""What travels about incremental passes. Watermarks are values of rows, so that only references do."""

from __future__ import annotations

from core.base_model import Model
from core.progress import Snapshot
from core.stage_models import Measured


class BoundsInput(Model):
    """Asks which rows a pass over one table takes."""

    route: str
    token: str
    """As in LoadStart: same token, same rows."""
    snapshot: Snapshot | None


class FixedBounds(Measured):
    """Reference of the PassBounds."""

    reference: str


class WatermarkInput(Model):
    """A table's pass is loaded and proved: the next one goes on from its end."""

    route: str
    bounds: str
    load: int
