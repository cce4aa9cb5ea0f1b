"""DuckDB's SQL: interchange text from its values and back."""

from __future__ import annotations

from typing import ClassVar

from connectors.duckdb.types import NESTED, SIMPLE, existing_column, new_column, type_id
from connectors.sql.dialect import DdlStyle, SqlDialect, UpsertStyle
from core.schema import Capabilities, Column
from core.value_type import Arrival, ValueType

MISFIT = "error('a value does not fit its column')"
FLOATS = ("FLOAT", "DOUBLE")
INTEGERS = frozenset(name for name, value in SIMPLE.items() if value.kind == "integer")
WHOLE = INTEGERS | {"HUGEINT", "UHUGEINT", "BIGNUM"}
DATES = frozenset(
    name
    for name, value in SIMPLE.items()
    if value.kind in ("date", "timestamp", "timestamp_tz") and not name.endswith("_NS")
)
"""Types that reach into years BC."""
TEXTS = ("VARCHAR", "ENUM")


class DuckdbDialect(SqlDialect):
    """Identifiers are case-insensitive even in quotes, so that names which differ in case only collide: DuckDB
    refuses the second one."""

    name: ClassVar[str] = "duckdb"
    capabilities: ClassVar[Capabilities] = Capabilities(
        dialect="duckdb",
        reads=True,
        watermarks=True,
        writes=True,
        isolates_rejects=True,
        moves_violations=True,
        creates_tables=True,
        single_process_writer=True,
        ignores_case="all",
        upserts=True,
        load_modes=["append", "replace", "upsert"],
        folds="none",
        identifier_bytes=65535,
        heals=True,
    )
    upsert: ClassVar[UpsertStyle | None] = UpsertStyle(sets_keys=False)
    ddl: ClassVar[DdlStyle] = DdlStyle(
        foreign_keys=False,
        checks_in_table=True,
        identity=None,
        restart_identity=None,
        counter=(
            "CREATE SEQUENCE IF NOT EXISTS {sequence} START WITH {next}",
            "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval({text})",
        ),
        generated=None,
        virtual="GENERATED ALWAYS AS ({expression}) VIRTUAL",
        actions=("NO ACTION", "RESTRICT"),
    )

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows. DuckDB indexes every type that Sterna makes, so keys change nothing."""
        return new_column(column) if existing is None else existing_column(column, existing)

    def read_expression(self, sql: str, value: ValueType, native: str) -> str:
        """See SqlDialect. Under TimeZone UTC."""
        identity = type_id(native)
        if value.kind == "boolean" and identity in WHOLE | {"DECIMAL"}:
            return f"CASE {sql} WHEN 1 THEN 't' WHEN 0 THEN 'f' END"
        if value.kind == "integer" and identity == "BOOLEAN":
            return f"CASE WHEN {sql} THEN '1' WHEN NOT {sql} THEN '0' END"
        text = f"CAST({sql} AS VARCHAR)"
        if value.kind == "integer" and identity in (*FLOATS, "DECIMAL"):
            whole = f"CAST(CAST({sql} AS HUGEINT) AS VARCHAR)"
            return f"CASE WHEN {sql} = trunc({sql}) THEN {whole} ELSE {text} END"
        if identity == "VARCHAR":
            return sql
        if identity == "BOOLEAN":
            return f"CASE WHEN {sql} THEN 't' WHEN NOT {sql} THEN 'f' END"
        if identity in FLOATS:
            return (
                f"CASE WHEN isnan({sql}) THEN 'NaN' WHEN isinf({sql}) THEN CASE WHEN {sql} > 0 THEN 'Infinity' "
                f"ELSE '-Infinity' END ELSE {text} END"
            )
        if identity == "BLOB":
            return f"'\\x' || lower(hex({sql}))"
        if identity in DATES:
            first = f"CAST('0001-01-01' AS {native})"
            early = f"{sql} < {first} AND isfinite({sql})"
            return f"CASE WHEN {early} THEN replace({text}, ' (BC)', '') || ' BC' ELSE {text} END"
        if identity == "INTERVAL":
            return interval_text(sql)
        return f"CAST(to_json({sql}) AS VARCHAR)" if identity in NESTED else text

    def write_expression(self, placeholder: str, value: ValueType, native: str) -> str:
        """See SqlDialect. `checked` of `converted`; to be taken in two steps where it matters that the value is made
        only once."""
        return self.checked(placeholder, self.converted(placeholder, value, native), value, native)

    def checked(self, placeholder: str, made: str, value: ValueType, native: str) -> str:
        """SQL of `made`, or an error, in the statement that writes it, where it does not stand for exactly the text:
        DuckDB's casts round decimals, cut seconds and make infinity of great floats."""
        identity = type_id(native)
        if identity == "VARCHAR":
            return made
        if identity in FLOATS:
            holds = f"(NOT isinf({made}) OR contains(lower({placeholder}), 'inf'))"
        elif value.kind == "decimal":
            scale = int(native.rstrip(")").split(",")[1]) if identity == "DECIMAL" else 0
            fraction = f"\\.[0-9]{{0,{scale}}}0*"
            holds = f"regexp_full_match({placeholder}, '-?[0-9]+({fraction})?')"
        elif identity == "DECIMAL":
            holds = f"regexp_full_match({placeholder}, '-?[0-9]+')" if value.kind == "integer" else "true"
        elif identity == "BLOB":
            holds = f"starts_with({placeholder}, '\\x')"
        elif identity in ("JSON", *TEXTS):
            return made
        else:
            holds = f"{self.read_expression(made, value, native)} = {placeholder}"
        return f"CASE WHEN {placeholder} IS NULL THEN NULL WHEN {holds} THEN {made} ELSE {MISFIT} END"

    def converted(self, text: str, value: ValueType, native: str) -> str:
        """SQL of the native value of an interchange text, or of something near it."""
        identity = type_id(native)
        if identity == "VARCHAR":
            return text
        if value.kind == "boolean" and identity != "BOOLEAN":
            return f"CAST(CASE {text} WHEN 't' THEN 1 WHEN 'f' THEN 0 END AS {native})"
        if identity in DATES:
            bc = f"regexp_replace({text}, '^(\\S+)(.*) BC$', '\\1 (BC)\\2')"
            text = f"CASE WHEN ends_with({text}, ' BC') THEN {bc} ELSE {text} END"
        elif identity == "INTERVAL":
            text = f"replace(replace({text}, 'mon', 'month'), '+', '')"
        elif identity == "BLOB":
            return f"unhex(substr({text}, 3))"
        elif identity in NESTED:
            text = f"CAST({text} AS JSON)"
        elif value.kind == "decimal" and identity in INTEGERS:
            text = f"CAST({text} AS DECIMAL(38, 0))"
        return f"CAST({text} AS {native})"


