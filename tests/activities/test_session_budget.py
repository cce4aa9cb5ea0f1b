"""Slots are held by real processes, and a holder that is killed or silent does not keep them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.resources import session_budget
from activities.resources.activity_scope import EndsWithActivity
from activities.resources.session_budget import SessionBudget
from activities.resources.session_slots import SILENCE_SECONDS, SessionSlots
from core.errors import BudgetTaken

DATABASE = "db:5432/shop"
HOLD = """
import sys, time
from pathlib import Path
from activities.resources.session_slots import SessionSlots
assert len(SessionSlots(Path(sys.argv[1])).take(0, 2, 2)) == 2
print("held", flush=True)
time.sleep(60)
"""


async def as_activity(work: Callable[[], Awaitable[Any]]) -> Any:
    """Runs as activities of a worker run."""

    class Body(ActivityInboundInterceptor):
        def __init__(self) -> None:
            pass

        async def execute_activity(self, input: ExecuteActivityInput) -> Any:
            return await work()

    given: Any = None
    return await ActivityEnvironment().run(EndsWithActivity().intercept_activity(Body()).execute_activity, given)


async def admit(budget: SessionBudget, most: int | None = None, *, lasting: bool = False, patient: bool = True) -> None:
    await budget.admit(DATABASE, most, lasting=lasting, patient=patient)


async def test_at_most_so_many_activities_have_a_session_at_once_whoever_starts_them(tmp_path: Path) -> None:
    budgets = [SessionBudget(tmp_path, 3), SessionBudget(tmp_path, 3)]
    inside = most = 0

    async def work(budget: SessionBudget) -> None:
        nonlocal inside, most
        await admit(budget)
        await admit(budget)
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1

    await asyncio.gather(*(as_activity(lambda n=n: work(budgets[n % 2])) for n in range(20)))  # type: ignore[misc]
    assert most == 3


async def test_lasting_sessions_leave_one_for_work(tmp_path: Path) -> None:
    budget = SessionBudget(tmp_path, 2)
    ended = asyncio.Event()

    async def keep() -> None:
        await admit(budget, lasting=True)
        await ended.wait()

    keepers = [asyncio.create_task(as_activity(keep)) for _ in range(2)]
    await asyncio.sleep(0.1)
    await asyncio.wait_for(as_activity(lambda: admit(budget)), 10)
    ended.set()
    await asyncio.gather(*keepers)


async def test_who_holds_a_session_elsewhere_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_budget, "PATIENCE_SECONDS", 0.1)
    budget = SessionBudget(tmp_path, 2)

    async def both() -> None:
        await admit(budget)
        taken = budget._of("other").take(0, 2, 2)
        try:
            await budget.admit("other", None, lasting=False, patient=True)
        finally:
            for slot in taken:
                slot.release()

    with pytest.raises(BudgetTaken, match="all 2 sessions that Sterna may have on other are taken"):
        await as_activity(both)


async def test_several_sessions_are_those_that_are_free(tmp_path: Path) -> None:
    budget = SessionBudget(tmp_path, 3)

    async def work() -> tuple[int, int]:
        await admit(budget)
        granted = budget.at_once(DATABASE, None, 4)
        return granted, await as_activity(lambda: other(budget))

    async def other(budget: SessionBudget) -> int:
        with pytest.raises(BudgetTaken):
            await budget.admit(DATABASE, 2, lasting=False, patient=False)
        return 0

    session = asyncio.create_task(as_activity(work))
    assert (await asyncio.wait_for(session, 30))[0] == 3
    assert budget.at_once(DATABASE, None, 4) == 4, "outside of activities nothing is counted"


def test_a_killed_holders_slots_are_free_and_a_silent_ones_after_a_while(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        slots = SessionSlots(tmp_path)
        assert slots.take(0, 2, 2) == []
        holder.send_signal(signal.SIGSTOP)
        slots.take_from_silent(2)
        assert slots.take(0, 2, 2) == []
        long_ago = time.time() - SILENCE_SECONDS - 10
        os.utime(tmp_path / "0", (long_ago, long_ago))
        slots.take_from_silent(2)
        taken = slots.take(0, 2, 2)
        assert [slot.path.name for slot in taken] == ["0"]
        holder.kill()
        holder.wait()
        assert [slot.path.name for slot in slots.take(0, 2, 2)] == ["1"]
