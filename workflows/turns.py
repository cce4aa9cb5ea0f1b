"""How many may be at something at once, where that number changes meanwhile."""

from __future__ import annotations

from types import TracebackType

from temporalio import workflow


class Turns:
    """An asynchronous context manager: at most `size` blocks at once. A smaller size stops nobody."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken = 0

    async def __aenter__(self) -> None:
        while self._taken >= self.size:  # one that was woken at the same time may have been faster
            await workflow.wait_condition(lambda: self._taken < self.size)
        self._taken += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken -= 1
