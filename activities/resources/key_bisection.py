"""Finds the rows that differ between two sides by digests of key ranges, in a few rounds of many ranges at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from core.errors import InvalidConfiguration
from core.schema import Digest

Span = tuple[int, int]
"""Keys in [low, high)."""
Buckets = dict[int | None, Digest]
ReadBuckets = Callable[[Sequence[Span] | None, int, int], Awaitable[Buckets]]
"""Digests of one side by bucket `(key - origin) // width`: of rows in these spans (None: of all rows, with those
without a key under None), by origin and width."""

FIRST_BUCKETS = 4096
"""At most so many pieces in the first round, which reads every row."""
FINER = 8
"""Bits: each further round cuts what differs into 256 times narrower pieces."""
ROWS_BY_KEY = 20_000
"""Of so many rows the digest of every single key is held in memory, for each side."""
SPANS_PER_QUERY = 200
SPANS_PER_BATCH = 500
MOST_SPANS = 500_000
"""More are not listed: such a table is copied anew as fast."""
MOST_KEYS_SHOWN = 1000


class TooManyDifferences(InvalidConfiguration):
    """The list of what differs would outgrow memory."""


@dataclass
class KeyDifferences:
    """What differs, in ascending order of keys."""

    source: Digest = field(default_factory=Digest)
    """All rows of the source."""
    found: Digest = field(default_factory=Digest)
    """All rows of the destination."""
    missing: int = 0
    extra: int = 0
    changed: int = 0
    batches: list[list[Span]] = field(default_factory=list)
    """What to load anew, cut to about the rows of a batch."""
    keyless: int = 0
    """Rows of the destination without a key; counted as extra."""
    shown: list[dict[str, str | int]] = field(default_factory=list)
    """The first of them, for people."""


class KeyBisection:
    """One comparison. Memory is bounded by what differs, not by the table."""

    def __init__(self, source: ReadBuckets, destination: ReadBuckets, rows_per_batch: int) -> None:
        self._source = source
        self._destination = destination
        self._rows_per_batch = rows_per_batch
        self._found = KeyDifferences()
        self._origin = 0
        self._batch_rows = 0
        self._spans = 0

    async def compare(self, ends: Span | None) -> KeyDifferences:
        """`ends`: the smallest and the largest key of both sides, None where neither has a row with a key. Raises
        TooManyDifferences."""
        self._origin, last = ends or (0, 0)
        width = first_width(last - self._origin + 1)
        sides = await self._read(None, width)
        for bucket, (expected, found) in sides.items():
            self._found.source += expected
            self._found.found += found
            if bucket is None and found.rows:
                self._found.keyless = found.rows
                self._found.extra += found.rows
        if self._found.keyless:
            self._found.batches.append([])
        await self._narrow({bucket: pair for bucket, pair in sides.items() if bucket is not None}, width)
        return self._found

    async def _narrow(self, sides: dict[int, tuple[Digest, Digest]], width: int) -> None:
        """Takes note of what is narrow enough, and looks closer at the rest, in ascending order."""
        waiting: dict[int, tuple[Digest, Digest]] = {}
        for bucket in sorted(sides):
            expected, found = sides[bucket]
            if expected == found:
                continue
            if self._settled(expected, found, width):
                await self._look_closer(waiting, width)
                waiting = {}
                self._note(bucket, width, expected, found)
                continue
            if waiting and (_rows([*waiting.values(), (expected, found)]) > ROWS_BY_KEY or _full(waiting)):
                await self._look_closer(waiting, width)
                waiting = {}
            waiting[bucket] = expected, found
        await self._look_closer(waiting, width)

    def _settled(self, expected: Digest, found: Digest, width: int) -> bool:
        one_sided = not (expected.rows and found.rows) and max(expected.rows, found.rows) <= self._rows_per_batch
        return width == 1 or one_sided

    async def _look_closer(self, sides: dict[int, tuple[Digest, Digest]], width: int) -> None:
        if not sides:
            return
        finer = 1 if _rows(sides.values()) <= ROWS_BY_KEY else max(1, width >> FINER)
        spans = [(self._origin + bucket * width, self._origin + (bucket + 1) * width) for bucket in sides]
        found = await self._read(spans, finer)
        await self._narrow({bucket: pair for bucket, pair in found.items() if bucket is not None}, finer)

    async def _read(self, spans: list[Span] | None, width: int) -> dict[int | None, tuple[Digest, Digest]]:
        expected = await self._source(spans, self._origin, width)
        found = await self._destination(spans, self._origin, width)
        none = Digest()
        return {bucket: (expected.get(bucket, none), found.get(bucket, none)) for bucket in {**expected, **found}}

    def _note(self, bucket: int, width: int, expected: Digest, found: Digest) -> None:
        low = self._origin + bucket * width
        if not found.rows:
            kind, rows = "missing", expected.rows
            self._found.missing += rows
        elif not expected.rows:
            kind, rows = "extra", found.rows
            self._found.extra += rows
        else:
            surplus = max(0, found.rows - expected.rows)
            changed = not _repeated(expected, found)
            kind, rows = ("changed", 1) if changed else ("extra", surplus)
            self._found.changed += changed
            self._found.extra += surplus
        self._add((low, low + width), max(expected.rows, found.rows))
        if len(self._found.shown) < MOST_KEYS_SHOWN:
            key: dict[str, str | int] = {"key": low} if width == 1 else {"from": low, "below": low + width}
            self._found.shown.append({"difference": kind, "rows": rows, **key})

    def _add(self, span: Span, rows: int) -> None:
        batches = self._found.batches
        batch = batches[-1] if batches else []
        full = self._batch_rows + rows > self._rows_per_batch
        if not batches or (self._batch_rows and full) or len(batch) >= SPANS_PER_BATCH:
            batch, self._batch_rows = [], 0
            batches.append(batch)
        self._batch_rows += rows
        if batch and batch[-1][1] == span[0]:
            batch[-1] = batch[-1][0], span[1]
            return
        batch.append(span)
        self._spans += 1
        if self._spans > MOST_SPANS:
            raise TooManyDifferences("more differs than a list of keys can hold")


def first_width(keys: int) -> int:
    """The smallest power of two that cuts so many keys into no more than `FIRST_BUCKETS`: narrower pieces nest."""
    return 1 << max(0, (-(-keys // FIRST_BUCKETS) - 1).bit_length())


def _repeated(expected: Digest, found: Digest) -> bool:
    """The destination holds the key's one row several times, and nothing else."""
    return int(found.total) == int(expected.total) * found.rows % 2**64


def _rows(pairs: Iterable[tuple[Digest, Digest]]) -> int:
    return sum(max(expected.rows, found.rows) for expected, found in pairs)


def _full(sides: dict[int, tuple[Digest, Digest]]) -> bool:
    return len(sides) >= SPANS_PER_QUERY
