"""DuckDB's exceptions to Sterna's error classes, in one place.

DuckDB has no codes: the exception's class and, for files, the message tell what happened. Messages of the classes that
name objects are kept to their first line (what follows quotes the statement); other messages may hold values and go
into the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

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

MEMORY = "Raise the option memoryLimit or free disk space, then retry"
FILES: tuple[tuple[str, type[MigrationError], str], ...] = (
    ("Could not set lock|different configuration", Contended, "Another process or a reader has the file open"),
    ("does not exist|No such file", NotFound, "Check the option path"),
    ("No space left|quota|not enough space", OutOfSpace, "Free disk space on the worker, then retry"),
    ("Permission denied|Read-only file system", AccessDenied, "Let the worker's account read and write the file"),
    ("not a valid DuckDB|version number|storage version", InvalidConfiguration, "Check the option path"),
    ("[Ee]xtension", InvalidConfiguration, "Sterna loads no extensions: leave out what needs one"),
)
BY_CLASS: tuple[tuple[type[duckdb.Error], type[MigrationError], str, str], ...] = (
    (duckdb.TransactionException, Contended, "another session of this worker changed the same table", ""),
    (duckdb.InterruptException, Contended, "the statement was interrupted", ""),
    (duckdb.PermissionException, AccessDenied, "not allowed", "Let the worker's account read and write the file"),
    (duckdb.OutOfMemoryException, OutOfSpace, "DuckDB has no memory left", MEMORY),
    (duckdb.FatalException, Unavailable, "DuckDB has failed and must open the file anew", ""),
    (duckdb.InternalException, Unavailable, "DuckDB has an error of its own", ""),
)
"""Classes whose texts may quote a key or a value."""
NAMING: tuple[tuple[type[duckdb.Error], type[MigrationError]], ...] = (
    (duckdb.CatalogException, InvalidConfiguration),
    (duckdb.BinderException, InvalidConfiguration),
    (duckdb.ParserException, InvalidConfiguration),
    (duckdb.SyntaxException, InvalidConfiguration),
    (duckdb.DependencyException, InvalidConfiguration),
    (duckdb.NotImplementedException, InvalidConfiguration),
)
"""Classes whose first line names objects and holds no value."""
PLAIN_AT_OPENING = (
    duckdb.IOException,
    duckdb.ConnectionException,
    duckdb.PermissionException,
    duckdb.OutOfMemoryException,
)
DUPLICATE = re.compile("violates (primary key|unique) constraint|contains duplicates")
CONSTRAINTS: tuple[tuple[str, str, str], ...] = (
    ("NOT NULL constraint failed", "NULL where none is allowed", "Mend the row at the source, or the column"),
    ("CHECK constraint failed", "a check does not hold", "Mend the row at the source, or the check"),
    ("foreign key constraint", "a row that another one refers to is missing", "Carry its table too"),
)
BY_PREFIX: dict[str, tuple[type[MigrationError], str]] = {
    "INTERRUPT": (Contended, "the statement was interrupted"),
    "TransactionContext": (Contended, "another session of this worker changed the table"),
    "Out of Memory": (OutOfSpace, "DuckDB has no memory left"),
    "IO": (Unavailable, "the file could not be read"),
}
"""How messages begin, where only they come through (rows that are streamed as Arrow)."""
STANDS = re.compile("already exists|already has the constraint|can have only one primary key")
CONFLICT = re.compile("write-write conflict|[Cc]onflict on")


def translate(error: BaseException) -> MigrationError | ObjectExists | None:
    """The Sterna error for what DuckDB raised, None for what is not DuckDB's doing."""
    text = str(error)
    line = text.split("\n", 1)[0]
    if isinstance(error, duckdb.CatalogException) and (STANDS.search(line) or "does not exist" in line):
        return ObjectExists(line) if STANDS.search(line) else NotFound(line, remedy="Check the table's name")
    if isinstance(error, duckdb.ConstraintException):
        return _constraint(text)
    for naming, known in NAMING:
        if isinstance(error, naming):
            return known(line)
    for matching, known, meaning, remedy in BY_CLASS:
        if isinstance(error, matching):
            return known(meaning, remedy=remedy, evidence={"server": text})
    if isinstance(error, (duckdb.IOException, duckdb.ConnectionException)):
        return _file(line)
    return _about_values(error, text)


def translate_opening(error: duckdb.Error) -> MigrationError:
    """The Sterna error for what kept a file from being opened. No value is looked at then: what DuckDB does not say
    plainly (it replays what a killed process left, while another one may still be closing the file) is tried again."""
    known = translate(error)
    if isinstance(known, MigrationError) and isinstance(error, PLAIN_AT_OPENING):
        return known
    return Unavailable(f"DuckDB cannot open the file ({type(error).__name__})", evidence={"server": str(error)})


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises what DuckDB raises as a Sterna error that begins with what was being done, or as ObjectExists."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        known = translate(error)
        if known is None:
            raise
        if isinstance(known, MigrationError):
            known.message = f"{doing}: {known.message}"
        raise known from error


def _about_values(error: BaseException, text: str) -> MigrationError | None:
    if isinstance(error, duckdb.Error):  # casts and the like quote the value
        return DataRejected(
            "a value does not fit", remedy="Mend the value at the source or the type", evidence={"server": text}
        )
    kind, marked, _ = text.partition(" Error: ")
    if not marked:
        return None
    known, message = BY_PREFIX.get(kind, (DataRejected, "a value cannot be read"))
    return known(message, evidence={"server": text})


def _file(line: str) -> MigrationError:
    for pattern, known, remedy in FILES:
        if re.search(pattern, line):
            return known(line, remedy=remedy)
    return Unavailable(line)


def _constraint(text: str) -> MigrationError:
    if CONFLICT.search(text):
        return Contended("another session of this worker writes the same rows")
    if DUPLICATE.search(text):
        remedy = "Use loadMode replace, or remove the duplicates"
        return DuplicateKey("a key is there already", remedy=remedy, evidence={"server": text})
    for pattern, meaning, remedy in CONSTRAINTS:
        if re.search(pattern, text):
            return DataRejected(meaning, remedy=remedy, evidence={"server": text})
    return DataRejected("a constraint does not hold", evidence={"server": text})
