"""Interchange text from what Oracle's driver fetched: the part that its SQL does not print (expressions.py)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.canonical import HEX_PAIRS
from connectors.oracle.expressions import EMPTY_LOB
from connectors.oracle.types import LOBS, NUMBERS, PADDED, parse
from core.errors import Defect

SPECIAL_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def interchange_text(fetched: pa.Array, spelled: str) -> pa.Array:
    """The values as interchange text. `spelled` is the column's native type; CPU-bound."""
    name = parse(spelled).name
    kind = fetched.type
    if pa.types.is_floating(kind) and name.startswith("BINARY_"):
        return _floats(fetched)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _hexadecimal(fetched)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise Defect(f"Oracle's driver gave {kind} for a column of type {spelled}")
    if name in NUMBERS:
        return _numbers(fetched)
    if name in PADDED:
        return pc.utf8_rtrim(fetched, " ")
    if name in LOBS:
        return pc.if_else(pc.equal(fetched, pa.scalar(EMPTY_LOB, kind)), pa.scalar("", kind), fetched)
    return fetched


def _floats(numbers: pa.Array) -> pa.Array:
    text = pc.cast(numbers, pa.string())
    for driver, ours in SPECIAL_FLOATS.items():
        text = pc.if_else(pc.equal(text, driver), ours, text)
    return text


def _numbers(text: pa.Array) -> pa.Array:
    """TO_CHAR leaves out the zero before the point, and takes an exponent where there are more than 64 characters."""
    text = pc.replace_substring_regex(text, r"^(-?)\.", r"\10.")
    scientific = pc.match_substring(text, "E")
    if not pc.any(scientific).as_py():
        return text
    written = [format(Decimal(number), "f") for number in pc.filter(text, scientific).to_pylist() if number is not None]
    return pc.replace_with_mask(text, pc.fill_null(scientific, False), pa.array(written, text.type))


def _hexadecimal(values: pa.Array) -> pa.Array:
    """A backslash, an x and two digits for each byte."""
    values = pc.cast(values, pa.large_binary())
    empty = pa.scalar(EMPTY_LOB.encode(), pa.large_binary())
    values = pc.if_else(pc.equal(values, empty), pa.scalar(b"", pa.large_binary()), values)
    if not len(values):
        return pa.array([], pa.large_string())
    offsets: np.ndarray[Any, Any] = np.frombuffer(values.buffers()[1], dtype=np.int64)
    offsets = offsets[values.offset : values.offset + len(values) + 1]
    held: np.ndarray[Any, Any] = np.frombuffer(values.buffers()[2] or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    starts = pa.py_buffer(np.ascontiguousarray((offsets - offsets[0]) * 2))
    hexadecimal = pa.LargeStringArray.from_buffers(len(values), starts, pa.py_buffer(HEX_PAIRS[held]))
    mark, nothing = pa.scalar("\\x", pa.large_string()), pa.scalar("", pa.large_string())
    return pc.if_else(pc.is_valid(values), pc.binary_join_element_wise(mark, hexadecimal, nothing), None)
