"""What the stages' activities are given and answer: ids, counts, digests and references, never rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.base_model import Model
from core.changed_values import Changed
from core.healing import Comparison, HealedRows
from core.progress import Snapshot
from core.schema import Digest
from core.time_spent import TimeSpent

MOST_BATCHES_PER_ACTIVITY = 16
"""Each is named in the activity's input and in its result."""


class Measured(Model):
    """Result of an activity that says where its time went."""

    seconds: float = 0.0
    """In the activity."""
    spent: TimeSpent = Field(default_factory=dict)
    """By part, with what passed before the activity started; empty from workers of an earlier release."""


class LoadStart(Model):
    """Asks for the load (generation) of one table."""

    route: str
    token: str
    """Same token, same load: attempts and retries get the generation they began with. With a new token the rows of
    the run's earlier loads go first."""
    empties: bool = False
    """With a new token all rows go where the table was empty before the run, whoever wrote them."""


class LoadBegun(Measured):
    """The generation and what stood in the destination table before it."""

    load: int
    rows_before: int
    emptied: bool


class BatchSpan(Model):
    """Consecutive batches of one table, as one activity takes them."""

    first: int
    count: int


class ExtractInput(Model):
    """Consecutive batches to extract."""

    route: str
    token: str
    """Of the load they are read for."""
    span: BatchSpan
    snapshot: Snapshot | None
    digests: bool
    count: bool = False
    """These are all batches of the table: count the source's rows too, as `CountInput` would."""
    bounds: str | None = None
    """Reference of the PassBounds, where the table is incremental."""
    repair: str | None = None
    """Reference of the `Repair` that the batches belong to; None: they are the plan's."""


class StagedBatch(Model):
    """One extracted (or transformed) batch in staging."""

    number: int
    staged: str
    """Reference in staging."""
    digest: Digest
    """Rows, and their checksum where digests are asked for."""
    bytes: int
    changed: Changed = Field(default_factory=dict)
    rejected: int = 0
    """Rows that were left out of it and are kept as rejects."""


class StagedBatches(Measured):
    """Result of extract and transform."""

    batches: list[StagedBatch]
    counted_rows: int | None = None
    """The source's own count, where it was asked for."""


class TransformInput(Model):
    """Staged batches to transform."""

    route: str
    token: str
    batches: list[StagedBatch]
    digests: bool
    allowed_rejects: int | None = None
    """Leave out rows that do not fit, at most so many; None: the first one fails the activity."""
    load: int = 0
    """Whose rejects they are, where some may be left out."""


class LoadInput(Model):
    """Staged batches to load, each in its own transaction with its ledger row."""

    route: str
    load: int
    batches: list[StagedBatch]
    repair: str | None = None
    """As in ExtractInput: they take the place of rows that stand."""
    digests: bool = True
    allowed_rejects: int | None = None
    """Leave out rows that the destination refuses, at most so many; None: the first one fails the activity."""


class LoadedBatches(Measured):
    """Result of load."""

    digest: Digest
    """As the ledger records it."""
    bytes: int
    repeated: int = 0
    """Batches whose ledger row stood already."""
    changed: Changed = Field(default_factory=dict)
    rejected: int = 0
    """Rows of the batches that were not loaded, as the ledger records it."""


class CountInput(Model):
    """Count the source's rows without the plan, under the snapshot."""

    route: str
    snapshot: Snapshot | None
    measured: bool = False
    """Answer with `CountedRows`; workflows of an earlier release understand the number only."""
    bounds: str | None = None
    """As in ExtractInput."""


class CountedRows(Measured):
    """Result of a count."""

    rows: int


class FinishInput(Model):
    """Build keys, indexes, checks; set sequences."""

    route: str
    parallel: int = 2
    """DDL statements at once."""
    measured: bool = False
    """Answer with `Finished`; workflows of an earlier release expect nothing."""
    load: int | None = None
    """The load whose rows become rejects where a constraint does not hold; None: such a constraint fails."""
    max_rejects: int = 0
    """Of the table, those before included."""


class Finished(Measured):
    """What the load holds once its constraints stand, where rows had to be moved out for one (else None)."""

    loaded: Digest | None = None
    rejected: int = 0


class ValidateInput(Model):
    """What the destination must hold."""

    route: str
    extracted: Digest
    counted_rows: int | None
    """The source's own count; None where it was not asked."""
    begun: LoadBegun
    mode: Literal["none", "count", "checksum"]
    snapshot: Snapshot | None
    copies: int
    timings: TimeSpent = Field(default_factory=dict)
    wall_seconds: float = 0.0
    """Since the table began, pauses included."""
    changed: Changed = Field(default_factory=dict)
    bounds: str | None = None
    """As in ExtractInput."""
    healed: list[HealedRows] = Field(default_factory=list)
    heals: bool = False
    """What differs is going to be loaded anew, so it need not be narrowed."""
    rejected: int = 0
    """Rows that were extracted and not loaded; `extracted` is without them."""
    batches_end: int = 0
    """All batches of the load have lower numbers, those that healed it too."""
    max_rejects: int = 0
    """Rows may yet be taken out, so what the proof was given is kept."""


class Difference(Model):
    """One place where destination and source differ."""

    batch: int | None
    range: str = ""
    expected_rows: int
    found_rows: int
    examples: str | None = None
    """Reference of the document with example rows (they may hold personal data)."""


class ValidationResult(Measured):
    """The proof of one table."""

    proved: bool
    failed: bool
    """A difference was found; with mode none a table is neither proved nor failed."""
    mode: Literal["none", "count", "checksum"]
    rows: int
    evidence: str
    """Reference of the table's part of the certificate."""
    message: str
    differences: list[Difference] = Field(default_factory=list)


class Compared(Measured):
    """Result of a comparison."""

    found: Comparison
