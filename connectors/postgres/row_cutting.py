"""Cuts what COPY wrote between its rows, without looking at values.

Binary format (manual, COPY, "Binary Format"): a header of 11 bytes, 4 of flags, 4 that give the length of an
extension; a tuple is the number of its fields (2 bytes) and for each field its length (4 bytes, -1 for NULL) and its
bytes; the number of fields -1 ends the data.
"""

from __future__ import annotations

from connectors.held_rows import BulkRows, csv_rows, lines
from connectors.postgres.copying import Format

FIXED_HEADER = 15
TRAILER = b"\xff\xff"
NULL_LENGTH = b"\xff\xff\xff\xff"


def cut(data: bytes, spoken: Format) -> BulkRows:
    """The rows of one COPY. CPU-bound."""
    if spoken == "binary":
        return _binary(data)
    return csv_rows(data) if spoken == "csv" else lines(data)


def _binary(data: bytes) -> BulkRows:
    position = FIXED_HEADER + 4 + int.from_bytes(data[FIXED_HEADER : FIXED_HEADER + 4], "big")
    header, edges = data[:position], [position]
    while data[position : position + 2] != TRAILER:
        fields = int.from_bytes(data[position : position + 2], "big")
        position += 2
        for _ in range(fields):
            length = data[position : position + 4]
            position += 4 if length == NULL_LENGTH else 4 + int.from_bytes(length, "big")
        edges.append(position)
    return BulkRows(data, edges, header, TRAILER)
