"""Numbered slots in a shared folder, each held by at most one process at a time: advisory locks on files.

The kernel lets go of a dead process's locks at once, NFS with its client's lease. A holder that is silent for long, a
stopped process for example, loses its slots: its session, if it still has one, is ended by the database's own timeouts.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BEAT_SECONDS = 10.0
SILENCE_SECONDS = 180.0
"""Longer than the time after which databases end a session whose client does not move (Sterna asks them for 120 s)."""


@dataclass(frozen=True)
class Slot:
    """A slot that is held."""

    path: Path
    descriptor: int

    def beat(self) -> None:
        """Says that its holder lives."""
        os.utime(self.descriptor)

    def release(self) -> None:
        """Lets go."""
        os.close(self.descriptor)


class SessionSlots:
    """The slots of one database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, first: int, end: int, most: int) -> list[Slot]:
        """At most `most` of the slots from `first` up to `end`, those that are free now."""
        taken: list[Slot] = []
        for number in range(first, end):
            if len(taken) == most:
                break
            slot = self._try(self._folder / str(number))
            if slot is not None:
                taken.append(slot)
        return taken

    def _try(self, path: Path) -> Slot | None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:  # else it was taken away from a silent holder
                os.utime(descriptor)
                return Slot(path, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def take_from_silent(self, end: int) -> None:
        """Who tries the slots of silent holders next finds new files. Ages are told by the file system's clock, which
        all machines share."""
        with self._alone() as clock:
            os.utime(clock)
            now = os.fstat(clock).st_mtime
            for number in range(end):
                path = self._folder / str(number)
                with contextlib.suppress(FileNotFoundError):
                    if now - path.stat().st_mtime > SILENCE_SECONDS:
                        path.unlink()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        descriptor = os.open(self._folder / "turn", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


class HeldSlots:
    """The slots that this process holds, kept alive together."""

    def __init__(self) -> None:
        self._held: set[Slot] = set()
        self._beating: asyncio.Task[None] | None = None

    def add(self, slots: list[Slot]) -> None:
        """From now on they are kept alive."""
        self._held.update(slots)
        if self._held and (self._beating is None or self._beating.done()):
            self._beating = asyncio.create_task(self._beat())

    def release(self, slots: list[Slot]) -> None:
        """Lets go of them."""
        self._held.difference_update(slots)
        for slot in slots:
            slot.release()

    async def _beat(self) -> None:
        while self._held:
            await asyncio.sleep(BEAT_SECONDS)
            for slot in self._held:
                slot.beat()
