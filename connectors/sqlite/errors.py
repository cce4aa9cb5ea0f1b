"""SQLite's result codes to Sterna's error classes, in one place.

Source: "Result and Error Codes". Messages of SQLite name objects and hold no values, but for text that is not UTF-8,
which Python quotes.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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

BY_CODE: dict[int, tuple[type[MigrationError], str]] = {
    sqlite3.SQLITE_PERM: (AccessDenied, "Let the worker's account read and write the file and its folder"),
    sqlite3.SQLITE_BUSY: (Contended, "Another process writes the file"),
    sqlite3.SQLITE_LOCKED: (Contended, "Another session of this process writes the table"),
    sqlite3.SQLITE_NOMEM: (Unavailable, "The worker is out of memory"),
    sqlite3.SQLITE_READONLY: (AccessDenied, "Let the worker's account write the file and its folder"),
    sqlite3.SQLITE_INTERRUPT: (Contended, "The statement was interrupted"),
    sqlite3.SQLITE_IOERR: (Unavailable, "The file could not be read or written"),
    sqlite3.SQLITE_CORRUPT: (InvalidConfiguration, "The file is damaged: PRAGMA integrity_check tells where"),
    sqlite3.SQLITE_FULL: (OutOfSpace, "Free disk space on the worker, then retry"),
    sqlite3.SQLITE_CANTOPEN: (NotFound, "Check the option path and the rights on its folder, on every worker"),
    sqlite3.SQLITE_TOOBIG: (DataRejected, "SQLite takes values of at most 1,000,000,000 bytes"),
    sqlite3.SQLITE_CONSTRAINT: (DataRejected, "Mend the row at the source, or the constraint, then retry"),
    sqlite3.SQLITE_MISMATCH: (DataRejected, "Mend the value at the source, then retry"),
    sqlite3.SQLITE_AUTH: (AccessDenied, ""),
    sqlite3.SQLITE_NOTADB: (InvalidConfiguration, "The option path names a file that is no SQLite database"),
}
DUPLICATE = (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID)
STANDS = re.compile(r"(table|index|view|trigger) \S.* already exists")
MISSING = re.compile(r"no such (table|column|index|collation)|has no column named")
NOT_UTF8 = re.compile(r"Could not decode to UTF-8 column '(?:c(\d+)')?")
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_busy(error: BaseException) -> bool:
    """Somebody else holds a lock: the same statement may work later."""
    return isinstance(error, sqlite3.Error) and _code(error) in BUSY


def translate(error: sqlite3.Error, columns: Sequence[str] = ()) -> MigrationError | ObjectExists:
    """The Sterna error for what SQLite raised. `columns`: what a query's results c0, c1 … stand for."""
    text, extended = str(error), getattr(error, "sqlite_errorcode", None) or 0
    found = NOT_UTF8.match(text)
    if found is not None:
        position = int(found[1]) if found[1] else -1
        named = f"column {columns[position]}" if 0 <= position < len(columns) else "the source"
        return DataRejected(
            f"{named} holds text that is not valid UTF-8",
            remedy="Repair it at the source, or leave the column out with the table's `columns`",
            evidence={"server": text},
        )
    name = getattr(error, "sqlite_errorname", "") or ""
    if extended in DUPLICATE:
        remedy = "The key is there already: use loadMode replace, or remove the duplicates"
        return DuplicateKey(text, remedy=remedy, code=name)
    if _code(error) == sqlite3.SQLITE_ERROR:
        if STANDS.match(text):
            return ObjectExists(text)
        missing = MISSING.search(text) is not None
        return (NotFound if missing else InvalidConfiguration)(
            text, remedy="Check names, whereClause and the version of SQLite", code=name
        )
    known, remedy = BY_CODE.get(_code(error), (InvalidConfiguration, "Look the code up, then retry"))
    return known(text, remedy=remedy, code=name)


@contextmanager
def translated(columns: Sequence[str] = ()) -> Iterator[None]:
    """Raises what SQLite raises as a Sterna error. `columns` as in `translate`."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, columns) from error
    except OverflowError as error:  # an integer of more than 64 bits, found while it is bound
        raise DataRejected("an integer has more than 64 bits") from error


def _code(error: BaseException) -> int:
    """The primary result code; 1 for errors that Python itself found."""
    return (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
