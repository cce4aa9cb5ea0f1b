from __future__ import annotations

import pytest

from activities.resources import multiset_difference
from activities.resources.multiset_difference import BucketTotals, chosen, unsigned


def totals(hashes: list[int]) -> BucketTotals:
    found = BucketTotals()
    found.add(unsigned(hashes))
    return found


def test_buckets_differ_by_what_one_side_lacks_or_has_twice() -> None:
    rows = [-1, 5, 7, 2**60, 9]
    assert chosen(totals(rows), totals([*rows, 7])) == ([7], True)
    assert chosen(totals(rows), totals(rows[::-1])) == ([], True)
    assert chosen(totals([1, 4097]), totals([4096 * 2 + 1, 1])) == ([1], True)


def test_what_memory_cannot_hold_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiset_difference, "MOST_HASHES", 3)
    assert chosen(totals([1, 1, 2, 3, 4]), totals([])) == ([1, 2], False)
    assert chosen(totals([1] * 9), totals([])) == ([1], True)
