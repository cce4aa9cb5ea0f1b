"""How Oracle's SQL prints and reads interchange text.

What SQL cannot print without loss or only slowly is left to connectors/oracle/printed.py, and what it cannot read to
connectors/oracle/bound.py: numbers in exponents, bytes, floats, blanks at the end of CHAR, years before Christ.
Sessions fix NLS settings and the time zone (session.py), on which TO_CHAR and TO_NUMBER depend.
"""

from __future__ import annotations

from connectors.oracle.types import MOMENTS, NUMBERS, ZONED, Native, parse
from core.value_type import ValueType

# Within one column NULL and an empty LOB look the same once fetched as text (the driver asks for LONG), so SQL prints
# an empty one as this, which no one stores by chance.
EMPTY_LOB = "\\empty-lob-5b0c8a1e-61f7-4c52-a2cf-3d9a4b7e90d6"

PRINTED = {
    "BOOLEAN": "CASE {sql} WHEN TRUE THEN 't' WHEN FALSE THEN 'f' END",
    "JSON": "JSON_SERIALIZE({sql} RETURNING CLOB)",
    "XMLTYPE": "XMLSERIALIZE(CONTENT {sql} AS CLOB)",
    "ROWID": "CAST({sql} AS VARCHAR2(4000))",
    "UROWID": "CAST({sql} AS VARCHAR2(4000))",
}
SECOND_FORMAT = "YYYY-MM-DD HH24:MI:SS"
READ_FORMAT = "SYYYY-MM-DD HH24:MI:SS.FF9"
READ_DAY_FORMAT = "SYYYY-MM-DD"


def read_expression(sql: str, value: ValueType, spelled: str) -> str:
    """SQL of `sql`'s interchange text, but for what printed.py does."""
    native = parse(spelled)
    if native.name in NUMBERS:
        return _number(sql, value)
    if native.name in MOMENTS:
        return _moment(sql, value, native)
    match native.name:
        case "CLOB" | "NCLOB" | "BLOB":
            return f"CASE WHEN DBMS_LOB.GETLENGTH({sql}) = 0 THEN {_empty_lob(native.name)} ELSE {sql} END"
        case "RAW" if value.kind == "uuid":
            return _uuid(sql)
        case "INTERVAL DAY TO SECOND":
            return _day_interval(sql, value)
        case "INTERVAL YEAR TO MONTH":
            return _year_interval(sql)
    return PRINTED.get(native.name, "{sql}").replace("{sql}", sql)


def write_expression(placeholder: str, value: ValueType, spelled: str) -> str:
    """SQL of the native value from a parameter that bound.py has prepared."""
    native = parse(spelled)
    if native.name in NUMBERS:
        if value.kind == "boolean":  # any other letter stays and is refused as no number (ORA-01722)
            return f"TO_NUMBER(TRANSLATE({placeholder}, 'tf', '10'))"
        return f"TO_NUMBER({placeholder})"
    if native.name in MOMENTS:
        if value.kind == "date":
            return f"TO_DATE({placeholder}, '{READ_DAY_FORMAT}')"
        moment = f"TO_TIMESTAMP({placeholder}, '{READ_FORMAT}')"
        if native.name == "DATE":
            return f"CAST({moment} AS DATE)"
        return f"FROM_TZ({moment}, '+00:00')" if native.name in ZONED else moment
    match native.name:
        case "INTERVAL DAY TO SECOND":
            return f"TO_DSINTERVAL({placeholder})"
        case "INTERVAL YEAR TO MONTH":
            return f"TO_YMINTERVAL({placeholder})"
        case "BOOLEAN":
            return f"TO_BOOLEAN({placeholder})"
    return placeholder


def _empty_lob(name: str) -> str:
    if name == "BLOB":
        return f"TO_BLOB(HEXTORAW('{EMPTY_LOB.encode().hex()}'))"
    return f"TO_{name}('{EMPTY_LOB}')"


