"""Columns as Oracle's dictionary describes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.oracle.types import OWN, is_known, parse, value_type
from core.schema import Column

Row = Mapping[str, Any]


def spelled_type(row: Row) -> str:
    """The column's type as DDL spells it, from a row of ALL_TAB_COLS."""
    name: str = row["data_type"]
    match name:
        case "NUMBER":
            return _number(row["data_precision"], row["data_scale"])
        case "FLOAT":
            return f"FLOAT({row['data_precision']})"
        case "VARCHAR2" | "CHAR":
            counted = f"{row['char_length']} CHAR" if row["char_used"] == "C" else str(row["data_length"])
            return f"{name}({counted})"
        case "NVARCHAR2" | "NCHAR":
            return f"{name}({row['char_length']})"
        case "RAW" | "UROWID":
            return f"{name}({row['data_length']})"
    return name


def _number(precision: Any, scale: Any) -> str:
    if precision is None and scale is None:
        return "NUMBER"
    digits = 38 if precision is None else int(precision)
    return f"NUMBER({digits},{int(scale)})" if scale else f"NUMBER({digits})"


def unreadable(row: Row) -> str | None:
    """Why the column cannot be carried, None where it can."""
    owner, name = row["data_type_owner"], row["data_type"]
    if name == "XMLTYPE" or (not owner and is_known(spelled_type(row))):
        return None
    return f"its type {f'{owner}.' if owner else ''}{name} has no text that other databases read"


def column_of(row: Row, identity: Row | None, comments: Mapping[str, str], *, triggers: bool) -> Column:
    """The column of a row of ALL_TAB_COLS; `identity` is its row of ALL_TAB_IDENTITY_COLS. Where the table has
    `triggers`, they may fill a column that must not be NULL from a sequence, as was done before identities."""
    spelled = spelled_type(row)
    expression = str(row["data_default"]).strip() if row["data_default"] is not None else None
    virtual = row["virtual_column"] == "YES"
    default = None if virtual or identity is not None or (expression or "NULL").upper() == "NULL" else expression
    return Column(
        name=row["column_name"],
        type=spelled,
        nullable=row["nullable"] == "Y",
        default=default,
        generated=expression if virtual else None,
        virtual=virtual,
        identity=None if identity is None else ("ALWAYS" if identity["generation_type"] == "ALWAYS" else "BY DEFAULT"),
        fills_null=row["default_on_null"] == "YES" or (triggers and row["nullable"] == "N"),
        comment=comments.get(row["column_name"]),
        base_type=OWN + parse(spelled).name,
        value=value_type(spelled),
        zone_lost=parse(spelled).name == "TIMESTAMP WITH TIME ZONE",
    )
