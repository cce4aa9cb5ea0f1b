"""Error numbers of MySQL and MariaDB to Sterna's error classes, in one place.

Sources: MySQL manual, "Server Error Message Reference"; MariaDB knowledge base, "MariaDB Error Codes". Messages of the
server may hold values ("Duplicate entry '1' for key"): those of the classes that name objects only are passed on, all
others go into the evidence, and the message says what the number means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pymysql.err import MySQLError

from connectors import tls
from connectors.sql.session import DuplicateKey, ObjectExists
from core.errors import (
    AccessDenied,
    Contended,
    DataRejected,
    InvalidConfiguration,
    MigrationError,
    NotFound,
    OutOfSpace,
    Unavailable,
)

LONGER_PACKETS = "Raise max_allowed_packet on the server (SET GLOBAL max_allowed_packet = 1073741824), then retry"
LOCAL_DATA = "Allow it on the server (SET GLOBAL local_infile = 1), then retry: rows are loaded by LOAD DATA LOCAL"

OWN_TABLE = "Create the table at the destination as it can be, then retry: a table that exists is used as it is"
SAME_TYPES = "Columns of a foreign key must have one type and collation on both sides, and the referenced ones a key"

BY_CODE: dict[int, tuple[type[MigrationError], str]] = {
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1370, 1698), (AccessDenied, "Grant the privilege, then retry")),
    **dict.fromkeys((1130, 1820, 1862, 3118, 4151), (AccessDenied, "Mend the account on the server, then retry")),
    1049: (NotFound, "Check the option database"),
    1146: (NotFound, "Check the table's name"),
    1054: (NotFound, "Check the column's name"),
    1051: (NotFound, "Check the table's name"),
    **dict.fromkeys((1091, 3940), (NotFound, "The object is gone already")),
    1305: (NotFound, "A function is missing; check whereClause"),
    1064: (InvalidConfiguration, "Check whereClause"),
    1040: (Unavailable, "The server has no free connection"),
    1203: (Unavailable, "The user has no free connection"),
    1053: (Unavailable, "The server is shutting down"),
    **dict.fromkeys((1927, 4031), (Unavailable, "The session was ended on the server")),
    1047: (Unavailable, "The node of the cluster is not ready"),
    1226: (Unavailable, "The user has used up a resource that the server limits"),
    1317: (Contended, "The statement was ended on the server"),
    1205: (Contended, "Another session holds a lock on the row or table"),
    **dict.fromkeys((1020, 1213, 3101), (Contended, "")),
    1290: (InvalidConfiguration, "The server runs with an option that forbids it (read_only?)"),
    1836: (InvalidConfiguration, "The server is read-only: name the primary as destination"),
    **dict.fromkeys((1021, 1114, 1041, 1037, 3675), (OutOfSpace, "Free space on the server, then retry")),
    **dict.fromkeys((1148, 3948, 4166, 2068), (InvalidConfiguration, LOCAL_DATA)),
    3159: (InvalidConfiguration, 'Set "tls": {"mode": "require"}, or more'),
    1197: (InvalidConfiguration, "Raise max_binlog_cache_size on the server, or lower batchSize, then retry"),
    **dict.fromkeys((1118, 1071, 1069, 1070, 1117, 1074, 1170), (InvalidConfiguration, OWN_TABLE)),
    3822: (InvalidConfiguration, "Another table of the schema has a check of that name: rename one, then retry"),
    **dict.fromkeys((3098, 3750), (InvalidConfiguration, "The server wants a primary key. " + OWN_TABLE)),
    **dict.fromkeys((1005, 1215, 1822, 3780), (InvalidConfiguration, SAME_TYPES)),
    **dict.fromkeys((1153, 1301), (InvalidConfiguration, LONGER_PACKETS)),
    **dict.fromkeys((1216, 1452), (DataRejected, "The row that it refers to is missing: carry its table too")),
    **dict.fromkeys((1217, 1451), (DataRejected, "Rows of another table refer to it: carry that table in the job")),
    **dict.fromkeys((3819, 4025), (DataRejected, "Mend the row at the source or drop the check, then retry")),
}
DUPLICATES = frozenset([1062, 1169, 1586, 1761, 1762])
OBJECT_EXISTS = frozenset([1007, 1050, 1061, 1304, 1359, 1826, 1068])
"""1826: a foreign key of that name (MariaDB: 1005 for errno 121)."""
VALUES = {
    1048: "NULL where none is allowed",
    1062: "the key is there already",
    1216: "a foreign key has no row to refer to",
    1217: "a row that others refer to would go",
    1261: "a row has too few columns",
    1262: "a row has too many columns",
    1263: "NULL where none is allowed",
    1264: "a number is out of its column's range",
    1265: "a value does not fit its column and would be cut",
    1292: "text is not a date, time or number",
    1300: "bytes are not text in the column's character set",
    1364: "a column without default was given no value",
    1366: "text is not a number, or has a character that the column's character set lacks",
    1367: "text is not a number",
    1406: "a value is too long for its column",
    1416: "text is not a geometry",
    1441: "a date or time is out of range",
    1451: "a row that others refer to would go",
    1452: "a foreign key has no row to refer to",
    1644: "a trigger or routine refuses the row",
    1690: "a number is out of range",
    3140: "text is not JSON",
    3819: "a check refuses the row",
    4025: "a check refuses the row",
}
"""What errors mean whose messages may hold values."""
NAMING = frozenset(
    [
        *(1044, 1045, 1049, 1051, 1054, 1091, 1130, 1142, 1143, 1146, 1226, 1227, 1305, 1698, 3940),
        *(1005, 1069, 1070, 1071, 1074, 1117, 1118, 1170, 1215, 1822, 3098, 3750, 3780, 3822),
    ]
)
"""Errors whose messages name objects and hold no value."""

CONNECTION_LOST = frozenset([2006, 2013, 2014, 2055, 1152, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161])
NO_TLS = 2026
CLIENT_SIDE = frozenset([2002, 2003, NO_TLS])
"""The driver's own words about reaching the server (refused, unknown, its certificate)."""
KEY_NAME = re.compile(r"for key '([^']*)'\s*$")
NOT_IN_UNICODE = re.compile(r"18446744073709551615 \+ char_length\(.*`([^`]*)`\)", re.IGNORECASE)
"""The dialect's own way to fail."""
COLUMN = re.compile(r"\bcolumn (?:`[^`]*`\.`[^`]*`\.)?[`']([^`']*)[`'] at row (\d+)\s*$", re.IGNORECASE)


