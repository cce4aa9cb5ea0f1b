"""The contract of a function for CUSTOM_FUNCTION, and the functions that Sterna brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from activities.transformations.engine import locked_engine
from activities.transformations.function_options import TrimOptions, TruncateOptions
from activities.transformations.native_type import NativeType

SHA256_DIGITS = 64


class ColumnFunction(ABC):
    """A deterministic function of one text column. Usable by several threads at once."""

    merges: ClassVar[bool] = False
    """Different values become equal on purpose."""

    def __init__(self, options: Any) -> None:
        """`options` is an instance of the registered options model."""
        self.options = options

    def result_type(self, type_text: str) -> str:
        """Native type of the result for a column of this type; the same unless the function says otherwise."""
        return type_text

    @abstractmethod
    def apply(self, values: pa.Array) -> pa.Array:
        """The results, row by row, from utf8 or large_utf8 text to the same type. Blanks that fill a fixed-length
        type up are neither given nor expected."""


class Upper(ColumnFunction):
    """Upper case."""

    def apply(self, values: pa.Array) -> pa.Array:
        return pc.utf8_upper(values)


class Lower(ColumnFunction):
    """Lower case."""

    def apply(self, values: pa.Array) -> pa.Array:
        return pc.utf8_lower(values)


class Trim(ColumnFunction):
    """Without certain characters at both ends."""

    options: TrimOptions

    def apply(self, values: pa.Array) -> pa.Array:
        if self.options.characters is None:
            return pc.utf8_trim_whitespace(values)
        return pc.utf8_trim(values, self.options.characters)


class Truncate(ColumnFunction):
    """The first characters."""

    merges = True
    options: TruncateOptions

    def apply(self, values: pa.Array) -> pa.Array:
        return pc.utf8_slice_codeunits(values, 0, self.options.length)


class NullIfEmpty(ColumnFunction):
    """NULL instead of the empty text."""

    def apply(self, values: pa.Array) -> pa.Array:
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)


class EmailDomain(ColumnFunction):
    """What follows the last @."""

    merges = True

    def apply(self, values: pa.Array) -> pa.Array:
        return pc.struct_field(pc.extract_regex(values, "@(?P<domain>[^@]+)$"), "domain")


class Sha256Hex(ColumnFunction):
    """SHA-256 in hexadecimal digits."""

    def result_type(self, type_text: str) -> str:
        """text where the digits would not fit."""
        length = NativeType.parse(type_text).length
        return "text" if length is not None and length < SHA256_DIGITS else type_text

    def apply(self, values: pa.Array) -> pa.Array:
        with locked_engine().cursor() as session:
            session.register("texts", pa.table({"value": values}))
            hashed = session.sql("SELECT sha256(value) AS value FROM texts").to_arrow_table()
        return pc.cast(hashed.column("value"), values.type).combine_chunks()
