"""Snowflake's SQL: interchange text from its values and back.

Reading uses explicit formats; writing uses only functions that COPY INTO takes ("Transforming data during a load") and
forms of dates and times that AUTO detects, which session.py sets. Backslashes escape within Snowflake's literals.
"""

from __future__ import annotations

from typing import ClassVar

from connectors.snowflake.types import MOMENTS, SEMI_STRUCTURED, existing_column, new_column, type_name, value_type
from connectors.sql.dialect import DdlStyle, LedgerTypes, SqlDialect
from core.schema import Capabilities, Column
from core.value_type import Arrival, ValueType

PRINTED = {
    "VARCHAR": "{sql}",
    "FLOAT": "{sql}",
    "BOOLEAN": "CASE WHEN {sql} THEN 't' WHEN NOT {sql} THEN 'f' END",
    "BINARY": "CHR(92) || 'x' || LOWER(HEX_ENCODE({sql}))",
    "DATE": "TO_VARCHAR({sql}, 'YYYY-MM-DD')",
    "VARIANT": "TO_JSON({sql})",
    "GEOGRAPHY": "ST_ASEWKT({sql})",
    "GEOMETRY": "ST_ASEWKT({sql})",
}
"""Interchange text by type."""
TRIMMED = r"'([.][0-9]*[1-9])0+$|[.]0+$', '\\1'"
"""Pattern and replacement: zeros at the end of a fraction, and the point before nothing."""
DAY = "YYYY-MM-DD"
CLOCK = "HH24:MI:SS"


class SnowflakeDialect(SqlDialect):
    """Names without quotes fold to upper case. Primary, unique and foreign keys are declared and never enforced."""

    name: ClassVar[str] = "snowflake"
    capabilities: ClassVar[Capabilities] = Capabilities(
        dialect="snowflake",
        reads=True,
        watermarks=True,
        writes=True,
        creates_tables=True,
        enforces_keys=False,
        load_modes=["append", "replace"],
        folds="upper",
        identifier_bytes=255,
    )
    ledger_types: ClassVar[LedgerTypes] = LedgerTypes(integer="NUMBER(19,0)")
    ddl: ClassVar[DdlStyle] = DdlStyle(
        keys_in_table=True,
        checks=False,
        indexes=False,
        identity="AUTOINCREMENT START {next} INCREMENT 1",
        restart_identity=None,
        generated=None,
        virtual="AS ({expression})",
    )

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows. Keys are not enforced, so they change nothing."""
        return new_column(column) if existing is None else existing_column(column, existing)

    def literal(self, text: str) -> str:
        """See SqlDialect."""
        return super().literal(text.replace("\\", "\\\\"))

    def takes_identity(self, native: str) -> bool:
        """See SqlDialect."""
        return type_name(native) == "NUMBER" and value_type(native).scale == 0

    def read_expression(self, sql: str, value: ValueType, native: str) -> str:
        """See SqlDialect. A FLOAT comes as it is: its text has too few digits, so the session prints it."""
        name = type_name(native)
        if value.kind == "boolean" and name == "NUMBER":
            return f"CASE {sql} WHEN 1 THEN 't' WHEN 0 THEN 'f' END"
        if value.kind == "integer" and name == "BOOLEAN":
            return f"CASE WHEN {sql} THEN '1' WHEN NOT {sql} THEN '0' END"
        if value.kind == "integer" and name == "NUMBER" and value_type(native).scale > 0:
            return f"TO_VARCHAR(CAST({sql} AS NUMBER(38,0)))"
        if name in MOMENTS:
            return _moment_text(sql, name, value_type(native).fraction)
        return PRINTED.get("VARIANT" if name in SEMI_STRUCTURED else name, "TO_VARCHAR({sql})").format(sql=sql)

    def write_expression(self, placeholder: str, value: ValueType, native: str) -> str:
        """See SqlDialect. Values that these would round or cut are refused before, by writer.py."""
        name = type_name(native)
        if name == "VARCHAR":
            return placeholder
        if value.kind == "boolean" and name == "NUMBER":
            placeholder = f"CASE {placeholder} WHEN 't' THEN '1' WHEN 'f' THEN '0' END"
        if name == "FLOAT":
            infinite = "WHEN 'Infinity' THEN 'inf' WHEN '-Infinity' THEN '-inf'"
            return f"CAST(CASE {placeholder} {infinite} ELSE {placeholder} END AS FLOAT)"
        if name == "BINARY":
            return f"TO_BINARY(SUBSTR({placeholder}, 3), 'HEX')"
        if name in ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
            instant = f"SUBSTR({placeholder}, 1, 10) || 'T' || SUBSTR({placeholder}, 12) || ':00'"
            return f"CAST({instant} AS {native})"
        if name in SEMI_STRUCTURED:
            parsed = f"PARSE_JSON({placeholder})"
            return parsed if name in ("VARIANT", "MAP") else f"CAST({parsed} AS {name})"
        if name in ("GEOGRAPHY", "GEOMETRY"):
            return f"TO_{name}({placeholder})"
        return f"CAST({placeholder} AS {native})"


def _moment_text(sql: str, name: str, fraction: int) -> str:
    """Under TIMEZONE UTC and TIME_OUTPUT_FORMAT HH24:MI:SS.FF9."""
    if name == "TIME":
        return f"REGEXP_REPLACE(TO_VARCHAR({sql}), {TRIMMED})"
    zone = "" if name == "TIMESTAMP_NTZ" else " || '+00'"
    moment = sql if name == "TIMESTAMP_NTZ" else f"CONVERT_TIMEZONE('UTC', {sql})"
    if fraction == 0:
        return f"TO_VARCHAR({moment}, '{DAY} {CLOCK}'){zone}"
    return f"REGEXP_REPLACE(TO_VARCHAR({moment}, '{DAY} {CLOCK}.FF{fraction}'), {TRIMMED}){zone}"
