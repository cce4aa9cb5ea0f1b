"""Foreign keys that a DELETE sets going, by SQLAlchemy's reflection."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.sqlalchemy.dialect import SqlalchemyDialect
from core.schema import TableName

ACTING = ("CASCADE", "SET NULL", "SET DEFAULT")


def acting_foreign_keys(
    connection: Connection, dialect: SqlalchemyDialect, table: TableName
) -> Iterator[tuple[str, TableName]]:
    """Name and table of those of other tables that refer to this one, in all schemas that the login sees."""
    inspector = sa.inspect(connection)
    own = dialect.own_name(table)[1]
    default = inspector.default_schema_name
    place = own or default
    for schema in _schemas(inspector, own):
        for (_, name), keys in inspector.get_multi_foreign_keys(schema).items():
            referring = TableName(schema_name=dialect.catalog_name(schema or ""), name=dialect.catalog_name(name))
            if (referring.name, schema or default) == (table.name, place):
                continue
            for key in keys:
                # Reflection leaves the schema out where it is the login's own, and some dialects where both are one
                referred = {key["referred_schema"]} if key["referred_schema"] else {schema or default, default}
                action = str(key.get("options", {}).get("ondelete") or "").upper()
                named = dialect.catalog_name(key["referred_table"]) == table.name
                if named and place in referred and action.startswith(ACTING):
                    yield dialect.catalog_name(key["name"] or "without a name"), referring


def _schemas(inspector: sa.Inspector, own: str | None) -> list[str | None]:
    """The login's own (None) first; the table's own in any case."""
    try:
        known = [str(name) for name in inspector.get_schema_names()]
    except NotImplementedError:
        known = []
    others = dict.fromkeys([*([own] if own else []), *known])
    return [None, *(name for name in others if name != inspector.default_schema_name)]
