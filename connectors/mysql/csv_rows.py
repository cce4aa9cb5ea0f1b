"""Queries that print rows as CSV_INTERCHANGE, one text for each row, and rows of Arrow as such bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import WrittenColumn
from connectors.mysql.native_types import BINARIES, CHARACTERS, INTEGER_BITS, read_type
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.query import ReadColumn
from core.errors import DataRejected

NULL_WORD = "NULL"
PLAIN_KINDS = frozenset(
    [
        *("boolean", "integer", "decimal", "float32", "float64", "binary", "date", "time", "time_tz"),
        *("timestamp", "timestamp_tz", "interval", "uuid"),
    ]
)
"""Kinds whose interchange text is free of quotes, commas and line ends and is never the word NULL."""
BIG = 2**30


@dataclass(frozen=True)
class CsvColumn:
    """One column of a query of rows: the value as it lies in the table, and its interchange text."""

    raw: str
    text: str
    quoted: bool
    binary: bool
    """The raw value's bytes are what the text is the hexadecimal digits of."""
    whole: bool = False
    """The raw value by itself is sent as the text, whatever its length."""

    @property
    def field(self) -> str:
        """The text as a field of csv. NULL is looked for in the raw value: a text that grew beyond
        max_allowed_packet is NULL too, and must not be taken for one."""
        field = f"CONCAT('\"', REPLACE({self.text}, '\"', '\"\"'), '\"')" if self.quoted else self.text
        return f"IF({self.raw} IS NULL, '{NULL_WORD}', {field})"


@dataclass(frozen=True)
class CsvQuery:
    """Rows to be printed."""

    columns: Sequence[CsvColumn]
    relation: str
    conditions: Sequence[str] = ()

    @classmethod
    def of(
        cls, dialect: SqlDialect, columns: Sequence[ReadColumn], relation: str, conditions: Sequence[str] = ()
    ) -> CsvQuery:
        """From columns of a table."""
        return cls([_csv_column(dialect, column) for column in columns], relation, conditions)

    @classmethod
    def over(cls, sql: str, natives: Sequence[str]) -> CsvQuery:
        """From a query whose columns c0, c1 … are interchange text of these native types."""
        columns = [
            CsvColumn(f"`c{position}`", f"`c{position}`", read_type(native).quoted, binary=False)
            for position, native in enumerate(natives)
        ]
        return cls(columns, f"({sql}) AS printed")

    @property
    def sql(self) -> str:
        """One text for each row; NULL for a row whose text is longer than max_allowed_packet."""
        return f"SELECT {self._row} FROM {self.relation}{query.where(self.conditions)}"

    @property
    def long_rows(self) -> str:
        """The rows that `sql` gives no text for: each column by itself, long ones as they are, and at the end which of
        them are NULL."""
        columns = ", ".join(
            column.raw if column.binary or column.whole else f"CAST({column.text} AS BINARY)" for column in self.columns
        )
        nulls = ", ".join(f"{column.raw} IS NULL" for column in self.columns)
        conditions = query.where([*self.conditions, f"{self._row} IS NULL"])
        return f"SELECT {columns}, CONCAT({nulls}) FROM {self.relation}{conditions}"

    def long_row(self, values: Sequence[bytes | None]) -> bytes:
        """The text of a row that `long_rows` gave. Raises ValueError where a value did not fit after all."""
        *found, nulls = values
        assert nulls is not None
        fields = []
        for column, value, null in zip(self.columns, found, nulls.decode(), strict=True):
            if value is None and null == "0":
                raise ValueError("a value is longer than max_allowed_packet")
            fields.append(_field(column, value))
        return b",".join(fields) + b"\n"

    @property
    def _row(self) -> str:
        fields = ", ',', ".join(column.field for column in self.columns)
        return f"CONCAT({fields}, '\\n')"


def _csv_column(dialect: SqlDialect, column: ReadColumn) -> CsvColumn:
    raw = dialect.reference(column.name)
    native = read_type(column.native)
    text = dialect.read_expression(raw, column.value, column.native)
    binary = column.value.kind == "binary" and native.base in BINARIES
    return CsvColumn(raw, text, native.quoted, binary, whole=native.base in CHARACTERS and not native.charset)


def _field(column: CsvColumn, value: bytes | None) -> bytes:
    if value is None:
        return NULL_WORD.encode()
    if column.binary:
        return b"\\x" + value.hex().encode()
    return b'"' + value.replace(b'"', b'""') + b'"' if column.quoted else value


def csv_bytes(rows: pa.RecordBatch, written: Sequence[WrittenColumn]) -> bytes:
    """The rows as CSV_INTERCHANGE. CPU-bound. Raises DataRejected where the server would round in silence."""
    if rows.num_rows == 0:
        return b""
    text_type = pa.large_string() if rows.nbytes > BIG else pa.string()
    fields = []
    for column, values in zip(written, rows.columns, strict=True):
        text = pc.cast(values, text_type)
        _refuse_fractions(column, text)
        if column.value.kind not in PLAIN_KINDS:
            quoted = pc.replace_substring(text, '"', '""') if _has_quotes(text) else text
            text = pc.binary_join_element_wise('"', quoted, '"', "")
        fields.append(pc.fill_null(text, NULL_WORD) if text.null_count else text)
    ended = pc.binary_join_element_wise(fields[-1], "\n", "")
    joined = pc.binary_join_element_wise(*fields[:-1], ended, ",") if len(fields) > 1 else ended
    return _all_bytes(joined)


def _refuse_fractions(column: WrittenColumn, text: pa.Array) -> None:
    """LOAD DATA rounds for a column of whole numbers without a warning."""
    if read_type(column.native).base not in INTEGER_BITS or column.value.kind == "boolean":
        return
    beyond = pc.match_substring_regex(text, r"\.0*[1-9]")
    if pc.any(beyond).as_py():
        raise DataRejected(
            f"column {column.name} holds whole numbers, and {pc.sum(beyond).as_py()} values have a fraction",
            evidence={"example": text.filter(beyond)[0].as_py()},
        )


def _has_quotes(text: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(text, '"')).as_py())


def _all_bytes(texts: pa.Array) -> bytes:
    """The values one after another: the array's buffer, as it is made without gaps."""
    offsets_type = pa.int64() if pa.types.is_large_string(texts.type) else pa.int32()
    _, offsets, data = texts.buffers()
    ends = pa.Array.from_buffers(offsets_type, len(texts) + 1, [None, offsets], offset=texts.offset)
    first, last = ends[0].as_py(), ends[-1].as_py()
    written: bytes = data.slice(first, last - first).to_pybytes()
    return written
