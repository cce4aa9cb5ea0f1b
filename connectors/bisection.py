"""Finds the rows of a batch that are refused, by halving it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.errors import DataRejected


@dataclass(frozen=True)
class Refusal:
    """One row that is refused by itself, and why."""

    position: int
    error: DataRejected


async def refused_rows(count: int, attempt: Callable[[int, int], Awaitable[None]], *, most: int) -> list[Refusal]:
    """The refused ones of `count` rows, by position; where they are more than `most`, the first `most` + 1 of them.

    `attempt` takes the rows from the first position up to, but without, the second: all of them, or none and raises
    DataRejected. Of rows that exclude each other the first one is taken.
    """
    found: list[Refusal] = []
    waiting = [(0, count)] if count else []
    while waiting and len(found) <= most:
        first, last = waiting.pop()
        try:
            await attempt(first, last)
        except DataRejected as error:
            if last - first == 1:
                found.append(Refusal(first, error))
            else:
                middle = (first + last) // 2
                waiting += [(middle, last), (first, middle)]
    return found if len(found) > most else await _without_early(found, attempt)


async def _without_early(found: list[Refusal], attempt: Callable[[int, int], Awaitable[None]]) -> list[Refusal]:
    """A row that refers to another one of its table was refused only because it came first: it is tried again."""
    while found:
        still = []
        for refusal in found:
            try:
                await attempt(refusal.position, refusal.position + 1)
            except DataRejected as error:
                still.append(Refusal(refusal.position, error))
        if len(still) == len(found):
            break
        found = still
    return found
