"""MySQL's SQL: interchange text from its values and back, and how its DDL is spelled."""

from __future__ import annotations

from typing import ClassVar

from connectors.contract import CSV_INTERCHANGE
from connectors.mysql import arrivals
from connectors.mysql.native_types import (
    BINARIES,
    BLOBS,
    CHARACTERS,
    DECIMALS,
    DOUBLES,
    INTEGER_BITS,
    MOMENTS,
    SPATIAL,
    TEXTS,
    NativeType,
    read_type,
)
from connectors.sql.dialect import DdlStyle, LedgerTypes, SqlDialect, UpsertStyle
from core.schema import Capabilities, Column, Sequence, TableName
from core.value_type import Arrival, ValueType

HEX_MARK = "X'5C78'"
"""`\\x`, spelled so that no sql_mode reads it differently."""
GREATEST_FLOAT = "3.4028234663852886e38"
ROUNDED_TO_GREATEST = "3.4028235677973366e38"
"""Numbers below round to the greatest FLOAT (IEEE 754); the server takes them for out of range."""
GREATEST_INTEGER = "18446744073709551615"
INDEX_CHARACTERS, INDEX_BYTES = 191, 764
"""Of a text's or binary's beginning, so that four such columns fit the 3072 bytes of an index."""
TABLE_OPTIONS = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=/*M! utf8mb4_nopad_bin *//*!80017 utf8mb4_0900_bin */"
"""Texts that differ at the source differ here: by case, by accent, by blanks at the end. MariaDB and MySQL have such a
collation each, and read each its own comment (manuals, "Comment Syntax")."""


class MysqlDialect(SqlDialect):
    """MySQL 8 and MariaDB, which are one dialect in all that matters here."""

    name: ClassVar[str] = "mysql"
    quote: ClassVar[str] = "`"
    capabilities: ClassVar[Capabilities] = Capabilities(
        dialect="mysql",
        reads=True,
        watermarks=True,
        writes=True,
        isolates_rejects=True,
        moves_violations=True,
        creates_tables=True,
        native_formats=[CSV_INTERCHANGE],
        key_during_load=True,
        upserts=True,
        load_modes=["append", "replace", "upsert"],
        ignores_case="columns",
        folds="none",
        identifier_bytes=64,
        heals=True,
    )
    ledger_types: ClassVar[LedgerTypes] = LedgerTypes(text="VARCHAR({length}) CHARACTER SET ascii COLLATE ascii_bin")
    upsert: ClassVar[UpsertStyle | None] = UpsertStyle(
        create="CREATE TEMPORARY TABLE {incoming} LIKE {table}",
        update="UPDATE {table} AS t JOIN {incoming} AS i ON {same} SET {changes}",
        qualifies=True,
    )
    ddl: ClassVar[DdlStyle] = DdlStyle(
        table_options=TABLE_OPTIONS,
        keys_in_table=True,
        checks_in_table=True,
        checks_moving_columns=False,
        identity="AUTO_INCREMENT",
        identity_is_key=True,
        restart_identity="ALTER TABLE {table} AUTO_INCREMENT = {next}",
        generated="GENERATED ALWAYS AS ({expression}) STORED",
        virtual="GENERATED ALWAYS AS ({expression}) VIRTUAL",
        generated_not_null=False,
        table_comment="ALTER TABLE {table} COMMENT = {text}",
        column_comment=None,
        column_comment_clause="COMMENT {text}",
        longest_comments=(2048, 1024),
        null_clause="NULL",
        actions=("NO ACTION", "RESTRICT", "CASCADE", "SET NULL"),
        defaults="parenthesised",
    )

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """See WritesRows."""
        return arrivals.arrival(column, existing, key=key)

    def literal(self, text: str) -> str:
        """A backslash escapes, under the sql_mode of Sterna's sessions."""
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"

    def placeholder(self, position: int) -> str:
        """PyMySQL's."""
        return "%s"

    def index_key(self, column: str, native: str, *, unique: bool) -> str | None:
        """Of long texts and binaries only the beginning can be in an index, which is not enough for a unique one."""
        found = read_type(native)
        name = self.identifier(column)
        if found.base in TEXTS or (found.base == "varchar" and found.numbers[0] > INDEX_CHARACTERS and not unique):
            return None if unique else f"{name}({INDEX_CHARACTERS})"
        if found.base in BLOBS:
            return None if unique else f"{name}({INDEX_BYTES})"
        return None if found.base == "json" or found.base in SPATIAL else name

    def takes_identity(self, native: str) -> bool:
        """Whole numbers only."""
        return read_type(native).base in INTEGER_BITS

    def restart_identity(self, table: TableName, column: str, sequence: Sequence) -> str | None:
        """See SqlDialect. Numbers below 1 cannot be set, and need not: the server goes on from the greatest."""
        return super().restart_identity(table, column, sequence) if sequence.next_value > 0 else None

    def read_expression(self, sql: str, value: ValueType, native: str) -> str:
        """See SqlDialect. Numbers and moments are left as they are: the server prints them where a text is made."""
        found = read_type(native)
        base = found.base
        if value.kind == "boolean" and base not in CHARACTERS:
            return f"CASE {sql} + 0 WHEN 0 THEN 'f' WHEN 1 THEN 't' ELSE CAST({sql} + 0 AS CHAR) END"
        if value.kind == "uuid" and base in BINARIES:
            return _uuid(sql)
        if base in CHARACTERS:
            return _characters(sql, found)
        if base in BINARIES:
            return f"CONCAT({HEX_MARK}, LOWER(HEX({sql})))"
        if base in MOMENTS:
            return _moment(sql, value, found.fraction)
        if base in SPATIAL:
            return f"CONCAT('SRID=', ST_SRID({sql}), ';', ST_AsText({sql}))"
        return f"CAST({sql} AS CHAR)" if found.quoted else _number(sql, value, found)

    def write_expression(self, placeholder: str, value: ValueType, native: str) -> str:
        """See SqlDialect. What is no value of the column causes a warning, which LOAD DATA's caller looks for."""
        base = read_type(native).base
        if value.kind == "boolean" and base not in CHARACTERS:
            return f"CASE {placeholder} WHEN 't' THEN 1 WHEN 'f' THEN 0 ELSE CAST({placeholder} AS SIGNED) END"
        if value.kind == "uuid" and base in BINARIES:
            return _unhex(placeholder, f"REPLACE({placeholder}, '-', '')", f"CHAR_LENGTH({placeholder}) = 36")
        if base in BINARIES:
            return _unhex(placeholder, f"SUBSTR({placeholder}, 3)", f"LEFT({placeholder}, 2) = {HEX_MARK}")
        if base == "bit":
            return f"CAST(CONV({placeholder}, 2, 10) AS UNSIGNED)"
        if base == "float":
            return (
                f"IF(ABS({placeholder}) BETWEEN {GREATEST_FLOAT} AND {ROUNDED_TO_GREATEST}, "
                f"SIGN({placeholder}) * {GREATEST_FLOAT}, {placeholder})"
            )
        if base == "year":
            return f"CAST({placeholder} AS UNSIGNED)"  # as text, 0 would become 2000
        if base in SPATIAL:
            return _geometry(placeholder)
        if value.kind == "timestamp_tz" and base in MOMENTS:
            return f"IF({placeholder} LIKE '%+00', LEFT({placeholder}, CHAR_LENGTH({placeholder}) - 3), {placeholder})"
        return placeholder

    def constant(self, text: str, value: ValueType, native: str) -> str:
        """See SqlDialect. Sessions are in UTC; only a constant is compared as a moment with a column."""
        return super().constant(text.removesuffix("+00"), value, native)


