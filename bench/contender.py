"""One way to do a scenario's work, and what a run of it took."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bench.process_usage import Usage
from deploy.local.stack import LocalStack


class Role(StrEnum):
    """What a contender is to Sterna."""

    LIMIT = "limit"
    PROOF_LIMIT = "proof limit"
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
    rows: int | None = None
    """Where they are not the scenario's."""
    compared_with: Role = Role.LIMIT
    """The kind of limit that its time is divided by."""
    stack: LocalStack | None = None
    """Sterna's processes, where they do the work."""

    def install(self) -> None:
        """Gets what the contender needs, once. Raises Failed with the reason why it cannot take part."""
        return

    @abstractmethod
    def prepare(self) -> None:
        """Makes the destination what this contender finds it as."""

    @abstractmethod
    def run(self) -> None:
        """Does the work. Raises Failed."""

    @abstractmethod
    def verify(self) -> None:
        """Raises Failed where the outcome is wrong."""

    def close(self) -> None:
        """Ends what `prepare` left running."""
        return


@dataclass(frozen=True)
class Reading:
    """One run."""

    seconds: float
    usage: Mapping[str, Usage]
    fault: str = ""
    """Why it does not count as correct, empty for a run that was verified."""
