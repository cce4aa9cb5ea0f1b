"""Transactions of the local server: one at a time, from BEGIN to its end, which is one outcome that Snowflake's
READ COMMITTED allows. DuckDB's snapshots would fail where Snowflake's statements wait for a lock.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

IDLE_SECONDS = 12.0
"""Snowflake aborts a transaction that is idle and in another's way after 5 minutes; tests have less time."""
LOCK_SECONDS = 60.0


@dataclass
class Transaction:
    """A transaction that runs."""

    id: int
    name: str
    session: str
    abort: Callable[[], None]
    touched: float = field(default_factory=time.monotonic)
    busy: bool = False


class Transactions:
    """All running transactions of the server: none or one."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._numbers = itertools.count(1_700_000_000_000_000_000)
        self._without_autocommit: set[str] = set()
        self.running: Transaction | None = None

    def set_autocommit(self, session: str, *, on: bool) -> None:
        """ALTER SESSION SET AUTOCOMMIT."""
        (self._without_autocommit.discard if on else self._without_autocommit.add)(session)

    def is_implicit(self, session: str) -> bool:
        """Whether a statement that changes data begins a transaction by itself."""
        return session in self._without_autocommit and not self.number_of(session)

    def number_of(self, session: str) -> str:
        """CURRENT_TRANSACTION(): '' outside of one."""
        with self._free:
            running = self.running
            return str(running.id) if running is not None and running.session == session else ""

    def begin(self, name: str, session: str, abort: Callable[[], None]) -> bool:
        """Waits for its turn; False after LOCK_SECONDS."""
        deadline = time.monotonic() + LOCK_SECONDS
        with self._free:
            while self.running is not None:
                other = self.running
                if not other.busy and time.monotonic() - other.touched > IDLE_SECONDS:
                    self._abort(other)
                    break
                if time.monotonic() > deadline:
                    return False
                self._free.wait(0.2)
            self.running = Transaction(next(self._numbers), name, session, abort)
            return True

    def touch(self, session: str, *, busy: bool) -> None:
        """A statement of the session begins or has ended."""
        with self._free:
            if self.running is not None and self.running.session == session:
                self.running.busy = busy
                self.running.touched = time.monotonic()

    def end(self, session: str) -> None:
        """The session's transaction, if it has one, has ended."""
        with self._free:
            if self.running is not None and self.running.session == session:
                self.running = None
                self._free.notify_all()

    def abort(self, number: int) -> bool:
        """SYSTEM$ABORT_TRANSACTION."""
        with self._free:
            if self.running is None or self.running.id != number:
                return False
            self._abort(self.running)
            return True

    def _abort(self, transaction: Transaction) -> None:
        transaction.abort()
        self.running = None
        self._free.notify_all()
