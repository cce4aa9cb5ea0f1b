"""The short form of the campaign, and the proof that it sees what it is to see. The long one is `make chaos`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.arena import Arena
from tests.chaos.campaign import Campaign
from tests.chaos.faults import crash_database, cut, kill_worker

SEED = 20261128
SECONDS = 30.0
ROWS = 6_000
BREATH = 1.0
FAULTS = 8
MUTANT = Path(__file__).with_name("mutant")


@contextmanager
def arena(**environment: str) -> Iterator[Arena]:
    with tempfile.TemporaryDirectory(prefix="sterna-chaos-") as folder:
        Path(folder).chmod(0o755)
        with Arena(Path(folder), SEED, environment=environment) as built:
            yield built


def test_whatever_strikes_a_job_its_destination_holds_what_its_source_held() -> None:
    with arena() as built:
        summary = Campaign(built, print, rows=ROWS, together=2, breath=BREATH).run(SECONDS, faults=FAULTS)
    print(f"seed {SEED}: {summary.text()}")
    assert summary.violations == []


def test_the_campaign_sees_a_ledger_that_is_written_outside_the_transaction() -> None:
    faults = ((2, kill_worker("worker-load")), (2, cut("destination")), (1, crash_database("destination")))
    with arena(PYTHONPATH=str(MUTANT)) as built:
        summary = Campaign(built, print, rows=ROWS, breath=BREATH, strikers=(faults,)).run(SECONDS, faults=FAULTS)
    print(f"seed {SEED}: {summary.text()}")
    assert summary.violations
