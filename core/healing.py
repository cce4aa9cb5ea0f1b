"""What a table's workflow and activities tell each other about rows that differ, and about loading them anew."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.base_model import Model
from core.progress import Snapshot
from core.schema import Digest


class CompareInput(Model):
    """Compare both sides of a table by key, and say what has to be loaded anew."""

    route: str
    load: int
    snapshot: Snapshot | None
    abandoned: list[int]
    """Batches that were begun and given up: none of them may be loaded any more."""
    next_batch: int
    """The first number that no batch of the load has had."""
    digests: bool
    """The ledger has digests beside numbers of rows."""
    heal: bool
    """Also where the destination is not what the ledger records; else such a table is left as it is."""


class Comparison(Model):
    """What a comparison found."""

    comparable: bool
    """False: the table has to be copied anew (`reason`)."""
    reason: str = ""
    source: Digest = Field(default_factory=Digest)
    """All rows of the source, as they have to arrive."""
    missing: int = 0
    extra: int = 0
    changed: int = 0
    repair: str = ""
    """Reference of the `Repair`."""
    first: int = 0
    batches: int = 0
    evidence: str | None = None
    """Reference of the document that lists keys of the rows that differ (they may be personal)."""


class HealedRows(Model):
    """Rows that were loaded anew: because the snapshot was another, or because the proof found a difference."""

    cause: Literal["snapshot", "difference"]
    snapshot_epoch: int | None
    missing: int
    extra: int
    changed: int
    batches: int
    evidence: str | None = None
    """Reference of the document that lists keys of the rows that differ (they may be personal)."""


class Healing(Model):
    """What is known of a table whose rows are not all of one moment, or not as they should be."""

    stale: bool = False
    """Rows were loaded that have to be compared with the source."""
    cause: Literal["snapshot", "difference"] = "snapshot"
    repair: str | None = None
    """Reference of the repair whose batches are under way."""
    batches_end: int | None = None
    """All batches of the load have lower numbers; None: as planned."""
    abandoned: list[int] = Field(default_factory=list)
    """Batches that were begun before the snapshot was lost, and given up."""
    empties: bool = False
    """The next load takes away all rows, whoever wrote them."""
    found: Comparison | None = None
    losses: int = 0
    """Snapshots that were lost while the loaded rows were kept."""
    rounds: int = 0
    """Differences of the proof that were healed."""
    done: list[HealedRows] = Field(default_factory=list)


class DifferingRows(Model):
    """How many rows differ, by key or, where there is none, as a multiset."""

    missing: int
    extra: int
    changed: int
    keys: str | None = None
    """Reference of the document that lists keys of such rows (they may be personal)."""

    at_least: bool = False
    """More may differ."""

    @property
    def some(self) -> bool:
        """Rows differ, not only what the books say of them."""
        return bool(self.missing or self.extra or self.changed)

    def __str__(self) -> str:
        least = "at least " if self.at_least else ""
        return f"{least}rows missing at the destination: {self.missing}, extra: {self.extra}, changed: {self.changed}"
