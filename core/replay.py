"""What a replay of rejects tells between workflow, activities and API: counts and references, never rows."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from core.base_model import Model, Request
from core.models import TableResult
from core.schema import Digest
from core.stage_models import ValidateInput


class ReplayRequest(Request):
    """Which tables' rejects to load again, by table id or name; empty: all."""

    tables: list[str] = Field(default_factory=list)
    run: int | None = Field(default=None, ge=1)
    """Of which run, as long as no later one has begun to load the table; None: the newest."""


class ReplayRun(Model):
    """Input of the workflow `ReplayRejects`."""

    job_id: str
    run: int
    tables: list[str] = Field(default_factory=list)
    """Table ids; empty: all that have rejects."""


class RejectedTable(Model):
    """A table of an ended run that has rejects."""

    table_id: str
    name: str
    replay: int
    """The number that this replay gets."""
    proof: ValidateInput
    """As it was proved last."""


class ReplayPlan(Model):
    """What there is to replay."""

    outage_limit: int
    tables: list[RejectedTable]


class ReplayInput(Model):
    """One table's rejects, to be loaded again."""

    route: str
    load: int
    replay: int
    digests: bool
    first: int = 0
    """The lowest number that no batch of the load has."""


class Replayed(Model):
    """What the load holds after it, by the ledger, which also knows of a replay that was interrupted."""

    loaded: Digest = Field(default_factory=Digest)
    rejected: int = 0


class ReplayClose(Model):
    """What the run's documents must say from now on."""

    job_id: str
    run: int
    finished_at: datetime
    tables: list[TableResult]


class ReplayOutcome(Model):
    """Result of a replay."""

    loaded: int
    rejected: int
    """Rows of these tables that are rejects still."""
    proved: bool
    certificate: str
