"""A table is not emptied where the database would change other tables with it."""

from __future__ import annotations

from core.errors import InvalidConfiguration
from core.schema import TableName


def refuse_deletion(table: TableName, key: str, referring: TableName) -> None:
    """Raises InvalidConfiguration that names a foreign key which acts on DELETE, and its table."""
    raise InvalidConfiguration(
        f"{table} cannot be emptied: the foreign key {key} of {referring} would delete or change rows there",
        remedy="Drop that foreign key, then retry",
    )
