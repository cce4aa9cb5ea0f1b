"""DATA_MASK: hides text and keeps its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from activities.transformations.base import BoundStep, Transformation, TransformedColumn, position_of
from activities.transformations.options import DataMaskOptions
from activities.transformations.text_values import require_text, with_blanks, without_blanks


class DataMask(Transformation):
    """Characters are Unicode code points."""

    def __init__(self, options: DataMaskOptions) -> None:
        self._options = options

    def bind(self, columns: Sequence[TransformedColumn]) -> BoundStep:
        """Raises InvalidConfiguration for an unknown column and for one that is not text."""
        after = list(columns)
        for name in self._options.columns:
            position = position_of(name, columns)
            require_text(columns[position], "DATA_MASK")
            after[position] = replace(columns[position], values_changed=True, masked=True)
        return _Masked(after, self._options)


class _Masked(BoundStep):
    def __init__(self, columns: Sequence[TransformedColumn], options: DataMaskOptions) -> None:
        super().__init__(columns)
        self._options = options

    def apply(self, values: Sequence[pa.Array]) -> list[pa.Array]:
        after = list(values)
        for position, column in enumerate(self.columns):
            if column.name in self._options.columns:
                native = column.native
                after[position] = with_blanks(self._mask(without_blanks(values[position], native)), native)
        return after

    def _mask(self, text: pa.Array) -> pa.Array:
        first, last = self._options.keep_first, self._options.keep_last
        length = pc.utf8_length(text)
        mask_char = pa.scalar(self._options.mask_char, text.type)
        whole = pc.binary_repeat(mask_char, length)
        if first + last == 0:
            return whole
        middle = pc.binary_repeat(mask_char, pc.max_element_wise(pc.subtract(length, first + last), 0))
        head = pc.utf8_slice_codeunits(text, 0, first)
        nothing = pa.scalar("", text.type)
        tail = pc.utf8_slice_codeunits(text, -last) if last else nothing
        masked = pc.binary_join_element_wise(head, middle, tail, nothing)
        return pc.if_else(pc.greater(length, first + last), masked, whole)