def _number(sql: str, value: ValueType) -> str:
    """TM9 prints all digits, in fixed notation up to 64 characters (SQL Language Reference, "Number Format Models")."""
    text = f"TO_CHAR({sql}, 'TM9')"
    return f"CASE {sql} WHEN 1 THEN 't' WHEN 0 THEN 'f' ELSE {text} END" if value.kind == "boolean" else text


def _moment(sql: str, value: ValueType, native: Native) -> str:
    zoned = native.name == "TIMESTAMP WITH TIME ZONE"
    utc = f"SYS_EXTRACT_UTC({sql})" if zoned else sql  # a session's time zone, in which LOCAL ones are shown, is UTC
    first = "DATE '0001-01-01'" if native.name == "DATE" else "TIMESTAMP '0001-01-01 00:00:00'"
    fraction = native.fraction()
    if value.kind == "date":
        text = f"TO_CHAR({utc}, 'YYYY-MM-DD')"
    elif fraction:
        text = f"RTRIM(RTRIM(TO_CHAR({utc}, '{SECOND_FORMAT}.FF{fraction}'), '0'), '.')"
    else:
        text = f"TO_CHAR({utc}, '{SECOND_FORMAT}')"
    if value.kind == "timestamp_tz":
        text = f"CONCAT({text}, '+00')"
    return f"CASE WHEN {utc} < {first} THEN CONCAT({text}, ' BC') WHEN {utc} IS NOT NULL THEN {text} END"


def _uuid(sql: str) -> str:
    text = f"LOWER(RAWTOHEX({sql}))"
    pieces = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    dashed = " || '-' || ".join(f"SUBSTR({text}, {start}, {length})" for start, length in pieces)
    return f"NVL2({sql}, {dashed}, NULL)"


def _day_interval(sql: str, value: ValueType) -> str:
    """Of a time of day and of hours alone all is counted in hours; else days stand before the time, as PostgreSQL
    prints them."""
    with_days = value.kind == "interval" and value.span == "days"
    hours = f"EXTRACT(HOUR FROM {sql})" if with_days else f"(EXTRACT(DAY FROM {sql}) * 24 + EXTRACT(HOUR FROM {sql}))"
    minutes, seconds = f"EXTRACT(MINUTE FROM {sql})", f"EXTRACT(SECOND FROM {sql})"
    clock = (
        f"CASE WHEN {sql} < INTERVAL '0' SECOND THEN '-' END || "
        f"CASE WHEN ABS({hours}) < 10 THEN '0' END || TO_CHAR(ABS({hours})) || ':' || "
        f"LPAD(TO_CHAR(ABS({minutes})), 2, '0') || ':' || "
        f"RTRIM(TO_CHAR(ABS({seconds}), 'FM00.999999999'), '.')"
    )
    if not with_days:
        return f"NVL2({sql}, {clock}, NULL)"
    days = f"EXTRACT(DAY FROM {sql})"
    named = _counted(days, "day")
    no_time = f"{hours} = 0 AND {minutes} = 0 AND {seconds} = 0"
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL WHEN {no_time} AND {days} = 0 THEN '00:00:00' "
        f"WHEN {no_time} THEN {named} WHEN {days} = 0 THEN {clock} ELSE {named} || ' ' || {clock} END"
    )


def _year_interval(sql: str) -> str:
    years, months = f"EXTRACT(YEAR FROM {sql})", f"EXTRACT(MONTH FROM {sql})"
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL WHEN {years} = 0 AND {months} = 0 THEN '00:00:00' "
        f"WHEN {years} = 0 THEN {_counted(months, 'mon')} WHEN {months} = 0 THEN {_counted(years, 'year')} "
        f"ELSE {_counted(years, 'year')} || ' ' || {_counted(months, 'mon')} END"
    )


def _counted(number: str, unit: str) -> str:
    return f"TO_CHAR({number}) || CASE {number} WHEN 1 THEN ' {unit}' ELSE ' {unit}s' END"
