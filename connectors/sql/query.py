"""The queries that print rows as interchange text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from connectors.arrow_text import text_schema
from connectors.contract import AnyRange, DigestMethod, Selection
from connectors.key_spans import spans_condition
from connectors.sql.dialect import SqlDialect
from core.errors import Defect, InvalidConfiguration
from core.key_spans import KeySpans
from core.ranges import KeyRange, PageRange
from core.value_type import ValueType

VALUE_METADATA = b"sterna.value"
"""Key of an Arrow field's metadata under which the column's ValueType stands, as JSON."""


@dataclass(frozen=True)
class ReadColumn:
    """A column to read, what its values are and its type in this database."""

    name: str
    value: ValueType
    native: str


def selected_columns(selection: Selection) -> list[ReadColumn]:
    """The selection's columns. Raises InvalidConfiguration where the table has no such column."""
    found = []
    for name in selection.columns:
        column = selection.table.column(name)
        if column is None:
            raise InvalidConfiguration(f"the table {selection.table.name} has no column {name}")
        found.append(ReadColumn(name, column.value, column.type))
    return found


def proved_columns(proof: DigestMethod) -> list[ReadColumn]:
    """The columns that are hashed, in that order."""
    found = []
    for column in proof.columns:
        if column.value is None:
            raise Defect(f"column {column.name} is to be hashed as the text of another database")
        found.append(ReadColumn(column.name, column.value, column.native))
    return found


def schema_of(columns: Sequence[ReadColumn]) -> pa.Schema:
    """The Arrow schema of their rows: text that remembers the native types, and what its values are."""
    schema = text_schema([column.name for column in columns], [column.native for column in columns])
    values = [column.value.model_dump_json(exclude_defaults=True).encode() for column in columns]
    return pa.schema(
        field.with_metadata({**(field.metadata or {}), VALUE_METADATA: value})
        for field, value in zip(schema, values, strict=True)
    )


def select(dialect: SqlDialect, columns: Sequence[ReadColumn], relation: str, conditions: Sequence[str] = ()) -> str:
    """SELECT of the columns' interchange text. Results are called c0, c1 …, so that a session may read from this
    query as from a table."""
    expressions = ", ".join(
        f"{dialect.read_expression(dialect.reference(column.name), column.value, column.native)} "
        f"AS {dialect.identifier(f'c{position}')}"
        for position, column in enumerate(columns)
    )
    return f"SELECT {expressions or '1'} FROM {relation}{where(conditions)}"


def where(conditions: Sequence[str]) -> str:
    """WHERE with all conditions, nothing where there are none."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def predicate(clause: str) -> str:
    """A whereClause, parenthesised on lines of its own, so that neither OR nor a comment at its end changes the rest
    of the query."""
    return f"(\n{clause}\n)"


def row_conditions(dialect: SqlDialect, selection: Selection) -> list[str]:
    """The SQL of what a selection leaves out: its whereClause and its watermarks."""
    conditions = [predicate(selection.where)] if selection.where else []
    return [*conditions, *_watermark_conditions(dialect, selection)]


def _watermark_conditions(dialect: SqlDialect, selection: Selection) -> list[str]:
    rows = selection.watermark
    if rows is None:
        return []
    (column,) = selected_columns(replace(selection, columns=[rows.column]))
    name = dialect.reference(column.name)
    if rows.through is None:
        return [f"{name} IS NULL"] if rows.nulls else ["1 = 0"]
    bounds = [f"{name} <= {dialect.constant(rows.through, column.value, column.native)}"]
    if rows.after is not None:
        bounds.insert(0, f"{name} > {dialect.constant(rows.after, column.value, column.native)}")
    inside = " AND ".join(bounds)
    return [f"(({inside}) OR {name} IS NULL)" if rows.nulls else f"({inside})"]


def highest_of(dialect: SqlDialect, column: str, relation: str, conditions: Sequence[str]) -> str:
    """What stands after FROM, to read the greatest value of a column under the column's own name."""
    greatest = f"max({dialect.reference(column)}) AS {dialect.identifier(column)}"
    return f"(SELECT {greatest} FROM {relation}{where(conditions)}) sterna_highest"


def range_conditions(dialect: SqlDialect, rows: AnyRange) -> list[str]:
    """The SQL of a range, empty for the whole table."""
    if isinstance(rows, PageRange):
        raise Defect(f"a range of pages was planned for a table of {dialect.name}")
    if isinstance(rows, KeySpans):
        return [spans_condition(dialect.reference(rows.column), rows)]
    return [dialect.key_condition(rows)] if isinstance(rows, KeyRange) else []
