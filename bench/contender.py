"""One way to do a scenario's work, and what a run of it took."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bench.process_usage import Usage


class Role(StrEnum):
    """What a contender is to Sterna."""

    LIMIT = "limit"
    STERNA = "Sterna"
    PEER = "peer"


class Failed(Exception):
    """A contender did not do its work; the message says why."""


class Contender(ABC):
    """Whoever takes part; `prepare` and `verify` are off the clock."""

    name: str
    role: Role
    settings: str
    """For the reader of the report: version and everything that was set."""

    @abstractmethod
    def prepare(self) -> None:
        """Makes the destination what this contender finds it as."""

    @abstractmethod
    def run(self) -> None:
        """Does the work. Raises Failed."""

    @abstractmethod
    def verify(self) -> None:
        """Raises Failed where the outcome is wrong."""


@dataclass(frozen=True)
class Reading:
    """One run."""

    seconds: float
    usage: Mapping[str, Usage]
    fault: str = ""
    """Why it does not count as correct, empty for a run that was verified."""
