"""The bisection finds just the keys that differ, however they lie, and never asks for more than its bounds."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from activities.resources import key_bisection
from activities.resources.key_bisection import Buckets, KeyBisection, KeyDifferences, Span, first_width
from core.schema import Digest

Rows = list[tuple[int | None, int]]
"""Key and hash."""


class Side:
    """Rows in memory that answer as a database does."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.asked: list[tuple[int, int]] = []
        """Spans and answers of each query after the first."""

    async def read(self, spans: Sequence[Span] | None, origin: int, width: int) -> Buckets:
        found: Buckets = {}
        for key, row_hash in self.rows:
            if spans is None or (key is not None and any(low <= key < high for low, high in spans)):
                bucket = None if key is None else (key - origin) // width
                found[bucket] = found.get(bucket, Digest()) + Digest(rows=1, total=str(row_hash % 2**64))
        if spans is not None:
            self.asked.append((len(spans), len(found)))
        return found


async def compare(source: Rows, destination: Rows, rows_per_batch: int = 50) -> tuple[KeyDifferences, Side]:
    here, there = Side(source), Side(destination)
    keys = [key for key, _ in [*source, *destination] if key is not None]
    ends = (min(keys), max(keys)) if keys else None
    return await KeyBisection(here.read, there.read, rows_per_batch).compare(ends), there


def healed(found: KeyDifferences, source: Rows, destination: Rows) -> Rows:
    """The destination after the batches were loaded in place of what stands."""

    def replaced(key: int | None) -> bool:
        if key is None:
            return found.keyless > 0
        return any(low <= key < high for batch in found.batches for low, high in batch)

    kept = [row for row in destination if not replaced(row[0])]
    return kept + [row for row in source if replaced(row[0])]


@pytest.mark.parametrize("seed", range(40))
async def test_what_is_found_makes_the_destination_the_source(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_bisection, "FIRST_BUCKETS", 16)
    monkeypatch.setattr(key_bisection, "ROWS_BY_KEY", 40)
    chance = random.Random(seed)
    reach = chance.choice([300, 10**6, 2**64])
    source: Rows = [(key - reach // 2, chance.getrandbits(60)) for key in {chance.randrange(reach) for _ in range(250)}]
    destination: Rows = list(source)
    lost = [destination.pop(chance.randrange(len(destination))) for _ in range(chance.randrange(6))]
    changed = chance.sample(range(len(destination)), chance.randrange(6))
    for at in changed:
        destination[at] = destination[at][0], -1
    taken = {key for key, _ in source}
    extra: Rows = [(key, 7) for key in {chance.randrange(-(2**64), 2**64) for _ in range(4)} - taken]
    keyless: Rows = [(None, 3)] * chance.randrange(3)
    destination += [*extra, *keyless]
    found, _ = await compare(source, destination)
    assert (found.missing, found.changed) == (len(lost), len(changed))
    assert (found.extra, found.keyless) == (len(extra) + len(keyless), len(keyless))
    assert sorted(healed(found, source, destination)) == sorted(source)
    assert found.source == sum((Digest(rows=1, total=str(row_hash)) for _, row_hash in source), Digest())


async def test_only_keys_that_differ_are_listed() -> None:
    source: Rows = [(key, key * 31) for key in range(50_000)]
    destination = [row for row in source if row[0] not in (17, 40_000)]
    destination[200] = (destination[200][0], 1)
    found, side = await compare(source, destination)
    assert [span for batch in found.batches for span in batch] == [(17, 18), (201, 202), (40_000, 40_001)]
    assert [(row["key"], row["difference"]) for row in found.shown] == [
        (17, "missing"),
        (201, "changed"),
        (40_000, "missing"),
    ]
    assert len(side.asked) == 1, "one round after the first: few rows are left"


async def test_a_key_that_stands_twice_differs() -> None:
    source: Rows = [(1, 5), (2, 6)]
    found, _ = await compare(source, [(1, 5), (2, 6), (2, 6)])
    assert found.batches == [[(2, 3)]]
    assert (found.missing, found.extra, found.changed) == (0, 1, 0)


async def test_rows_that_are_missing_as_a_whole_are_cut_to_batches() -> None:
    source: Rows = [(key, key) for key in range(10_000)]
    found, _ = await compare(source, source[:4_000], rows_per_batch=1_000)
    assert found.missing == 6_000
    sizes = [sum(high - low for low, high in batch) for batch in found.batches]
    assert len(sizes) >= 6
    assert max(sizes) <= 1_000


async def test_the_memory_of_a_round_is_bounded_where_everything_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_bisection, "FIRST_BUCKETS", 16)
    monkeypatch.setattr(key_bisection, "ROWS_BY_KEY", 100)
    source: Rows = [(key, key) for key in range(3_000)]
    found, side = await compare(source, [(key, key + 1) for key, _ in source])
    assert found.changed == 3_000
    assert max(answers for _, answers in side.asked) <= 2**key_bisection.FINER


async def test_more_differences_than_memory_may_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_bisection, "MOST_SPANS", 10)
    source: Rows = [(key * 2, key) for key in range(30)]
    with pytest.raises(key_bisection.TooManyDifferences):
        await compare(source, [(key, 0) for key, _ in source])


@pytest.mark.parametrize("keys", [1, 4096, 4097, 10**6, 2**64])
def test_the_first_pieces_are_few_and_nest(keys: int) -> None:
    width = first_width(keys)
    assert width & (width - 1) == 0
    assert keys <= width * key_bisection.FIRST_BUCKETS
    assert width == 1 or keys > width // 2 * key_bisection.FIRST_BUCKETS
