"""The rows of a destination table as hashes: 12 bytes for each, so that batches can be taken out of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import numpy as np


class HashPool:
    """A bag of row hashes. What several batches hold is taken out for one after another."""

    def __init__(self, hashes: Sequence[np.ndarray[Any, Any]]) -> None:
        """`hashes` are parts of the bag, of 64 bits each."""
        every = np.concatenate(hashes) if hashes else np.empty(0, np.uint64)
        every.sort()
        first = np.concatenate([[True], every[1:] != every[:-1]]) if len(every) else np.empty(0, bool)
        places = np.flatnonzero(first)
        self._hashes = every[first]
        self._left = np.diff(np.append(places, len(every))).astype(np.uint32)

    @classmethod
    async def gather(cls, parts: AsyncIterator[Sequence[int]]) -> HashPool:
        """From what a connector gives; hashes may be signed."""
        return cls([_unsigned(part) async for part in parts if len(part)])

    def take(self, wanted: Mapping[int, int]) -> dict[int, int]:
        """Takes each hash out as often as it is wanted; what was not there, and how often."""
        if not wanted or not len(self._hashes):
            return dict(wanted)
        hashes, counts = _unsigned(list(wanted)), np.fromiter(wanted.values(), np.uint32, len(wanted))
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        known = self._hashes[places] == hashes
        taken = np.where(known, np.minimum(self._left[places], counts), np.uint32(0))
        self._left[places[known]] -= taken[known]
        lacking = counts - taken
        return {hash_: int(count) for hash_, count in zip(wanted, lacking, strict=True) if count}

    @property
    def rows(self) -> int:
        """What is left."""
        return int(self._left.sum(dtype=np.uint64))

    def examples(self, most: int) -> list[int]:
        """A few of the hashes that are left, unsigned."""
        return [int(hash_) for hash_ in self._hashes[np.flatnonzero(self._left)[:most]]]


def _unsigned(part: Sequence[int]) -> np.ndarray[Any, Any]:
    if isinstance(part, np.ndarray):
        return part.astype(np.int64 if part.dtype.kind == "i" else np.uint64).view(np.uint64)
    return np.array([number % 2**64 for number in part], dtype=np.uint64)
