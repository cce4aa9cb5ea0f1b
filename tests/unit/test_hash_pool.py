from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import numpy as np

from activities.resources.hash_pool import HashPool


async def pool_of(*parts: Sequence[int]) -> HashPool:
    async def give() -> AsyncIterator[Sequence[int]]:
        for part in parts:
            yield part

    return await HashPool.gather(give())


async def test_what_is_taken_is_gone_and_what_is_missing_is_told() -> None:
    pool = await pool_of([5, 7, 5], [7, 9])
    assert pool.take({5: 1, 7: 3, 8: 1}) == {7: 1, 8: 1}
    assert pool.rows == 2
    assert pool.examples(9) == [5, 9]
    assert pool.take({5: 1, 9: 1}) == {}
    assert (pool.rows, pool.examples(9)) == (0, [])


async def test_an_empty_pool_misses_everything() -> None:
    pool = await pool_of()
    assert pool.take({1: 2}) == {1: 2}
    assert (pool.rows, pool.take({})) == (0, {})


async def test_signed_and_unsigned_hashes_of_64_bits_are_the_same() -> None:
    pool = await pool_of([-1, 2**63], np.array([-2], dtype=np.int64), np.array([2**64 - 3], dtype=np.uint64))
    assert pool.take({2**64 - 1: 1, -(2**63): 1, 2**64 - 2: 1, -3: 1}) == {}
    assert pool.rows == 0


async def test_random_bags_are_compared_as_counters_compare_them() -> None:
    source = random.Random(3)
    held = [source.randrange(50) * 2**57 for _ in range(2000)]
    wanted = Counter(source.randrange(60) * 2**57 for _ in range(2000))
    pool = await pool_of(held[:700], held[700:])
    assert pool.take(wanted) == dict(wanted - Counter(held))
    assert pool.rows == sum((Counter(held) - wanted).values())
