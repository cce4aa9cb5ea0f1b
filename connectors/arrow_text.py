"""Arrow to and from the csv of PostgreSQL's COPY, the fastest text that both speak without loss.

In COPY's csv an unquoted empty field is NULL and a quoted one is the empty string; fields hold any character, line
ends included, between quotes (manual, COPY, "CSV Format").
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv

from core.errors import DataRejected

TYPE_METADATA = b"sterna.type"
"""Key of an Arrow field's metadata under which the column's native type stands, as text."""

_PARSE = pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
_WRITE = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")


def text_schema(names: Sequence[str], types: Sequence[str]) -> pa.Schema:
    """Schema of utf8 columns that remember their native types."""
    return pa.schema(
        pa.field(name, pa.string(), metadata={TYPE_METADATA: native.encode()})
        for name, native in zip(names, types, strict=True)
    )


class CsvReader:
    """Parses one query's csv, part by part. Holds no state between parts: usable by several threads."""

    def __init__(self, names: Sequence[str], types: Sequence[str], *, null: str = "") -> None:
        """`types` are the native types, in the order of `names`; `null` is what stands for NULL, unquoted."""
        self.schema = text_schema(names, types)
        self._positions = [str(position) for position in range(len(names))]
        self._convert = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(self._positions, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[null],
        )

    def parse(self, rows: bytes) -> list[pa.RecordBatch]:
        """The batches of a part that holds whole rows, at most 2 GB. CPU-bound.

        Raises DataRejected where a value is not UTF-8.
        """
        if not rows:
            return []
        if rows.startswith(BOM_UTF8):
            rows = BOM_UTF8 + rows  # pyarrow skips one at the beginning, taking the value's own for a mark of the file
        options = pyarrow.csv.ReadOptions(
            column_names=self._positions,
            block_size=len(rows) + 1,  # one block: a row may be as long as the part
            use_threads=False,
        )
        try:
            table = pyarrow.csv.read_csv(pa.BufferReader(rows), options, _PARSE, self._convert)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            raise DataRejected(
                "the source holds text that is not valid UTF-8",
                remedy="Repair it at the source, or leave the column out with the table's `columns`",
            ) from None
        return [
            pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)
            for batch in table.to_batches()
            if batch.num_rows
        ]


def batch_to_csv(batch: pa.RecordBatch) -> bytes:
    """The batch's rows for COPY … FROM STDIN (FORMAT csv). Every value is quoted, so none is taken for NULL or for
    the end of the data. CPU-bound."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(batch, sink, _WRITE)
    written: bytes = sink.getvalue().to_pybytes()
    return written
