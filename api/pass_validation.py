"""What incremental passes need of a table's other options, as far as the request alone can tell."""

from __future__ import annotations

from collections.abc import Iterator

from api.field_errors import FieldError
from core.job_spec import LoadMode, TableSpec


def wrong_passes(tables: list[TableSpec], default: LoadMode) -> Iterator[FieldError]:
    """One error for each table whose rows would be lost or doubled."""
    for number, table in enumerate(tables):
        if table.incremental is None:
            continue
        mode = table.load_mode or default
        named = f"table {table.source_table}, watermark column {table.incremental.column}"
        if mode == "replace":
            yield FieldError(
                field=f"tables[{number}].loadMode",
                message=f"replace would empty the destination before each pass ({named})",
                remedy="Use loadMode upsert, or leave 'incremental' out",
            )
        elif mode == "append" and table.incremental.overlaps:
            yield FieldError(
                field=f"tables[{number}].incremental.overlap",
                message=f"loadMode append would add the rows of the overlap again ({named})",
                remedy="Use loadMode upsert, or leave the overlap out",
            )
