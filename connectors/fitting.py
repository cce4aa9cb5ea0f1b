"""Judges interchange text by what destination columns can hold, in passing: refuses rows, or changes values where the
job accepts that, and counts what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connectors import limit_changes, limit_checks
from core.changed_values import Changed
from core.errors import DataRejected
from core.limit_words import NEVER_CHANGED, beyond
from core.value_type import Limit, ValueType


@dataclass(frozen=True)
class FittedColumn:
    """A destination column and what it cannot hold."""

    name: str
    label: str
    """`schema.table.column`, as the job's `acceptLossy` names it."""
    value: ValueType
    limits: Sequence[Limit]
    native: str = ""
    """The source's type."""


@dataclass(frozen=True)
class Violation:
    """Values of one column beyond one of its limits."""

    column: FittedColumn
    limit: Limit
    rows: int
    example: str


def fit(batch: pa.RecordBatch, columns: Sequence[FittedColumn]) -> tuple[pa.RecordBatch, Changed]:
    """The batch with values that fit, and how many were changed. CPU-bound; usable by several threads.

    Columns are found by name; limits are applied in their order, each to what the one before it left. Raises
    DataRejected for the first limit that refuses a value: table, column, rows of this batch and remedy in the message,
    one example in `evidence`.
    """
    changed: Changed = {}
    arrays = list(batch.columns)
    for column in columns:
        if not column.limits and column.value.kind != "char":
            continue
        position = batch.schema.get_field_index(column.name)
        arrays[position], counts = _fit_column(arrays[position], column)
        if counts:
            changed[column.name] = counts
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema), changed


def violations(batch: pa.RecordBatch, columns: Sequence[FittedColumn]) -> list[Violation]:
    """Every limit that values of the batch are beyond, with one example each; nothing is changed. A value that is
    beyond several of one kind counts once."""
    found = []
    for column in columns:
        text = batch.column(column.name)
        known: dict[str, pa.Array] = {}
        for limit in column.limits:
            wrong = _beyond(text, limit, column)
            if limit.kind in known:
                wrong = pc.and_not(wrong, known[limit.kind])
            rows = pc.sum(wrong).as_py() or 0
            if not rows:
                continue
            found.append(Violation(column, limit, rows, _example(text, wrong)))
            known[limit.kind] = pc.or_(wrong, known[limit.kind]) if limit.kind in known else wrong
            if limit.kind == "syntax":
                text = pc.if_else(wrong, pa.scalar(None, text.type), text)
    return found


def _fit_column(text: pa.Array, column: FittedColumn) -> tuple[pa.Array, dict[str, int]]:
    counts: dict[str, int] = {}
    if column.value.kind == "char":
        text = pc.ascii_rtrim(text, " ")  # transformations may fill up what they were given filled up
    for limit in column.limits:
        if limit.kind == "digits" and limit.scale <= 0:
            text = _without_empty_fraction(text)
        wrong = _beyond(text, limit, column)
        rows = pc.sum(wrong).as_py() or 0
        if not rows:
            continue
        if limit.refuse or limit.kind in NEVER_CHANGED:
            raise _rejected(Violation(column, limit, rows, _example(text, wrong)))
        values = limit_changes.changed(pc.filter(text, wrong), limit, column.value, column.native)
        if column.value.kind == "char":
            values = pc.ascii_rtrim(values, " ")
        text = pc.replace_with_mask(text, wrong, values)
        counts[limit.kind] = counts.get(limit.kind, 0) + rows
    return text, counts


def _without_empty_fraction(text: pa.Array) -> pa.Array:
    """`3.00` as `3`: the same number, but columns of whole numbers read it in some databases only in this form."""
    return pc.replace_substring_regex(text, r"\.0*$", "") if pc.any(pc.match_substring(text, ".")).as_py() else text


def _beyond(text: pa.Array, limit: Limit, column: FittedColumn) -> pa.Array:
    try:
        return limit_checks.beyond(text, limit, column.value)
    except pa.ArrowInvalid:
        raise DataRejected(
            f"column {column.label} should hold {column.value.kind} and holds text that is none",
            remedy="Repair it at the source, or leave the column out with the table's 'columns'",
        ) from None


def _example(text: pa.Array, wrong: pa.Array) -> str:
    value: str | None = pc.filter(text, wrong)[0].as_py()
    return "NULL" if value is None else value


def _rejected(violation: Violation) -> DataRejected:
    column, limit = violation.column, violation.limit
    rows = "1 row" if violation.rows == 1 else f"{violation.rows} rows"
    remedy = "Repair the values at the source, or change them with a transformation"
    if limit.kind not in NEVER_CHANGED:
        remedy += f', or accept the loss with "acceptLossy": ["{column.label}"]'
    return DataRejected(
        f"{rows} of one batch cannot go into {column.label}: the value {beyond(limit)}",
        remedy=remedy,
        evidence={"column": column.label, "limit": limit.kind, "rows": violation.rows, "example": violation.example},
    )
