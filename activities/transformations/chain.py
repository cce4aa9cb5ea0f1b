"""All transformations of a table, bound one after another."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pydantic import ValidationError

from activities.transformations.base import BoundStep, TransformedColumn
from activities.transformations.registry import find_type, parse_transformation
from connectors.arrow_text import TYPE_METADATA
from core.errors import Defect, InvalidConfiguration
from core.job_spec import TransformationSpec


class BoundChain:
    """The steps of one table in their order. Usable by several threads at once."""

    def __init__(self, before: Sequence[TransformedColumn], steps: Sequence[BoundStep], *, needs_values: bool) -> None:
        self.before = tuple(before)
        self.columns = steps[-1].columns if steps else self.before
        """The columns after the last step, in their order."""
        self.needs_values = needs_values
        """False where rows may pass untouched in any format: columns are at most renamed."""
        self._steps = tuple(steps)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows after the last step, in their order: all columns utf8 text in the exact form of their native type,
        which each field's metadata names. CPU-bound; never changes the number of rows.

        Raises DataRejected; Defect where the batch has other columns than the chain was bound to.
        """
        expected = [column.name for column in self.before]
        if batch.schema.names != expected:
            raise Defect(f"a batch has the columns {batch.schema.names} where {expected} were announced")
        values = batch.columns
        for step in self._steps:
            values = step.apply(values)
        fields = [
            pa.field(column.name, array.type, metadata={TYPE_METADATA: column.type.encode()})
            for column, array in zip(self.columns, values, strict=True)
        ]
        return pa.RecordBatch.from_arrays(values, schema=pa.schema(fields))


def bind_chain(specs: Sequence[TransformationSpec], columns: Sequence[TransformedColumn]) -> BoundChain:
    """Builds the steps and binds each to what the one before it leaves.

    Raises InvalidConfiguration that names the step (counted from 1), the column and a remedy.
    """
    steps: list[BoundStep] = []
    reads_values = False
    for number, spec in enumerate(specs, start=1):
        try:
            transformation = find_type(spec.type).transformation_class()(parse_transformation(spec))
            steps.append(transformation.bind(steps[-1].columns if steps else columns))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InvalidConfiguration(f"transformation {number} ({spec.type}): {place}: {first['msg']}") from None
        except InvalidConfiguration as error:
            raise InvalidConfiguration(
                f"transformation {number} ({spec.type}): {error.message}", remedy=error.remedy
            ) from error
        reads_values = reads_values or transformation.reads_values
    return BoundChain(columns, steps, needs_values=reads_values)
