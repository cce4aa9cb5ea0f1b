"""What a table has seen of how fast its source answers, carried across continue-as-new."""

from __future__ import annotations

from pydantic import Field

from core.base_model import Model


class ReadPressure(Model):
    """Seconds that the source took for a megabyte, and what follows from them."""

    recent: list[float] = Field(default_factory=list)
    """Of the last extracts."""
    best: float | None = None
    slow: int = 0
    """Slow extracts in a row."""
    easy: int = 0
    """Extracts in a row that were not slow."""
    at_once: int | None = None
    """Extracts that may run at once; None: as many as the job's limits allow."""
    times: float = 1.0
    """How much slower the source answers than at its best."""

    def in_words(self) -> str:
        """Empty where the source is read as fast as the limits allow."""
        if self.at_once is None:
            return ""
        return f"reading slower: the source answers {self.times:.0f} × slower than at the start"