def _characters(sql: str, native: NativeType) -> str:
    """What Unicode lacks becomes a question mark: where there are more of them then, the query fails, by a number
    that is out of range."""
    text = f"CONVERT({sql} USING utf8mb4)"
    if not native.charset:
        return f"CAST({text} AS BINARY)"
    before, after = (f"(CHAR_LENGTH({form}) - CHAR_LENGTH(REPLACE({form}, '?', '')))" for form in (sql, text))
    return f"CAST(IF({before} = {after}, {text}, {GREATEST_INTEGER} + CHAR_LENGTH({sql})) AS BINARY)"


def _trimmed(sql: str) -> str:
    """Without zeros at the end of the fraction, which is there."""
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {sql}))"


def _number(sql: str, value: ValueType, native: NativeType) -> str:
    """Dates and whatever else prints itself pass here, too."""
    if native.base == "float" or native.base in DOUBLES:
        return _floating(sql, value, native)
    if native.base == "year" or native.zerofill:
        return f"({sql} + 0)"
    if native.base == "bit":
        return f"LPAD(BIN({sql}), {native.numbers[0] if native.numbers else 1}, '0')"
    scaled = native.base in DECIMALS and native.numbers[1:] > (0,)
    return _trimmed(sql) if scaled and value.kind == "integer" else sql


def _floating(sql: str, value: ValueType, native: NativeType) -> str:
    """Every digit: a FLOAT itself prints six. (+ 0e0 would make 0 of -0.) Whole numbers and decimals without an
    exponent; a decimal in a FLOAT has six digits or fewer."""
    exact = f"({sql} * 1e0)"
    match value.kind:
        case "integer":
            return f"IF(FLOOR({sql}) = {sql}, CAST({sql} AS DECIMAL(65,0)), {exact})"
        case "decimal":
            digits = f"CONCAT({sql})" if native.base == "float" else exact
            fraction = _trimmed(f"CAST({digits} AS DECIMAL(65,30))")
            return f"IF(ABS({sql}) < 1e35, {fraction}, CAST({digits} AS DECIMAL(65,0)))"
    return exact


def _moment(sql: str, value: ValueType, fraction: int) -> str:
    text = _trimmed(sql) if fraction else sql
    return f"CONCAT({text}, '+00')" if value.kind == "timestamp_tz" else text


def _uuid(sql: str) -> str:
    pieces = ", ".join(
        f"SUBSTR(HEX({sql}), {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    )
    return f"IF({sql} IS NULL, NULL, LOWER(CONCAT_WS('-', {pieces})))"


def _unhex(text: str, digits: str, condition: str) -> str:
    """UNHEX gives NULL for what is none, in silence: here a warning comes with it."""
    return f"IF({text} IS NULL, NULL, IFNULL(IF({condition}, UNHEX({digits}), NULL), {_warning(text)}))"


def _geometry(text: str) -> str:
    """As for UNHEX; the warning hides in the SRID, because a geometry mixes with nothing."""
    srid = f"CAST(SUBSTR(SUBSTRING_INDEX({text}, ';', 1), 6) AS UNSIGNED)"
    shape = f"SUBSTRING_INDEX({text}, ';', -1)"
    return f"ST_GeomFromText({shape}, IF(ST_GeomFromText({shape}) IS NULL, {_warning(text)}, {srid}))"


def _warning(text: str) -> str:
    """Is evaluated with a warning. Not a constant, which would be evaluated before."""
    return f"CAST(CONCAT('x', LEFT({text}, 1)) AS SIGNED)"
