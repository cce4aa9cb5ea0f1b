"""What an installation offers under a name: built in, or added by another package through an entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from core.errors import InvalidConfiguration


class Named(Protocol):
    """Something that is registered under its name."""

    @property
    def name(self) -> str:
        """As requests spell it."""


Offered = TypeVar("Offered", bound=Named)


def offered(
    group: str, word: str, built_in: Iterable[Offered], *, spelled: Callable[[str], str] = str
) -> dict[str, Offered]:
    """By name: what is built in and what the entry points of a group name. `word` says what it is, for people;
    `spelled` makes the registered name of an entry point's.

    Raises InvalidConfiguration where two packages claim one name.
    """
    found = {known.name: known for known in built_in}
    for point in entry_points(group=group):
        name = spelled(point.name)
        if name in found:
            raise InvalidConfiguration(
                f"two packages offer the {word} {name}", remedy=f"Uninstall one; one is {point.value}"
            )
        found[name] = point.load()
    return found


def load_class(path: str) -> type[Any]:
    """Imports the class that `module:Class` names, with what it needs."""
    module, _, attribute = path.partition(":")
    loaded = getattr(import_module(module), attribute)
    assert isinstance(loaded, type)
    return loaded
