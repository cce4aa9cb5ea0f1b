"""What incremental passes need of a table's other options, as far as the request alone can tell."""

from __future__ import annotations

from collections.abc import Iterator

from api.field_errors import FieldError
from core.job_spec import LoadMode, TableSelection, TableSpec


def wrong_passes(tables: list[TableSpec] | TableSelection, default: LoadMode) -> Iterator[FieldError]:
    """One error for each table, or for tables by pattern, whose rows would be lost or doubled."""
    if isinstance(tables, TableSelection):
        yield from _wrong_pass("tables", "tables by pattern", tables, default)
        return
    for number, table in enumerate(tables):
        yield from _wrong_pass(f"tables[{number}]", f"table {table.source_table}", table, default)


def _wrong_pass(path: str, what: str, given: TableSpec | TableSelection, default: LoadMode) -> Iterator[FieldError]:
    if given.incremental is None:
        return
    mode = given.load_mode or default
    named = f"{what}, watermark column {given.incremental.column}"
    if mode == "replace":
        yield FieldError(
            field=f"{path}.loadMode",
            message=f"replace would empty the destination before each pass ({named})",
            remedy="Use loadMode upsert, or leave 'incremental' out",
        )
    elif mode == "append" and given.incremental.overlaps:
        yield FieldError(
            field=f"{path}.incremental.overlap",
            message=f"loadMode append would add the rows of the overlap again ({named})",
            remedy="Use loadMode upsert, or leave the overlap out",
        )
