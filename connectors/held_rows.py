"""A whole batch in memory, which can be given again in parts: as Arrow, or as bytes that are cut between rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa

Part = TypeVar("Part")
Span = tuple[int, int]
LINE_END, QUOTE = 10, 34


class HeldRows(ABC, Generic[Part]):
    """Rows by position, from 0."""

    count: int

    @abstractmethod
    def parts(self, spans: Iterable[Span]) -> Iterator[Part]:
        """The rows of the spans (from, up to but without), as a load takes them; nothing where there are none."""

    def without(self, positions: Sequence[int]) -> list[Span]:
        """The spans of all rows but these (in ascending order)."""
        edges = [-1, *positions, self.count]
        spans = ((before + 1, after) for before, after in pairwise(edges))
        return [(first, last) for first, last in spans if first < last]


class ArrowRows(HeldRows[pa.RecordBatch]):
    """Rows of a table."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.count = table.num_rows

    def parts(self, spans: Iterable[Span]) -> Iterator[pa.RecordBatch]:
        """See HeldRows."""
        for first, last in spans:
            yield from self._table.slice(first, last - first).to_batches()


class BulkRows(HeldRows[bytes]):
    """Rows of a bulk format."""

    def __init__(self, data: bytes, edges: Sequence[int], header: bytes = b"", trailer: bytes = b"") -> None:
        """Row n lies between the edges n and n + 1; header and trailer enclose whatever rows are given."""
        self._data = memoryview(data)
        self._edges = edges
        self._header, self._trailer = header, trailer
        self.count = len(edges) - 1

    def parts(self, spans: Iterable[Span]) -> Iterator[bytes]:
        """See HeldRows."""
        if self._header:
            yield self._header
        for first, last in spans:
            yield bytes(self._data[self._edges[first] : self._edges[last]])
        if self._trailer:
            yield self._trailer


def lines(data: bytes) -> BulkRows:
    """Rows that end with a line feed, and hold none."""
    return BulkRows(data, _edges(np.frombuffer(data, dtype=np.uint8) == LINE_END))


def csv_rows(data: bytes) -> BulkRows:
    """Rows of csv without a header, whose values may hold line feeds between quotes."""
    letters = np.frombuffer(data, dtype=np.uint8)
    inside = np.cumsum(letters == QUOTE, dtype=np.uint8) & 1  # the sum wraps at 256, which leaves its last bit alone
    return BulkRows(data, _edges((letters == LINE_END) & (inside == 0)))


def _edges(ends: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[int]:
    return [0, *(int(end) + 1 for end in np.flatnonzero(ends))]
