"""SQL of a database by what SQLAlchemy's dialect says of it: how names are quoted and types are spelled."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from connectors.sql.dialect import DdlStyle, LedgerTypes, SqlDialect
from connectors.sqlalchemy.backends import Backend, backend_of
from connectors.sqlalchemy.types import arrival, passes_floats, spelled
from core.errors import InvalidConfiguration
from core.schema import Capabilities, Column, TableName
from core.value_type import Arrival, ValueType

MOMENTS = ("date", "time", "time_tz", "timestamp", "timestamp_tz")
AS_TEXT = ("json", "interval", "bits", "array", "other")
"""Kinds that drivers give as objects which lose digits, months or order: the database prints them itself."""
LENGTH = 7777
CAPABILITIES = Capabilities(
    dialect="sqlalchemy",
    reads=True,
    watermarks=True,
    writes=True,
    isolates_rejects=True,
    creates_tables=True,
    load_modes=["append", "replace"],
    has_schemas=False,
    identifier_bytes=30,
    heals=True,
)
"""What is so for every database; the rest is known once a URL is."""


class SqlalchemyDialect(SqlDialect):
    """What is written between SELECT and FROM is plain SQL; values become text in Python (values.py).

    Tables are of the dialect `sqlalchemy+name`, so that two databases share one only if they are of one kind.
    """

    name: ClassVar[str] = "sqlalchemy"
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, url: URL) -> None:
        """Raises InvalidConfiguration where the dialect is not installed."""
        try:
            self.engine_dialect: Dialect = sa.create_engine(url).dialect
        except (NoSuchModuleError, ImportError) as error:
            raise InvalidConfiguration(
                f"SQLAlchemy's dialect {url.drivername} is not installed on this machine: {error}",
                remedy="Install it and its driver on the API's machine and on every worker",
            ) from error
        except ArgumentError as error:
            raise InvalidConfiguration(
                f"{url.drivername} takes no such url", remedy="Check url", evidence={"server": str(error)}
            ) from error
        self.backend: Backend = backend_of(self.engine_dialect.name)
        if passes_floats(self.engine_dialect):
            self.backend = replace(self.backend, float_for_decimal=True)
        if self.backend.server_version is not None:
            self.engine_dialect.server_version_info = self.backend.server_version
        self.table_dialect = f"sqlalchemy+{self.engine_dialect.name.split('.', 1)[0]}"
        self.capabilities = _capabilities(self.backend, self.table_dialect)  # type: ignore[misc]  # of this URL's database
        self.ddl = _ddl(self.backend)  # type: ignore[misc]
        self.ledger_types = LedgerTypes(  # type: ignore[misc]
            text=self.backend.ledger_text
            or spelled(sa.String(LENGTH), self.engine_dialect).replace(str(LENGTH), "{length}"),
            integer=spelled(sa.BigInteger(), self.engine_dialect),
        )

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows."""
        return arrival(column, existing, self.backend, self.engine_dialect, key=key)

    def read_expression(self, sql: str, value: ValueType, native: str) -> str:
        """SQL of a value that the driver gives without loss; `values.texts` makes interchange text of it."""
        if value.kind in AS_TEXT or (value.kind in MOMENTS and self.backend.moments_as_text):
            return self._cast(sql, sa.Text() if value.kind in AS_TEXT else sa.String(40))
        return sql

    def write_expression(self, placeholder: str, value: ValueType, native: str) -> str:
        """For constants in DDL; rows go through typed binds (session.py)."""
        return f"CAST({placeholder} AS {native})"

    def _cast(self, sql: str, type_: sa.String) -> str:
        return self._single_percents(str(sa.cast(sa.literal_column(sql), type_).compile(dialect=self.engine_dialect)))

    def identifier(self, name: str) -> str:
        """Always quoted, so that it is spelled as given."""
        return self._single_percents(str(self.engine_dialect.identifier_preparer.quote_identifier(name)))

    def _single_percents(self, sql: str) -> str:
        """SQLAlchemy doubles percent signs for drivers that format statements; without parameters they do not."""
        return sql.replace("%%", "%") if self.engine_dialect.paramstyle in ("format", "pyformat") else sql

    def placeholder(self, position: int) -> str:
        """As the driver's paramstyle has it."""
        match self.engine_dialect.paramstyle:
            case "qmark":
                return "?"
            case "numeric" | "numeric_dollar":
                return f":{position + 1}"
            case "named":
                return f":p{position}"
        return "%s"

    def parameters(self, values: list[object]) -> tuple[object, ...] | dict[str, object]:
        """Values for the placeholders of one statement."""
        if self.engine_dialect.paramstyle == "named":
            return {f"p{position}": value for position, value in enumerate(values)}
        return tuple(values)

    def catalog_name(self, name: str) -> str:
        """A name that reflection gave, as the database's catalog spells it."""
        if getattr(self.engine_dialect, "requires_name_normalize", False):
            return str(self.engine_dialect.denormalize_name(name))
        return name

    def reflected_name(self, name: str) -> str:
        """A name of the database's catalog, as reflection wants it."""
        if getattr(self.engine_dialect, "requires_name_normalize", False):
            return self.engine_dialect.normalize_name(name)
        return name

    def own_name(self, table: TableName) -> tuple[str, str | None]:
        """Table and schema as reflection wants them."""
        schema = self.reflected_name(table.schema_name) if table.schema_name else None
        return self.reflected_name(table.name), schema


def _capabilities(backend: Backend, dialect: str) -> Capabilities:
    return CAPABILITIES.model_copy(
        update={
            "dialect": dialect,
            "folds": backend.folds,
            "has_schemas": backend.schemas,
            "identifier_bytes": backend.identifier_bytes,
            "key_during_load": not backend.alters,
        }
    )


def _ddl(backend: Backend) -> DdlStyle:
    return DdlStyle(
        create_schema=None,
        keys_in_table=not backend.alters,
        checks_in_table=not backend.alters,
        foreign_keys=backend.alters,
        identity=backend.identity,
        restart_identity=backend.restart_identity,
        generated=None if backend.virtual else "GENERATED ALWAYS AS ({expression}) STORED",
        virtual=backend.virtual,
        table_comment="COMMENT ON TABLE {table} IS {text}" if backend.comments else None,
        column_comment="COMMENT ON COLUMN {table}.{column} IS {text}" if backend.comments else None,
        actions=backend.actions,
        defaults="constant",
    )
