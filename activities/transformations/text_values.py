"""Blanks of fixed-length text: values are edited without them and filled up again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from activities.transformations.base import TransformedColumn
from activities.transformations.native_type import NativeType
from core.errors import InvalidConfiguration

if TYPE_CHECKING:
    import pyarrow as pa


def require_text(column: TransformedColumn, step: str) -> None:
    """Raises InvalidConfiguration where the column's values are not characters."""
    native = column.native
    if not native.textual:
        raise InvalidConfiguration(
            f"{step} works on text, and column '{column.name}' is {column.type}",
            remedy="Set the column to text or NULL by an EXPRESSION first, or leave it out with the table's `columns`",
        )
    if native.padded and not native.modifiers:
        raise InvalidConfiguration(
            f"{step} cannot know how many blanks fill column '{column.name}' of type {column.type} up",
            remedy="Set it by an EXPRESSION with resultType text or char(n) first",
        )


def without_blanks(values: pa.Array, native: NativeType) -> pa.Array:
    """The values without the blanks that a fixed-length type adds."""
    return pc.ascii_rtrim(values, " ") if native.padded else values


def with_blanks(values: pa.Array, native: NativeType) -> pa.Array:
    """The values as the database prints them in a column of that type."""
    return pc.utf8_rpad(values, native.length, " ") if native.padded else values
