"""SQLSTATE codes to Sterna's error classes, in one place.

Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes". Messages name objects, never values. The server puts
values into DETAIL and CONTEXT, in some classes of errors into the message as well, and a user's RAISE puts anything
anywhere: such text goes into the evidence, and the message says what the code means.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from connectors import tls
from core.errors import (
    AccessDenied,
    Contended,
    DataRejected,
    InvalidConfiguration,
    MigrationError,
    NotFound,
    OutOfSpace,
    SnapshotGone,
    Unavailable,
)

BY_CODE: dict[str, tuple[type[MigrationError], str]] = {
    "28P01": (AccessDenied, "Check the secret that secretsRef names"),
    "28000": (AccessDenied, "Check user, pg_hba.conf and TLS settings"),
    "42501": (AccessDenied, "Grant the privilege to the user of the job, then retry"),
    "3D000": (NotFound, "Check the option database"),
    "3F000": (NotFound, "Create the schema or set createTables"),
    "42P01": (NotFound, "Check the table's name"),
    "42703": (NotFound, "Check the column's name"),
    "42883": (InvalidConfiguration, "A function or operator is missing; check whereClause and extensions"),
    "42601": (InvalidConfiguration, "Check whereClause"),
    "42804": (InvalidConfiguration, "Check the types in whereClause"),
    "42704": (NotFound, "Create the missing type, collation or role"),
    "0A000": (InvalidConfiguration, "The server does not support this"),
    "53100": (OutOfSpace, "Free disk space on the server, then retry"),
    "53200": (Unavailable, "The server is out of memory"),
    "53300": (Unavailable, "The server has no free connection"),
    "53400": (OutOfSpace, "Raise the limit that the server names, then retry"),
    "40001": (Contended, ""),
    "40P01": (Contended, ""),
    "55P03": (Contended, "Another session holds a lock on the table"),
    "57014": (Contended, "The statement was cancelled on the server"),
    "25006": (InvalidConfiguration, "The server is read-only: name the primary as destination"),
    "23503": (DataRejected, "The row that it refers to is missing: carry its table too, or repair the source"),
    "23505": (DataRejected, "The key is there already: use loadMode replace or upsert, or remove the duplicates"),
    "25P03": (Unavailable, "The server ended the session, which was idle in its transaction"),
    "25P04": (Unavailable, "The server ended the transaction, which took too long"),
    "55006": (Contended, "Another session uses the object"),
    "57P04": (NotFound, "Check the option database"),
    "58P01": (NotFound, "Install the missing file (an extension's library?) on the server"),
    "72000": (SnapshotGone, ""),
    "HV00N": (Unavailable, "The foreign table's server cannot be reached"),
    "42710": (InvalidConfiguration, "An object of that name exists already"),
    "42P07": (InvalidConfiguration, "An object of that name exists already"),
}
BY_CLASS: dict[str, tuple[type[MigrationError], str]] = {
    "08": (Unavailable, ""),
    "57": (Unavailable, ""),
    "58": (Unavailable, "The server met a system error"),
    "28": (AccessDenied, ""),
    "09": (DataRejected, "Mend the trigger or the row, then retry"),
    "21": (DataRejected, "Remove the duplicates or mend the subquery, then retry"),
    "22": (DataRejected, "Mend the value at the source, the column's type or whereClause, then retry"),
    "27": (DataRejected, "Mend the trigger or the row, then retry"),
    "38": (DataRejected, "Mend the function or the row, then retry"),
    "39": (DataRejected, "Mend the function or the row, then retry"),
    "44": (DataRejected, "Load into the table instead of the view, or leave the row out by whereClause"),
    "P0": (DataRejected, "Disable the trigger, or mend the row, then retry"),
    "23": (DataRejected, "A row violates a constraint of the destination"),
    "42": (InvalidConfiguration, ""),
    "40": (Contended, ""),
    "53": (OutOfSpace, ""),
    "54": (InvalidConfiguration, "A limit of the server is exceeded"),
}

# Not retried: a crash shows itself as a lost connection or class 57; what is left of class XX is a damaged file, a
# broken extension or a bug of the server, and unknown codes are as likely to stay as they are.
UNKNOWN = (InvalidConfiguration, "Look the code up in the manual and the error in the server's log, then retry")
# An XX000 that is a lost race for a row of the catalog ("tuple concurrently updated", heapam's simple_heap_update).
LOST_RACE = re.compile("tuple concurrently (updated|deleted)")

NAMING_CLASSES = frozenset(["08", "0A", "23", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "72"])
"""Classes whose messages name objects and hold no value, unless a user's RAISE wrote them."""
MEANINGS = {
    "22001": "a string is too long for its type",
    "22003": "a number is out of its type's range",
    "22004": "NULL where none is allowed",
    "22007": "text is not a date or time",
    "22008": "a date or time is out of range",
    "22012": "division by zero",
    "22021": "bytes are not text in the database's encoding",
    "22023": "an argument or setting is not valid",
    "22030": "a JSON object has a key twice",
    "22032": "text is not JSON",
    "2200N": "text is not XML content",
    "2201B": "a regular expression is not valid",
    "2200H": "a sequence has reached its limit",
    "22P01": "a floating-point number is out of range",
    "22P02": "text is not a value of its type",
    "22P03": "bytes are not a value of their type",
    "22P04": "the COPY data do not fit the table",
    "22P05": "a character does not exist in the database's encoding",
    "42601": "text does not follow its type's syntax",
    "P0001": "a trigger or function refuses the row or the statement",
    "P0004": "an assertion of a trigger or function does not hold",
    "09": "a trigger failed",
    "21": "one statement meets the same row twice, or a subquery gives more than one row",
    "22": "a value does not fit",
    "27": "a trigger changed the row that was being changed",
    "38": "a function failed",
    "39": "a function was called wrongly or gave back what it must not",
    "44": "a row violates the check option of a view",
    "P0": "a trigger or function failed",
    "XX": "the server met an internal error",
}
"""What codes and classes mean, where the server's own message may hold values."""

