"""Columns as the catalog gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectors.mysql.constraints import unescaped
from connectors.mysql.native_types import BINARIES, CHARACTERS, COVERED_CHARSETS, OWN, read_type, value_of
from core.schema import Check, Column, NotCarried, TableName
from core.value_type import Limit, ValueType

if TYPE_CHECKING:
    from connectors.mysql.catalog import Catalog

COLUMNS_QUERY = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, "
    "GENERATION_EXPRESSION, COLLATION_NAME, COLUMN_COMMENT, CHARACTER_SET_NAME "
    "FROM information_schema.COLUMNS WHERE {tables} "
    "ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
)
PERIODS = ("ROW START", "ROW END")
"""Of a system-versioned table (MariaDB): when the row began to be and ended."""
BYTEWISE = re.compile(r".*_bin$|binary$")
EXPRESSION_DEFAULT = "DEFAULT_GENERATED"

SOME_YEAR = Limit(kind="years", low=1, high=9999, loud=True)
SYNTAX = Limit(kind="syntax", loud=True)
"""Zero dates and dates without a month or day: every typed database refuses them, in its bulk format as well."""

Described = tuple[list[Column], list[NotCarried]]


async def read_columns(
    catalog: Catalog, checks: Mapping[TableName, Sequence[Check]], *, mariadb: bool
) -> dict[TableName, Described]:
    """Columns in order, with what of them cannot be carried. MariaDB's JSON is a text with a check."""
    found = {}
    for name, rows in (await catalog.rows(COLUMNS_QUERY, "TABLE_SCHEMA", "TABLE_NAME")).items():
        documents = {check.definition for check in checks.get(name, ())}
        described = [row for row in rows if row[7] not in PERIODS]
        columns = [_column(row, documents, mariadb=mariadb) for row in described]
        lost = [note for row in rows if (note := _lost(row)) is not None]
        found[name] = columns, lost
    return found


def json_check(column: str) -> str:
    """What makes JSON of MariaDB's LONGTEXT."""
    return f"CHECK (json_valid(`{column.replace('`', '``')}`))"


def _column(row: tuple[Any, ...], documents: set[str], *, mariadb: bool) -> Column:
    _, _, name, native, nullable, default, extra, generated, collation, comment, charset = row
    json = mariadb and native == "longtext" and json_check(name) in documents
    generated = generated if mariadb or not generated else unescaped(generated)
    native = "json" if json else native
    base = read_type(native).base
    textual = base in CHARACTERS and base != "json"
    if textual and charset is not None and charset not in COVERED_CHARSETS:
        native = f"{native} character set {charset}"
    dated = base in ("date", "datetime", "timestamp")
    value = _readable(value_of(native, json=json))
    return Column(
        name=name,
        type=native,
        nullable=nullable == "YES",
        default=None if generated else _default(default, base, str(extra), mariadb=mariadb),
        generated=generated or None,
        virtual=bool(generated) and "VIRTUAL" in extra,
        identity="BY DEFAULT" if "auto_increment" in extra else None,
        collation=collation if textual else None,
        comment=comment or None,
        base_type=OWN + base,
        deterministic=not textual or collation is None or BYTEWISE.match(collation) is not None,
        limits=[SOME_YEAR, SYNTAX] if dated else _labels_only(value),
        value=value,
    )


def _labels_only(value: ValueType) -> list[Limit]:
    """What was no label when it was stored without strict mode is the empty text now (manual, "The ENUM Type")."""
    return [Limit(kind="labels", labels=value.labels)] if value.kind == "enum" and value.labels else []


def _readable(value: ValueType) -> ValueType:
    """The catalog is in utf8mb3: of a label with other characters it gives `?`, and then labels are not known."""
    if any("?" in label for label in value.labels):
        return ValueType(kind="text", length=max(map(len, value.labels)))
    return value


def _default(default: str | None, base: str, extra: str, *, mariadb: bool) -> str | None:
    """As an expression. MariaDB gives one (`NULL` where there is no default), MySQL the constant itself (of a binary
    its hexadecimal digits), or an expression without the parentheses that DEFAULT wants around it."""
    if default is None or (mariadb and default == "NULL"):
        return None
    if mariadb:
        return default
    if EXPRESSION_DEFAULT in extra:
        return default if default.upper().startswith("CURRENT_TIMESTAMP") else f"({unescaped(default)})"
    if (base == "bit" and default.startswith("b'")) or (base in BINARIES and default.startswith("0x")):
        return default
    return "'" + default.replace("\\", "\\\\").replace("'", "''") + "'"


def _lost(row: tuple[Any, ...]) -> NotCarried | None:
    label = f"{row[0]}.{row[1]}.{row[2]}"
    if row[7] in PERIODS:
        return NotCarried(object=label, kind="period", reason="it is made by the system versioning of the table")
    if "INVISIBLE" in str(row[6]):
        return NotCarried(object=label, kind="invisible", reason="the column is carried, and SELECT * shows it")
    if "on update" in str(row[6]).lower():
        return NotCarried(object=label, kind="on update", reason="the column is not set at changes any more")
    return None
