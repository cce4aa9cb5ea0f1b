"""Ranges of a table's rows, and the plan that cuts it into batches: computed from a few numbers rather than listed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.base_model import Model
from core.schema import TableName


class PageRange(Model):
    """Rows whose physical address (PostgreSQL: ctid) lies in [start, stop); stop None: to the end."""

    kind: Literal["pages"] = "pages"
    relation: TableName
    start: tuple[int, int]
    """Page and item."""
    stop: tuple[int, int] | None


class KeyRange(Model):
    """Rows whose integer key lies in [low, high); None: open on that side. `nulls`: rows without a key too."""

    kind: Literal["key"] = "key"
    column: str
    low: int | None
    high: int | None
    nulls: bool = False


class WholeTable(Model):
    """All rows in one batch."""

    kind: Literal["whole"] = "whole"


class PageSegment(Model):
    """Batches over the pages of one relation, computed rather than listed."""

    kind: Literal["pages"] = "pages"
    relation: TableName
    pages: int
    """Pages at planning time; the last batch is open-ended, so rows added since are read too."""
    pages_per_batch: int = 1
    slices_per_page: int = 1
    """More than 1 where a batch is smaller than a page; then pages_per_batch is 1."""
    items_per_slice: int = 0

    @property
    def batches(self) -> int:
        """Number of batches, at least one (an empty relation may have grown)."""
        pages = max(self.pages, 1)
        return -(-pages // self.pages_per_batch) * self.slices_per_page

    def range_of(self, index: int) -> PageRange:
        """The range of the batch `index` of this segment, counted from 0."""
        page, piece = divmod(index, self.slices_per_page)
        start = (page * self.pages_per_batch, piece * self.items_per_slice + (1 if self.items_per_slice else 0))
        if index == self.batches - 1:
            return PageRange(relation=self.relation, start=start, stop=None)
        if piece < self.slices_per_page - 1:
            return PageRange(relation=self.relation, start=start, stop=(page, (piece + 1) * self.items_per_slice + 1))
        return PageRange(relation=self.relation, start=start, stop=((page + 1) * self.pages_per_batch, 0))


class KeySegment(Model):
    """Batches of equal width over an integer key; the first and the last are open-ended."""

    kind: Literal["key"] = "key"
    column: str
    low: int
    high: int
    width: int
    nullable: bool = False

    @property
    def batches(self) -> int:
        """Number of batches, at least one."""
        return max(1, -(-(self.high - self.low + 1) // self.width))

    def range_of(self, index: int) -> KeyRange:
        """The range of the batch `index` of this segment, counted from 0."""
        last = self.batches - 1
        return KeyRange(
            column=self.column,
            low=None if index == 0 else self.low + index * self.width,
            high=None if index == last else self.low + (index + 1) * self.width,
            nulls=self.nullable and index == 0,
        )


class WholeSegment(Model):
    """One batch with all rows."""

    kind: Literal["whole"] = "whole"

    @property
    def batches(self) -> int:
        """Always one."""
        return 1

    def range_of(self, index: int) -> WholeTable:
        """All rows."""
        return WholeTable()


Segment = Annotated[PageSegment | KeySegment | WholeSegment, Field(discriminator="kind")]


class RangePlan(Model):
    """How a table is cut into batches. Batch numbers count through the segments, from 0."""

    segments: list[Segment]
    method: str
    """For people: `physical pages`, `key ranges on id`, `whole table`."""

    @property
    def batches(self) -> int:
        """Number of batches of the table."""
        return sum(segment.batches for segment in self.segments)

    def range_of(self, number: int) -> PageRange | KeyRange | WholeTable:
        """The range of one batch. Raises IndexError past the last batch."""
        for segment in self.segments:
            if number < segment.batches:
                return segment.range_of(number)
            number -= segment.batches
        raise IndexError(number)
