"""Checks the chain of the audit trail, wherever its events are read from, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from core.audit import GENESIS, AuditRecord, digest

Events = Callable[[], AsyncIterator[AuditRecord]]
"""Opens all events in the order of their numbers; a broken chain is read twice."""


@dataclass(frozen=True)
class Head:
    """The newest event: number and hash. Kept elsewhere, it proves later that nothing up to it was taken away."""

    event_id: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.event_id}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Reads `N:HASH`. Raises ValueError."""
        number, _, value = text.strip().partition(":")
        value = value.lower()
        if not number.isdecimal() or len(value) != len(GENESIS) or set(value) - set("0123456789abcdef"):
            raise ValueError("a head is written N:HASH, a number and 64 hexadecimal digits")
        return cls(int(number), value)


class Damage(StrEnum):
    """What was done to the trail."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"


@dataclass(frozen=True)
class Break:
    """The first event that is not as it was written."""

    event_id: int
    damage: Damage
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What a check found; the head is that of the part that is whole."""

    head: Head
    broken: Break | None = None


async def verify(events: Events, expected: Head | None = None) -> Verdict:
    """Reads the whole trail. `expected` is a head that was kept elsewhere: the trail must still hold that event."""
    head = Head()
    async for event in events():
        if not _follows(event, head):
            return Verdict(head, await _diagnose(events, event, head))
        head = Head(event.event_id, event.hash)
        if expected is not None and expected.event_id == head.event_id and expected.hash != head.hash:
            return Verdict(head, _rewritten(head.event_id))
    if expected is not None and expected.event_id > head.event_id:
        return Verdict(head, _cut_off(head.event_id, expected.event_id))
    return Verdict(head)


def _follows(event: AuditRecord, head: Head) -> bool:
    chained = event.event_id == head.event_id + 1 and event.previous_hash == head.hash
    return chained and digest(event) == event.hash


async def _diagnose(events: Events, event: AuditRecord, head: Head) -> Break:
    """What was done, told from where the event's neighbours are."""
    awaited = head.event_id + 1
    if event.event_id != awaited:
        return Break(awaited, Damage.MISSING, f"{_numbers(awaited, event.event_id - 1)} missing")
    holder, last = await _look_around(events, event.previous_hash)
    if digest(event) != event.hash:
        return _moved(event, holder, last) or Break(
            awaited, Damage.CHANGED, "its content does not give the hash that was written with it"
        )
    if holder is not None and holder < head.event_id:
        return _inserted(holder + 1, head.event_id)
    return Break(
        head.event_id or awaited,
        Damage.CHANGED,
        f"event {awaited} was written behind an event with another hash: one was put in the place of the other",
    )


def _moved(event: AuditRecord, holder: int | None, last: int) -> Break | None:
    """An event that is whole, but under the number of another. None where it fits no number."""
    here = event.event_id
    was = next((number for number in range(1, last + 2) if digest(event, number) == event.hash), None)
    if was is None:
        return None
    if holder is None:
        return Break(here, Damage.MISSING, f"what stands there was event {was}: the numbers were closed up")
    if holder < here - 1:
        return _inserted(holder + 1, here - 1)
    return Break(here, Damage.REORDERED, f"what stands there was event {was}")


async def _look_around(events: Events, wanted: str) -> tuple[int | None, int]:
    """Number of the event that has this hash, None where there is none; and the last number."""
    holder, last = 0 if wanted == GENESIS else None, 0
    async for event in events():
        last = event.event_id
        if event.hash == wanted:
            holder = last
    return holder, last


def _inserted(first: int, last: int) -> Break:
    return Break(first, Damage.INSERTED, f"{_numbers(first, last)} between two that were written one after the other")


def _rewritten(event_id: int) -> Break:
    return Break(event_id, Damage.CHANGED, "its hash is not the one that was kept: the trail up to it was written anew")


def _cut_off(last: int, expected: int) -> Break:
    return Break(last + 1, Damage.MISSING, f"{_numbers(last + 1, expected)} missing: the end of the trail was cut off")


def _numbers(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"
