"""Whether a foreign key that the server refuses, because its name is taken, is the one that stands already."""

from __future__ import annotations

import re

NAME = r"`((?:[^`]|``)*)`"
ADDED = re.compile(rf"ALTER TABLE {NAME}\.{NAME} ADD CONSTRAINT {NAME} FOREIGN KEY ")
STANDING = (
    "SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = 'FOREIGN KEY' "
    "AND TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CONSTRAINT_NAME = %s"
)
"""Names of foreign keys are unique within a schema, so one of that name may be another table's."""


def foreign_key_added_by(sql: str) -> list[str] | None:
    """Schema, table and name, the parameters of `STANDING`; None for a statement that adds no foreign key."""
    found = ADDED.match(sql)
    return [name.replace("``", "`") for name in found.groups()] if found else None
