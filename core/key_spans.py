"""Rows picked by their key, on either side of a table."""

from __future__ import annotations

from typing import Literal

from core.base_model import Model


class KeySpans(Model):
    """Rows whose integer key lies in one of the spans [low, high)."""

    kind: Literal["spans"] = "spans"
    column: str
    spans: list[tuple[int, int]]
    nulls: bool = False
    """Rows without a key too."""