def translate(error: MySQLError) -> MigrationError | ObjectExists:
    """The Sterna error for what the driver raised."""
    code, text = _parts(error)
    if code in OBJECT_EXISTS or (code == 1005 and "errno: 121" in text):
        return ObjectExists(text)
    evidence = {"server": text}
    if code in DUPLICATES:
        named = KEY_NAME.search(text)
        key = f" (key {named[1]})" if named else ""
        return DuplicateKey(
            f"the key is there already{key}, error {code}",
            remedy="Use loadMode replace, or remove the duplicates",
            code=str(code),
            evidence=evidence,
        )
    lacking = NOT_IN_UNICODE.search(text) if code == 1690 else None
    if lacking:
        return DataRejected(
            f"text has a character that Unicode lacks, column {lacking[1]}",
            remedy="Mend the value at the source, or leave the column out with 'columns'",
            code=str(code),
            evidence=evidence,
        )
    if code in VALUES:
        known, remedy = BY_CODE.get(
            code, (DataRejected, "Mend the value at the source or the column's type, then retry")
        )
        return known(f"{VALUES[code]}, error {code}{place(text)}", remedy=remedy, code=str(code), evidence=evidence)
    if code in BY_CODE:
        known, remedy = BY_CODE[code]
        message = text if code in NAMING else f"the server reports error {code}"
        return known(message, remedy=remedy, code=str(code), evidence=evidence)
    if (tls_failure := tls.failure(error)) is not None:
        return tls_failure
    if code == NO_TLS and "server doesn't support it" in text:
        return tls.refused()
    if code in CLIENT_SIDE:
        return Unavailable(f"the connection failed: {text}", code=str(code), evidence=evidence)
    if code == 0 or code in CONNECTION_LOST:
        return Unavailable("the connection failed or was lost", code=str(code), evidence=evidence)
    return InvalidConfiguration(
        f"the server reports error {code}",
        remedy="Look the number up in the manual and the error in the evidence, then retry",
        code=str(code),
        evidence=evidence,
    )


def rejected(warnings: list[tuple[str, int, str]]) -> DataRejected:
    """What LOAD DATA LOCAL did not take as it came, from SHOW WARNINGS."""
    if not warnings:
        return DataRejected("the server changed or skipped a row without saying why")
    _, code, text = next((found for found in warnings if found[1] in DUPLICATES), warnings[0])
    kind = DuplicateKey if code in DUPLICATES else DataRejected
    named = KEY_NAME.search(text) if code in DUPLICATES else None
    meaning = VALUES.get(code, "the server would change or skip a row")
    key = f" (key {named[1]})" if named else ""
    return kind(
        f"{meaning}{key}, error {code}{place(text)}",
        remedy="Mend the value at the source or the column's type, then retry",
        code=str(code),
        evidence={"server": text},
    )


def place(text: str) -> str:
    """Column and row of the statement, as the server's message ends; never anything else of it."""
    found = COLUMN.search(text)
    return f", column {found[1]}, row {found[2]} of the part" if found else ""


@contextmanager
def translated() -> Iterator[None]:
    """Raises what the driver raises as a Sterna error."""
    try:
        yield
    except MySQLError as error:
        raise translate(error) from error
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"the connection failed: {str(error) or type(error).__name__}") from error


def _parts(error: MySQLError) -> tuple[int, str]:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    return code, text