def interval_text(sql: str) -> str:
    """SQL of an interval as PostgreSQL prints it: after a negative part, a positive one has a plus sign."""
    months = f"(CAST(extract(year FROM {sql}) AS BIGINT) * 12 + extract(month FROM {sql}))"
    days = f"extract(day FROM {sql})"
    time = (
        f"to_microseconds(extract(hour FROM {sql}) * 3600000000 + extract(minute FROM {sql}) * 60000000 "
        f"+ extract(microsecond FROM {sql}))"
    )
    zero = "INTERVAL 0 SECOND"
    clock = (
        f"CASE WHEN {time} = {zero} THEN NULL WHEN {time} > {zero} AND ({days} < 0 OR ({days} = 0 AND {months} < 0)) "
        f"THEN '+' || CAST({time} AS VARCHAR) ELSE CAST({time} AS VARCHAR) END"
    )
    parts = (
        _counted(f"({months} // 12)", "year"),
        _counted(f"({months} % 12)", "mon"),
        _counted(days, "day", f"CASE WHEN {days} > 0 AND {months} < 0 THEN '+' ELSE '' END || "),
        clock,
    )
    text = f"concat_ws(' ', {', '.join(parts)})"
    return f"CASE WHEN {sql} IS NULL THEN NULL WHEN {text} = '' THEN '00:00:00' ELSE {text} END"


def _counted(number: str, unit: str, sign: str = "") -> str:
    return (
        f"CASE {number} WHEN 0 THEN NULL WHEN 1 THEN {sign}'1 {unit}' "
        f"ELSE {sign}CAST({number} AS VARCHAR) || ' {unit}s' END"
    )
