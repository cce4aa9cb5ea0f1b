from __future__ import annotations

import pytest

from connectors.bisection import refused_rows
from core.errors import DataRejected


class Table:
    """Takes rows all or none, as a database behind savepoints does."""

    def __init__(self, rows: list[int], *, bad: set[int] | None = None, needs: dict[int, int] | None = None) -> None:
        self.rows, self.bad, self.needs = rows, bad or set(), needs or {}
        self.taken: list[int] = []
        self.attempts = 0

    async def attempt(self, first: int, last: int) -> None:
        self.attempts += 1
        after = [*self.taken, *self.rows[first:last]]
        for row in self.rows[first:last]:
            if row in self.bad or after.count(row) > 1 or self.needs.get(row, row) not in after:
                raise DataRejected(f"row {row} is refused", code="x")
        self.taken = after


@pytest.mark.parametrize("bad", [set(), {0}, {99}, {0, 1, 50, 98, 99}, set(range(100))])
async def test_exactly_the_refused_rows_are_found_with_their_reasons(bad: set[int]) -> None:
    table = Table(list(range(100)), bad=bad)
    found = await refused_rows(100, table.attempt, most=100)
    assert [(one.position, one.error.message) for one in found] == [(n, f"row {n} is refused") for n in sorted(bad)]
    assert sorted(table.taken) == [row for row in range(100) if row not in bad]


async def test_few_bad_rows_of_many_take_few_attempts() -> None:
    attempts = []

    async def attempt(first: int, last: int) -> None:
        attempts.append(last - first)
        if first <= 7 < last or first <= 70_000 < last:
            raise DataRejected("refused")

    assert [one.position for one in await refused_rows(100_000, attempt, most=10)] == [7, 70_000]
    assert len(attempts) < 80


async def test_of_rows_with_the_same_key_the_first_is_taken() -> None:
    table = Table([1, 2, 1, 3, 2, 1])
    assert [one.position for one in await refused_rows(6, table.attempt, most=6)] == [2, 4, 5]
    assert table.taken == [1, 2, 3]


async def test_a_row_that_needs_a_later_one_is_not_refused() -> None:
    table = Table([1, 2, 3, 4], bad={4}, needs={1: 3, 2: 4})
    assert [one.position for one in await refused_rows(4, table.attempt, most=4)] == [1, 3]
    assert sorted(table.taken) == [1, 3]


async def test_no_more_are_looked_for_than_one_above_the_limit() -> None:
    table = Table(list(range(1000)), bad=set(range(1000)))
    assert [one.position for one in await refused_rows(1000, table.attempt, most=3)] == [0, 1, 2, 3]


async def test_no_rows_are_no_attempt() -> None:
    table = Table([])
    assert (await refused_rows(0, table.attempt, most=1), table.attempts) == ([], 0)
