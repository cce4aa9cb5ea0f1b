"""Oracle's SQL that the Mirror (seerdb 3.3.0) refuses or means otherwise, rewritten to what it takes."""

from __future__ import annotations

import re
from collections.abc import Callable

QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
LOCK = re.compile(r"(\s*lock\s+table\s.*)\swait\s+(\d+)\s*", re.IGNORECASE | re.DOTALL)
AS_OF = re.compile(r"\bas\s+of\s+scn\s+\d+", re.IGNORECASE)
NANOSECONDS = re.compile(r"FF[789]'")
"""PostgreSQL's moments stop at microseconds."""
RESTART = re.compile(
    r'\s*alter\s+table\s+(?P<table>\S+)\s+modify\s*\(\s*(?P<column>"[^"]+"|\w+)\s+generated\s+by\s+default\s+as\s+'
    r"identity\s*\(\s*start\s+with\s+(?P<next>\d+)\s*\)\s*\)\s*",
    re.IGNORECASE,
)
IDENTITY = re.compile(
    r"\bnumber(?:\s*\(\s*\d+\s*(?:,\s*0\s*)?\))?(?=\s+generated\s+(?:always|by\s+default(?:\s+on\s+null)?)\s+as\s+identity)",
    re.IGNORECASE,
)
UPPER = re.compile(r'"([A-Z][A-Z0-9_$#]*)"')
RESERVED = """
ALL AND ANY ARRAY AS ASC BETWEEN BY CASE CAST CHAR CHECK COLUMN CONNECT CREATE CURRENT DECIMAL
DEFAULT DELETE DESC DISTINCT DROP ELSE EXISTS FETCH FLOAT FOR FROM GRANT GROUP HAVING IN INDEX
INSERT INTEGER INTERSECT INTO IS LEVEL LIKE LIMIT MINUS MODE NOT NULL OF OFFSET ON OPTION OR ORDER
RENAME ROW ROWID ROWNUM ROWS SELECT SESSION SET SIZE SMALLINT START TABLE THEN TO TRIGGER UNION
UNIQUE UPDATE USER USING VALUES VARCHAR VIEW WHERE WINDOW WITH
"""
KEPT_QUOTED = frozenset(RESERVED.split())
"""Words that stay quoted, in lower case, as the Mirror does it with those that only PostgreSQL reserves."""
TYPE_WORDS = frozenset(["NUMBER", "VARCHAR2", "RAW", "DATE", "LONG", "CLOB", "BLOB"])
"""Names of columns that the Mirror takes for types, even between quotes; here they are called otherwise."""
DEFERRABLE = re.compile(r"\bdeferrable\b(?=\s*,)")
"""A column of the dictionary that is a word of PostgreSQL."""
NOW = re.compile(r"\bdbms_flashback\.get_system_change_number\b(?!\s*\()", re.IGNORECASE)


def rewritten(sql: str) -> str:
    """What the Mirror is given."""
    sql = _outside_code(sql, _unquoted)
    if "''" in sql:
        sql = _outside_code(sql, lambda text: "NULL" if text == "''" else text)
    sql = NANOSECONDS.sub("FF6'", sql)
    restart = RESTART.fullmatch(sql)
    if restart:
        return f"alter table {restart['table']} alter column {restart['column']} restart with {restart['next']}"
    lock = LOCK.fullmatch(sql)
    if lock:
        return lock[1]
    sql = code_only(sql, lambda text: AS_OF.sub("", text))
    sql = code_only(sql, lambda text: NOW.sub("dbms_flashback.get_system_change_number()", text))
    sql = code_only(sql, lambda text: DEFERRABLE.sub('"deferrable"', text))
    return code_only(sql, lambda text: IDENTITY.sub("bigint", text))


def lock_timeout(sql: str) -> int | None:
    """Seconds that a LOCK TABLE … WAIT may wait."""
    lock = LOCK.fullmatch(sql)
    return int(lock[2]) if lock else None


def code_only(sql: str, change: Callable[[str], str]) -> str:
    """The statement with what is neither a literal nor a quoted name nor a comment changed."""
    parts, end = [], 0
    for quoted in QUOTED.finditer(sql):
        parts += [change(sql[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    return "".join([*parts, change(sql[end:])])


def _outside_code(sql: str, change: Callable[[str], str]) -> str:
    return QUOTED.sub(lambda quoted: change(quoted[0]), sql)


def _unquoted(text: str) -> str:
    """A quoted name in upper case is the same name as without quotes; the Mirror keeps those in lower case."""
    upper = UPPER.fullmatch(text)
    if upper is None:
        return text
    if upper[1] in TYPE_WORDS:
        return f"{upper[1].lower()}_"
    return f'"{upper[1].lower()}"' if upper[1] in KEPT_QUOTED else upper[1]
