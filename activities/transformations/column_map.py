"""COLUMN_MAP: renames columns and touches no value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from activities.transformations.base import BoundStep, Transformation, TransformedColumn, position_of
from activities.transformations.options import ColumnMapOptions
from core.errors import InvalidConfiguration

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnMap(Transformation):
    """All renames at once: their order in the mapping means nothing."""

    reads_values = False

    def __init__(self, options: ColumnMapOptions) -> None:
        self._mapping = options.mapping

    def bind(self, columns: Sequence[TransformedColumn]) -> BoundStep:
        """Raises InvalidConfiguration for an unknown column and for two columns that would share a name."""
        for name in self._mapping:
            position_of(name, columns)
        renamed = [
            replace(column, name=self._mapping[column.name], named=True) if column.name in self._mapping else column
            for column in columns
        ]
        for name, count in Counter(column.name for column in renamed).items():
            if count > 1:
                origins = [old.name for old, new in zip(columns, renamed, strict=True) if new.name == name]
                raise InvalidConfiguration(
                    f"{count} columns would be called '{name}': {', '.join(origins)}",
                    remedy="Give each a name of its own, or leave one out with the table's `columns`",
                )
        return _Renamed(renamed)


class _Renamed(BoundStep):
    def apply(self, values: Sequence[pa.Array]) -> list[pa.Array]:
        return list(values)
