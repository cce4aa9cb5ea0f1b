"""The contract of a transformation.

A transformation is built from its options and bound to the columns that reach it. Binding is pure and finds every
mistake that needs no row: a name that does not exist, a type that does not fit. What comes out applies to batch after
batch, from several threads, column by column and never row by row.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from activities.transformations.native_type import NativeType
from core.errors import InvalidConfiguration
from core.schema import Column

if TYPE_CHECKING:
    import pyarrow as pa

FLOAT_FORMS = {"float4": "float32", "float8": "float64"}


@dataclass(frozen=True)
class TransformedColumn:
    """A column as it is before, between or after transformations."""

    name: str
    type: str
    """Native type text, e.g. `numeric(10,2)`."""
    source: str | None
    """The source column it stems from, None where a transformation made it."""
    values_changed: bool = False
    masked: bool = False
    """Different values may have become equal, on purpose."""
    base_type: str = ""
    """The type under a domain, in the catalog's internal name; `enum` for an enum; '' where `type` says it all."""
    named: bool = False
    """The job wrote this name: it is literal."""

    @classmethod
    def of(cls, column: Column) -> TransformedColumn:
        """A source column before the first transformation."""
        bases = {"domain": column.base_type, "enum": "enum"}
        return cls(name=column.name, type=column.type, source=column.name, base_type=bases.get(column.kind, ""))

    @classmethod
    def of_interchange(cls, column: Column) -> TransformedColumn:
        """The same where values travel as interchange text: its type in PostgreSQL's spelling."""
        base = "enum" if column.value.kind == "enum" else ""
        return cls(name=column.name, type=column.value.spelled, source=column.name, base_type=base)

    @property
    def native(self) -> NativeType:
        """What the values are. A domain hides the modifiers of its base type, so none are known."""
        return NativeType(self.base_type) if self.base_type else NativeType.parse(self.type)

    @property
    def form(self) -> str:
        """How the digest sees the values. Equal floating point numbers may be spelled differently; a domain over
        numeric gives a computed number the scale that it keeps to itself."""
        base = self.native.base
        if base == "numeric" and self.base_type and self.values_changed:
            return "decimal"
        return FLOAT_FORMS.get(base, "text")


class BoundStep(ABC):
    """A transformation that knows its columns. Usable by several threads at once."""

    def __init__(self, columns: Sequence[TransformedColumn]) -> None:
        """`columns` are those after the step."""
        self.columns = tuple(columns)

    @abstractmethod
    def apply(self, values: Sequence[pa.Array]) -> list[pa.Array]:
        """The columns after the step from those before it, all utf8 (or large_utf8) text, equally long.

        Raises DataRejected where a value cannot be converted; the message names column and rule and no value.
        """


class Transformation(ABC):
    """One step between extract and load."""

    reads_values: ClassVar[bool] = True
    """False: it only renames, reorders or leaves out columns, so rows may pass in any format."""

    @abstractmethod
    def __init__(self, options: Any) -> None:
        """`options` is an instance of the registered options model."""

    @abstractmethod
    def bind(self, columns: Sequence[TransformedColumn]) -> BoundStep:
        """The step over these columns. Pure. Raises InvalidConfiguration with the column and a remedy."""


def position_of(name: str, columns: Sequence[TransformedColumn]) -> int:
    """Where the column of exactly that name is. Raises InvalidConfiguration that lists what exists."""
    names = [column.name for column in columns]
    if name in names:
        return names.index(name)
    raise InvalidConfiguration(f"there is no column '{name}'", remedy=suggestion(name, names))


def suggestion(name: str, names: Sequence[str]) -> str:
    """The closest names, then all of them, as a sentence."""
    folded = {known.lower(): known for known in names}
    close = [folded[match] for match in difflib.get_close_matches(name.lower(), folded, n=3)]
    guess = f"Did you mean {' or '.join(repr(match) for match in close)}? " if close else ""
    return f"{guess}Columns at this step: {', '.join(names)}"
