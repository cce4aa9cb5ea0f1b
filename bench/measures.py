"""What is judged: each line names a figure of a scenario, what it is compared with, and the bounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from bench.contender import Role
from bench.encrypted_staging import ENCRYPTED
from bench.proofs import HASH_LIMIT
from bench.scenario import Round, Scenario
from bench.scenarios import COPY, FROM_MARIADB, KEY, MANY, MEMORY, SLOW, SMALL, STAGING, TO_MARIADB, WIDE
from bench.sterna_copy import ARROW, NATIVE, WITH_PROOF, WITHOUT_PROOF


class Figure(ABC):
    """A number of a round; None where a contender has no verified run in it."""

    @abstractmethod
    def of(self, scenario: Scenario, readings: Round) -> float | None: ...


@dataclass(frozen=True)
class Seconds(Figure):
    """By the clock; of the contender whose name begins so (versions follow)."""

    contender: str

    def of(self, scenario: Scenario, readings: Round) -> float | None:
        exact = readings.get(self.contender)
        found = exact or next((run for name, run in readings.items() if name.startswith(f"{self.contender} ")), None)
        return None if found is None or found.fault else found.seconds


@dataclass(frozen=True)
class BestLimit(Figure):
    """The limit with the best median, in this round."""

    def of(self, scenario: Scenario, readings: Round) -> float | None:
        best = scenario.best_limit()
        return None if best is None else Seconds(best).of(scenario, readings)


@dataclass(frozen=True)
class Added(Figure):
    """What one contender takes longer than another; nothing in a round where the machine's noise was larger."""

    longer: str
    shorter: str

    def of(self, scenario: Scenario, readings: Round) -> float | None:
        longer, shorter = (Seconds(name).of(scenario, readings) for name in (self.longer, self.shorter))
        return longer - shorter if longer and shorter and longer > shorter else None


@dataclass(frozen=True)
class SecondsPerTable(Figure):
    """Of a job of small tables."""

    def of(self, scenario: Scenario, readings: Round) -> float | None:
        seconds = Seconds(NATIVE).of(scenario, readings)
        return None if seconds is None else seconds / (scenario.rows / 100)


@dataclass(frozen=True)
class LargestWorker(Figure):
    """Peak memory in MB of the worker that needed most; of the contender at this place among those of the scenario."""

    place: int

    def of(self, scenario: Scenario, readings: Round) -> float | None:
        names = [each.name for each in scenario.contenders if each.role is Role.STERNA]
        run = readings.get(names[self.place])
        if run is None or run.fault:
            return None
        return max(usage.peak for name, usage in run.usage.items() if name.startswith("worker-"))


@dataclass(frozen=True)
class Measure:
    """One line. `at_most`: the figure, divided by the other where there is one, must not be above; else not below."""

    scenario: str
    title: str
    figure: Figure
    must: float
    aim: float
    against: Figure | None = None
    at_most: bool = True
    unit: str = "×"

    def values(self, scenario: Scenario) -> list[float]:
        """One for each round that has all it needs."""
        found = []
        for readings in scenario.rounds:
            value = self.figure.of(scenario, readings)
            other = 1.0 if self.against is None else self.against.of(scenario, readings)
            if value is not None and other:
                found.append(value / other)
        return found

    def meets(self, value: float, bound: float) -> bool:
        """On the right side of the bound."""
        return value <= bound if self.at_most else value >= bound


def faster_than(scenario: str, peer: str, must: float, aim: float, sterna: str = NATIVE) -> Measure:
    """The peer's time divided by Sterna's."""
    return Measure(scenario, f"faster than {peer}", Seconds(peer), must, aim, Seconds(sterna), at_most=False)


PROOF = Added(WITH_PROOF, WITHOUT_PROOF)
MEASURES: Sequence[Measure] = (
    Measure(COPY, "Sterna against the best COPY \\| COPY", Seconds(NATIVE), 1.4, 1.2, BestLimit()),
    Measure(KEY, "with key and checksum proof, against the limit with key", Seconds(WITH_PROOF), 2.5, 2.0, BestLimit()),
    Measure(KEY, "what the proof adds, against hash_record_extended", PROOF, 1.2, 0.9, Seconds(HASH_LIMIT)),
    Measure(KEY, "with key, no proof, against pgcopydb", Seconds(WITHOUT_PROOF), 1.1, 1.0, Seconds("pgcopydb")),
    faster_than(COPY, "dlt", 2.0, 2.8),
    faster_than(COPY, "pgloader", 4.0, 6.0),
    faster_than(COPY, "sling", 4.0, 6.0),
    faster_than(COPY, "ingestr", 4.0, 6.0),
    Measure(COPY, "Arrow path against native path", Seconds(ARROW), 2.5, 1.5, Seconds(NATIVE)),
    Measure(TO_MARIADB, "Sterna against COPY \\| LOAD DATA", Seconds(NATIVE), 2.0, 1.4, BestLimit()),
    faster_than(TO_MARIADB, "sling", 1.0, 3.0),
    faster_than(TO_MARIADB, "dlt", 1.0, 3.0),
    faster_than(TO_MARIADB, "ingestr", 1.0, 3.0),
    Measure(FROM_MARIADB, "Sterna against the client \\| COPY", Seconds(NATIVE), 2.5, 1.6, BestLimit()),
    faster_than(FROM_MARIADB, "pgloader", 1.0, 1.6),
    faster_than(FROM_MARIADB, "sling", 1.0, 1.6),
    faster_than(FROM_MARIADB, "dlt", 1.0, 1.6),
    faster_than(FROM_MARIADB, "ingestr", 1.0, 1.6),
    Measure(WIDE, "Sterna against the best COPY \\| COPY", Seconds(NATIVE), 1.5, 1.2, BestLimit()),
    Measure(SMALL, "POST to COMPLETED", Seconds(NATIVE), 3.0, 1.0, unit="s"),
    Measure(MANY, "for each table", SecondsPerTable(), 0.25, 0.08, unit="s"),
    Measure(MEMORY, "largest worker, smaller table", LargestWorker(0), 300, 200, unit="MB"),
    Measure(MEMORY, "largest worker, larger table", LargestWorker(-1), 300, 200, unit="MB"),
    Measure(MEMORY, "memory of the larger against the smaller", LargestWorker(-1), 1.1, 1.1, LargestWorker(0)),
    Measure(
        SLOW,
        "1 extract worker against 4",
        Seconds("Sterna, 1 extract worker"),
        3.2,
        3.8,
        Seconds("Sterna, 4 extract workers"),
        at_most=False,
    ),
    Measure(STAGING, "staging encrypted against in the clear", Seconds(ENCRYPTED), 1.25, 1.1, Seconds(NATIVE)),
    Measure(KEY, "the proof, faster than reladiff", Seconds("reladiff"), 1.0, 3.0, PROOF, at_most=False),
    Measure(KEY, "the proof, faster than data-validation", Seconds("data-validation"), 1.0, 3.0, PROOF, at_most=False),
)
BOUNDS_ROWS = {COPY: 6_000_000, KEY: 6_000_000, TO_MARIADB: 1_000_000, FROM_MARIADB: 1_000_000}
"""The sizes that the bounds are meant for; fixed costs weigh more on smaller tables."""
SCENARIO_NAMES = tuple(dict.fromkeys(measure.scenario for measure in MEASURES))
