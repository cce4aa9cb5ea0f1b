"""Lets processes have a file in turn, though the sessions of one of them overlap without end.

DuckDB keeps a file open in a process as long as one session has it open. So whoever wants to open it takes the turn
first, and gives it back once the file is open: while one process waits, no other opens further sessions.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from types import TracebackType

ENDING = ".sterna-turn"


class Turn:
    """A lock on an empty file beside the database, which stays there. It makes waiting fair and guards nothing: where
    that file cannot be had, the turn is everybody's."""

    def __init__(self, path: str, *, make: bool) -> None:
        """`make`: who only reads leaves no file behind where nobody writes."""
        self._path = path + ENDING
        self._flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_CREAT if make else 0)
        self._file: int | None = None
        self._taken = False

    def __enter__(self) -> Turn:
        with suppress(OSError):
            self._file = os.open(self._path, self._flags, 0o644)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the turn back."""
        if self._file is not None:
            os.close(self._file)

    def take(self) -> bool:
        """Whether this session has the turn. Does not wait."""
        if self._file is None or self._taken:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without such locks
            return True
        self._taken = True
        return True
