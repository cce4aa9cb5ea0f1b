"""How a behaviour says what it needs, and which behaviours mean something for a database."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.conformance.harness import Harness

F = TypeVar("F", bound=Callable[..., Any])

PREFIX = "test_"
NEEDS = "conformance_needs"


def needs(*capabilities: str) -> Callable[[F], F]:
    """The behaviour means something only for connectors whose `Capabilities` have all these fields set."""

    def mark(behaviour: F) -> F:
        setattr(behaviour, NEEDS, capabilities)
        return behaviour

    return mark


@dataclass(frozen=True)
class Behaviour:
    """One test of the suite."""

    name: str
    """Without `test_`."""
    sentence: str
    """What a connector does that has it."""
    group: str
    needs: tuple[str, ...]


def behaviours_of(suite: type) -> Iterator[Behaviour]:
    """The behaviours of a suite class, group by group, in the order in which they are written."""
    for group in reversed(suite.__mro__):
        for name, member in vars(group).items():
            if name.startswith(PREFIX):
                sentence = " ".join((inspect.getdoc(member) or "").split())
                yield Behaviour(name.removeprefix(PREFIX), sentence, group_name(group), getattr(member, NEEDS, ()))


def group_name(group: type) -> str:
    """The first line of the class's docstring."""
    return (inspect.getdoc(group) or group.__name__).splitlines()[0].rstrip(".")


def why_not(harness: type[Harness], name: str, needed: tuple[str, ...], case: str | None = None) -> str | None:
    """Why the behaviour (or a case of it) means nothing for this database; None where it must hold."""
    for key in _keys(name, case):
        if key in harness.without:
            return harness.without[key]
    capabilities = harness.capabilities()
    missing = [need for need in needed if not getattr(capabilities, need)]
    return f"the connector does not say {', '.join(missing)}" if missing else None


def gap(harness: type[Harness], name: str, case: str | None = None) -> str | None:
    """The reason of a known gap, None where there is none."""
    return next((harness.gaps[key] for key in _keys(name, case) if key in harness.gaps), None)


def _keys(name: str, case: str | None) -> list[str]:
    return [name] if case is None else [f"{name}[{case}]", name]
