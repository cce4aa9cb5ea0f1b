"""Connectors by type name, imported on first use; other packages add theirs by the entry point `sterna.connectors`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from connectors.base import Connector, ConnectorOptions
from connectors.contract import Credentials
from core.entry_points import load_class, offered
from core.errors import InvalidConfiguration

ENTRY_POINT_GROUP = "sterna.connectors"


@dataclass(frozen=True)
class ConnectorType:
    """A registered type: where its options and its connector class are, as `module:Class`."""

    name: str
    options: str
    connector: str | None
    """None: known, not yet implemented."""
    installed_by: str = ""
    """What pip installs to get its driver; '' where the driver comes with Sterna or is named like its module."""

    def options_class(self) -> type[ConnectorOptions]:
        """Imports the options model, without the driver."""
        return load_class(self.options)

    def connector_class(self) -> type[Connector]:
        """Imports the connector with its driver. Raises InvalidConfiguration where that is not installed."""
        if self.connector is None:
            raise InvalidConfiguration(
                f"the connector {self.name} cannot move rows yet", remedy="GET /api/connectors lists those that can"
            )
        try:
            return load_class(self.connector)
        except ImportError as error:
            own = self.connector.partition(":")[0].partition(".")[0]
            if error.name is None or error.name.partition(".")[0] == own:
                raise  # a module of the connector's own: a mistake in it, no missing driver
            raise InvalidConfiguration(
                f"the driver of connector {self.name} is not installed here ({error.name})",
                remedy=f"On every worker: pip install '{self.installed_by or error.name}'",
            ) from error


BUILT_IN = tuple(
    ConnectorType(
        name, f"connectors.{folder}.options:{prefix}Options", f"connectors.{folder}.connector:{prefix}", installed_by
    )
    for name, folder, prefix, installed_by in (
        ("POSTGRES", "postgres", "Postgres", ""),
        ("MYSQL", "mysql", "Mysql", "sterna[mysql]"),
        ("ORACLE", "oracle", "Oracle", "sterna[oracle]"),
        ("SNOWFLAKE", "snowflake", "Snowflake", "sterna[snowflake]"),
        ("SQLITE", "sqlite", "Sqlite", ""),
        ("DUCKDB", "duckdb", "Duckdb", ""),
        ("SQLALCHEMY", "sqlalchemy", "Sqlalchemy", ""),
    )
)


@cache
def connector_types() -> dict[str, ConnectorType]:
    """Every type that this installation knows. An entry point's value names an object that is a ConnectorType.

    Raises InvalidConfiguration where two packages claim one name.
    """
    return offered(ENTRY_POINT_GROUP, "connector", BUILT_IN, spelled=str.upper)


def find_type(name: str) -> ConnectorType:
    """The registered type of that name. Raises InvalidConfiguration that lists the known ones."""
    types = connector_types()
    if name.upper() not in types:
        raise InvalidConfiguration(f"there is no connector {name}", remedy=f"Known types: {', '.join(sorted(types))}")
    return types[name.upper()]


def parse_options(name: str, options: dict[str, Any]) -> ConnectorOptions:
    """The connector's options, checked. Raises InvalidConfiguration or pydantic.ValidationError."""
    return find_type(name).options_class().model_validate(options)


def build_connector(name: str, options: dict[str, Any], credentials: Credentials, label: str) -> Connector:
    """A connector ready for use; no session is opened yet."""
    try:
        parsed = parse_options(name, options)
    except ValidationError as error:
        raise InvalidConfiguration(f"options of connector {name}: {error.errors()[0]['msg']}") from error
    return find_type(name).connector_class()(parsed, credentials, label)
