"""Credentials that Vault lends to a worker process: shared while good, renewed while used, given back.

Vault, "Lease, Renew, and Revoke": a lease ends unless it is renewed, is never renewed beyond its maximum, and ends with
the token that borrowed it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hvac
from hvac import exceptions
from requests.exceptions import RequestException

from activities.resources.activity_scope import at_activity_end
from activities.resources.vault_login import log_out

RENEWED_AT = 2 / 3
"""Of a lease's time: then it is renewed where an activity uses it, else given back."""
TRIED_AGAIN = 1 / 12
"""Of a lease's time: the pause after a renewal that failed for the moment."""
UNREACHABLE = (exceptions.VaultDown, exceptions.InternalServerError, RequestException)
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 60.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Lease:
    name: str
    client: hvac.Client
    borrowed: bool
    """The token came from a login: it goes with the lease."""
    lease_id: str
    credentials: dict[str, Any]
    seconds: float
    """What Vault granted at first."""
    renewable: bool
    due: float = 0.0
    """When it is looked at again, on the monotonic clock."""
    lent_until: float = 0.0
    """Who comes later gets another, unless it has been renewed."""
    end: float = 0.0
    users: int = 0
    ending: bool = False
    """Nobody borrows it any more; it is given back when its last user has ended."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class VaultLeases:
    """Thread-safe. A thread of its own renews, from the first lease on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._leases: list[_Lease] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def borrow(self, name: str) -> dict[str, Any] | None:
        """The credentials of this name that the process holds and that stay good for a while; None where it has to ask
        Vault. They are in use until the running activity ends."""
        with self._changed:
            for lease in self._leases:
                if lease.name == name and not lease.ending and self._clock() < lease.lent_until:
                    return self._use(lease)
        return None

    def keep(self, name: str, client: hvac.Client, answer: dict[str, Any], *, borrowed: bool) -> dict[str, Any]:
        """Takes over a lease and the client that has its token; returns the credentials, in use as `borrow` says."""
        seconds = float(answer["lease_duration"])
        lease = _Lease(name, client, borrowed, answer["lease_id"], answer["data"], seconds, bool(answer["renewable"]))
        self._extend(lease, seconds)
        with self._changed:
            self._leases.append(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="vault-leases", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return self._use(lease)

    def close(self) -> None:
        """Gives all back."""
        with self._changed:
            self._closed = True
            leases, self._leases = self._leases, []
            self._changed.notify_all()
        for lease in leases:
            _give_back(lease)

    def _extend(self, lease: _Lease, seconds: float) -> None:
        now = self._clock()
        lease.due = lease.lent_until = now + seconds * RENEWED_AT
        lease.end = now + seconds

    def _use(self, lease: _Lease) -> dict[str, Any]:
        lease.users += 1
        if not at_activity_end(lambda: self._release(lease)):
            lease.users -= 1
        return lease.credentials

    def _release(self, lease: _Lease) -> None:
        with self._changed:
            lease.users -= 1
            if lease.ending and not lease.users:
                lease.due = self._clock()
                self._changed.notify_all()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = self._clock()
                due = [lease for lease in self._leases if lease.due <= now]
                if not due:
                    next_due = min((lease.due for lease in self._leases), default=float("inf"))
                    self._changed.wait(min(max(next_due - now, SHORTEST_PAUSE), LONGEST_PAUSE))
                    continue
            for lease in due:
                self._look_after(lease)

    def _look_after(self, lease: _Lease) -> None:
        with self._changed:
            unused = not lease.users
            if unused:
                lease.ending = True
                if lease in self._leases:
                    self._leases.remove(lease)
        if unused:
            _give_back(lease)
            return
        try:
            granted = None if lease.ending else _renew(lease)
        except UNREACHABLE as error:
            pause = max(lease.seconds * TRIED_AGAIN, SHORTEST_PAUSE)
            if self._clock() + pause < lease.end:
                lease.due = self._clock() + pause
                return
            log.warning("the lease of %s could not be renewed: %s", lease.name, type(error).__name__)
            granted = None
        with self._changed:
            if granted is None or granted < lease.seconds * RENEWED_AT:
                # Its maximum is near, or it cannot be renewed: who comes next gets another.
                lease.ending = True
                lease.due = float("inf")
            else:
                self._extend(lease, granted)
            if lease.ending and not lease.users:
                lease.due = self._clock()


def _renew(lease: _Lease) -> float | None:
    """Seconds for which it is good now; None where Vault does not renew it any more. Raises UNREACHABLE."""
    if not lease.renewable:
        return None
    try:
        if lease.borrowed:
            lease.client.auth.token.renew_self()
        answer = lease.client.sys.renew_lease(lease.lease_id, increment=int(lease.seconds))
        return float(answer["lease_duration"])
    except UNREACHABLE:
        raise
    except exceptions.VaultError as error:
        log.warning("Vault does not renew the lease of %s: %s", lease.name, type(error).__name__)
        return None


def _give_back(lease: _Lease) -> None:
    with suppress(exceptions.VaultError, RequestException):  # it would run out by itself
        lease.client.sys.revoke_lease(lease.lease_id)
    log_out(lease.client, borrowed=lease.borrowed)
