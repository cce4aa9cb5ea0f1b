"""How fast a job may go: what its options begin with, and what operators change while it runs."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from core.base_model import Model, Request
from core.job_spec import JobOptions


class LimitsRequest(Request):
    """What to change; what is not named stays. A rate of null is lifted."""

    parallel_tables: int | None = Field(default=None, ge=1, le=64)
    """Tables at once; those that run already are not stopped."""
    parallel_batches: int | None = Field(default=None, ge=1, le=64)
    """Batches of one table at once in each stage."""
    max_rows_per_second: int | None = Field(default=None, ge=1)
    """Rows read in a second, by all tables and workers of the job together."""
    max_bytes_per_second: int | None = Field(default=None, ge=1)
    """Bytes read in a second, by all tables and workers of the job together."""

    @model_validator(mode="after")
    def _changes_something(self) -> LimitsRequest:
        if not self.model_fields_set:
            raise ValueError(
                "names no limit. Give parallelTables, parallelBatches, maxRowsPerSecond or maxBytesPerSecond"
            )
        for name in ("parallel_tables", "parallel_batches"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{type(self).model_fields[name].alias} is a number from 1 to 64, it cannot be lifted")
        return self

    def named(self) -> dict[str, Any]:
        """What the request names, in JSON's names, for a converter that would write what is not named as null."""
        return self.model_dump(exclude_unset=True, by_alias=True)


class Limits(Model):
    """The limits that hold for a job."""

    parallel_tables: int
    parallel_batches: int
    max_rows_per_second: int | None = None
    """None: as fast as it goes."""
    max_bytes_per_second: int | None = None
    """None: as fast as it goes."""

    @classmethod
    def of(cls, options: JobOptions) -> Limits:
        """What a job begins with."""
        return cls(
            parallel_tables=options.parallel_tables,
            parallel_batches=options.parallel_batches,
            max_rows_per_second=options.max_rows_per_second,
            max_bytes_per_second=options.max_bytes_per_second,
        )

    def changed(self, request: LimitsRequest) -> Limits:
        """The limits after a request."""
        named = request.model_fields_set & set(LimitsRequest.model_fields)
        return self.model_copy(update=request.model_dump(include=named))

    def rates(self) -> str:
        """The rates in words, empty where there are none."""
        rates = ((self.max_rows_per_second, "rows/s"), (self.max_bytes_per_second, "bytes/s"))
        return ", ".join(f"at most {rate:,} {unit}" for rate, unit in rates if rate is not None)

    def shared_by(self, tables: int) -> TableLimits:
        """The part of each of so many tables."""
        rows, total = self.max_rows_per_second, self.max_bytes_per_second
        return TableLimits(
            parallel_batches=self.parallel_batches,
            rows_per_second=None if rows is None else rows / tables,
            bytes_per_second=None if total is None else total / tables,
        )


class TableLimits(Model):
    """One table's part of its job's limits."""

    parallel_batches: int
    rows_per_second: float | None = None
    bytes_per_second: float | None = None