NO_TLS = "rejected SSL upgrade"
"""The driver's own words (asyncpg 0.32); it has no class for it."""

# Neither table nor column may hold a colon or a quote, so that nothing behind the first value is taken for a column.
COPY_COLUMN = re.compile('COPY [^:"]+, line [0-9]+, column ([^:"]+): ')


def translate(error: BaseException) -> MigrationError | None:
    """The Sterna error for what the driver raised, None for what is not the database's doing."""
    if isinstance(error, MigrationError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error)
    if (tls_failure := tls.failure(error)) is not None:
        return tls_failure
    if isinstance(error, ConnectionError) and NO_TLS in str(error):
        return tls.refused()
    if isinstance(error, (OSError, asyncio.TimeoutError, asyncpg.ConnectionDoesNotExistError)):
        return Unavailable(f"the connection failed: {_describe(error)}")
    if isinstance(error, asyncpg.InterfaceError):
        return Unavailable(f"the connection was lost: {error}")
    if isinstance(error, asyncpg.InternalClientError):
        return Unavailable(f"the connection broke: {error}")
    return None


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises what the driver raises as a Sterna error that begins with what was being done."""
    try:
        yield
    except Exception as error:
        known = translate(error)
        if known is None or known is error:
            raise
        known.message = f"{doing}: {known.message}"
        raise known from error


def _from_server(error: asyncpg.PostgresError) -> MigrationError:
    code = error.sqlstate or ""
    text = str(error.args[0] if error.args else error)
    evidence = {
        key: value
        for key in ("detail", "context", "column_name", "constraint_name")
        if (value := getattr(error, key, None))
    }
    # "could not import the requested snapshot" and its like
    if "snapshot" in text and code in ("22023", "42704", "55000"):
        return SnapshotGone("the snapshot does not exist any more", code=code, evidence={"server": text, **evidence})
    known, remedy = BY_CODE.get(code) or BY_CLASS.get(code[:2]) or UNKNOWN
    if code == "XX000" and LOST_RACE.search(text):
        known, remedy = Contended, "Another session changed the same object"
    if code == "42501" and "row-level security" in text:
        remedy = "Give the user of the job BYPASSRLS, or rows that it may not see would be left out in silence"
    if _only_names(error, code, text):
        message = text
    else:
        message = _meaning(code)
        evidence["server"] = text
    named = evidence.get("constraint_name") or evidence.get("column_name") or _copy_column(evidence.get("context", ""))
    if named and str(named) not in message:
        message = f"{message} ({named})"
    return known(message, remedy=remedy, code=code, evidence=evidence)


def _only_names(error: asyncpg.PostgresError, code: str, text: str) -> bool:
    if getattr(error, "server_source_function", None) == "exec_stmt_raise":  # PL/pgSQL's RAISE, any code and text
        return False
    if code == "42601":  # the parser's own messages; input functions (tsquery, ltree) use this code and quote the value
        return text.startswith("syntax error at ")
    return code[:2] in NAMING_CLASSES


def _meaning(code: str) -> str:
    meaning = MEANINGS.get(code) or MEANINGS.get(code[:2], "the server, a trigger or a function reports an error")
    return f"{meaning}, SQLSTATE {code}"


def _copy_column(context: str) -> str | None:
    found = COPY_COLUMN.match(context)
    return f"column {found[1]}" if found else None


def _describe(error: BaseException) -> str:
    return str(error) or type(error).__name__
