"""CUSTOM_FUNCTION: applies an installed function, named by the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from activities.transformations.base import BoundStep, Transformation, TransformedColumn, position_of
from activities.transformations.function_registry import find_function, parse_function_options
from activities.transformations.functions import ColumnFunction
from activities.transformations.native_type import NativeType
from activities.transformations.options import CustomFunctionOptions
from activities.transformations.text_values import require_text, with_blanks, without_blanks
from core.errors import Defect

if TYPE_CHECKING:
    import pyarrow as pa


class CustomFunction(Transformation):
    """One function over each of the named columns by itself."""

    def __init__(self, options: CustomFunctionOptions) -> None:
        """Raises InvalidConfiguration for an unknown function, pydantic.ValidationError for its options."""
        self._options = options
        parsed = parse_function_options(options.function, options.options)
        self._function = find_function(options.function).function_class()(parsed)

    def bind(self, columns: Sequence[TransformedColumn]) -> BoundStep:
        """Raises InvalidConfiguration for an unknown column and for one that is not text."""
        after = list(columns)
        arriving: dict[int, NativeType] = {}
        for name in self._options.columns:
            position = position_of(name, columns)
            column = columns[position]
            require_text(column, f"CUSTOM_FUNCTION {self._options.function}")
            arriving[position] = column.native
            result = self._function.result_type(column.type)
            after[position] = replace(
                column,
                type=result,
                base_type=column.base_type if result == column.type else "",
                values_changed=True,
                masked=column.masked or self._function.merges,
            )
        return _FunctionApplied(after, self._options.function, self._function, arriving)


class _FunctionApplied(BoundStep):
    def __init__(
        self,
        columns: Sequence[TransformedColumn],
        name: str,
        function: ColumnFunction,
        arriving: dict[int, NativeType],
    ) -> None:
        super().__init__(columns)
        self._name = name
        self._function = function
        self._arriving = arriving

    def apply(self, values: Sequence[pa.Array]) -> list[pa.Array]:
        after = list(values)
        for position, native in self._arriving.items():
            before = without_blanks(values[position], native)
            result = self._function.apply(before)
            if len(result) != len(before) or result.type != before.type:
                raise Defect(f"the function {self._name} does not give one text for each text")
            after[position] = with_blanks(result, self.columns[position].native)
        return after
