"""What tables are, by SQLAlchemy's reflection. Names are given back as the database's own catalog spells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError

from connectors.sqlalchemy.dialect import SqlalchemyDialect
from connectors.sqlalchemy.types import spelled, value_type
from core.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    Key,
    NotCarried,
    TableName,
    TableSchema,
)
from core.schema import Sequence as TableSequence

GUESSED_TEXT_BYTES = 64
FIXED_BYTES = 8
REFERENTIAL = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")
Reflected = Mapping[str, Any]


class Catalog:
    """Reflection through one connection; blocking, for the session's thread."""

    def __init__(self, connection: Connection, dialect: SqlalchemyDialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self._inspector = sa.inspect(connection)

    def names(self, schemas: Sequence[str]) -> list[TableName]:
        """Tables of these schemas; '' is the login's own."""
        return [
            TableName(schema_name=schema, name=self._dialect.catalog_name(name))
            for schema in schemas
            for name in self._inspector.get_table_names(self._schema(schema))
        ]

    def schemas(self) -> list[str]:
        """All schemas, as the catalog spells them."""
        return [self._dialect.catalog_name(name) for name in self._inspector.get_schema_names()]

    def describe(self, table: TableName) -> TableSchema | None:
        """None where there is no such table or view."""
        name, schema = self._dialect.own_name(table)
        views = _optional(lambda: self._inspector.get_view_names(schema), [])
        try:
            reflected = self._inspector.get_columns(name, schema)
        except NoSuchTableError:
            return None
        if not reflected:
            return None
        columns = [self._column(column) for column in reflected]
        unique = self._unique_keys(name, schema)
        primary = _optional(lambda: self._inspector.get_pk_constraint(name, schema), {})
        return TableSchema(
            dialect=self._dialect.table_dialect,
            name=table,
            kind="view" if name in views else "table",
            columns=[self._filling(column, primary.get("constrained_columns")) for column in columns],
            primary_key=self._key(primary, "PRIMARY KEY") if primary.get("constrained_columns") else None,
            unique_keys=unique,
            indexes=self._indexes(name, schema, unique),
            checks=self._checks(name, schema),
            foreign_keys=self._foreign_keys(name, schema, table.schema_name),
            sequences=[self._sequence(table, column) for column in columns if column.identity is not None],
            comment=_optional(lambda: self._inspector.get_table_comment(name, schema), {}).get("text"),
        )

    def count(self, table: TableName) -> int:
        """Rows of the table: reflection knows no statistics."""
        counted = self._connection.exec_driver_sql(f"SELECT count(*) FROM {self._dialect.qualified(table)}").scalar()
        return int(counted or 0)

    def not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """Views and sequences."""
        found = []
        for schema in schemas:
            own = self._schema(schema)
            for kind, reflect in (
                ("view", self._inspector.get_view_names),
                ("sequence", self._inspector.get_sequence_names),
            ):
                names = _optional(partial(reflect, own), [])
                reason = "views are not migrated" if kind == "view" else "sequences of no column are not migrated"
                for name in names:
                    object_name = str(TableName(schema_name=schema, name=self._dialect.catalog_name(name)))
                    found.append(NotCarried(object=object_name, kind=kind, reason=reason))
        return found

    def _schema(self, schema: str) -> str | None:
        return self._dialect.reflected_name(schema) if schema else None

    def _names(self, names: Sequence[str | None]) -> list[str]:
        return ["" if name is None else self._dialect.catalog_name(name) for name in names]

    def _column(self, reflected: Reflected) -> Column:
        type_ = reflected["type"]
        computed, identity = reflected.get("computed"), reflected.get("identity")
        automatic = identity is not None or reflected.get("autoincrement") is True
        native = _optional(lambda: spelled(type_, self._dialect.engine_dialect), type(type_).__name__)
        return Column(
            name=self._dialect.catalog_name(reflected["name"]),
            type=native,
            nullable=bool(reflected.get("nullable", True)),
            default=None if automatic or computed else reflected.get("default"),
            generated=computed["sqltext"] if computed else None,
            virtual=computed is not None and not computed.get("persisted"),
            identity=None if not automatic else "ALWAYS" if identity and identity.get("always") else "BY DEFAULT",
            comment=reflected.get("comment"),
            value=value_type(type_, self._dialect.backend),
        )

    def _filling(self, column: Column, key: Sequence[str] | None) -> Column:
        """Reflection tells nothing of triggers, which fill columns that must not be NULL in many databases; SQLite
        numbers its row number, which reflection calls nullable."""
        row_number = not self._dialect.backend.alters and key == [column.name] and column.type.upper() == "INTEGER"
        return column.model_copy(update={"fills_null": row_number or not column.nullable})

    def _key(self, reflected: Reflected, words: str) -> Key:
        names = self._names(reflected.get("constrained_columns") or reflected.get("column_names") or [])
        name = self._dialect.catalog_name(reflected["name"]) if reflected.get("name") else ""
        return Key(name=name, columns=names, definition=f"{words} ({self._dialect.identifiers(names)})")

    def _unique_keys(self, name: str, schema: str | None) -> list[Key]:
        found = _optional(lambda: self._inspector.get_unique_constraints(name, schema), [])
        return [self._key(reflected, "UNIQUE") for reflected in found]

    def _indexes(self, name: str, schema: str | None, unique: Sequence[Key]) -> list[Index]:
        """Those that no constraint made."""
        of_keys = {(key.name, *key.columns) for key in unique}
        indexes = []
        for reflected in _optional(lambda: self._inspector.get_indexes(name, schema), []):
            columns = self._names(reflected["column_names"])
            index_name = self._dialect.catalog_name(reflected["name"] or "")
            owned = reflected.get("duplicates_constraint") or (index_name, *columns) in of_keys
            if owned or (reflected["unique"] and any(key.columns == columns for key in unique)):
                continue
            indexes.append(
                Index(
                    name=index_name,
                    columns=columns,
                    unique=bool(reflected["unique"]),
                    definition="",
                    partial=any(text for key, text in reflected.get("dialect_options", {}).items() if "where" in key),
                    expression="" in columns or bool(reflected.get("expressions")),
                )
            )
        return indexes

    def _checks(self, name: str, schema: str | None) -> list[Check]:
        found = _optional(lambda: self._inspector.get_check_constraints(name, schema), [])
        return [
            Check(
                name=self._dialect.catalog_name(reflected["name"] or ""), definition=f"CHECK ({reflected['sqltext']})"
            )
            for reflected in found
        ]

    def _foreign_keys(self, name: str, schema: str | None, schema_name: str) -> list[ForeignKey]:
        return [
            ForeignKey.model_validate(
                {
                    "name": self._dialect.catalog_name(reflected["name"] or ""),
                    "columns": self._names(reflected["constrained_columns"]),
                    "referenced": TableName(
                        schema_name=self._dialect.catalog_name(reflected["referred_schema"])
                        if reflected.get("referred_schema")
                        else schema_name,
                        name=self._dialect.catalog_name(reflected["referred_table"]),
                    ),
                    "referenced_columns": self._names(reflected["referred_columns"]),
                    "on_delete": _action(reflected, "ondelete"),
                    "on_update": _action(reflected, "onupdate"),
                    "deferrable": bool(reflected.get("options", {}).get("deferrable")),
                    "options": _options(reflected),
                }
            )
            for reflected in _optional(lambda: self._inspector.get_foreign_keys(name, schema), [])
        ]

    def _sequence(self, table: TableName, column: Column) -> TableSequence:
        """What the column will give next is not known to all databases; past its greatest value it cannot be."""
        sql = f"SELECT max({self._dialect.reference(column.name)}) FROM {self._dialect.qualified(table)}"
        highest = self._connection.exec_driver_sql(sql).scalar()
        return TableSequence(
            name=TableName(schema_name=table.schema_name, name=f"{table.name}_{column.name}_seq"),
            column=column.name,
            identity=True,
            options="",
            last_value=1 if highest is None else int(highest),
            is_called=highest is not None,
        )


def estimated_bytes(table: TableSchema, rows: int) -> int:
    """By the types alone."""
    width = sum(
        min(column.value.length or GUESSED_TEXT_BYTES, GUESSED_TEXT_BYTES)
        if column.value.kind in ("text", "char", "json", "binary", "array", "other")
        else FIXED_BYTES
        for column in table.columns
    )
    return rows * width


def _action(reflected: Reflected, event: str) -> str:
    """Without the columns that PostgreSQL may name after it."""
    action = str(reflected.get("options", {}).get(event) or "NO ACTION").upper().split(" (", 1)[0]
    return action if action in REFERENTIAL else "NO ACTION"


def _options(reflected: Reflected) -> str:
    """What decides whether the key can be built again as it is, in words of DDL."""
    words = {"match": "MATCH", "ondelete": "ON DELETE", "onupdate": "ON UPDATE"}
    found = reflected.get("options", {})
    return " ".join(f"{word} {str(found[name]).upper()}" for name, word in words.items() if found.get(name))


def _optional(ask: Callable[[], Any], otherwise: Any) -> Any:
    """Reflection that not every dialect has."""
    try:
        return ask()
    except (NotImplementedError, NoSuchTableError, sa.exc.CompileError):
        return otherwise
