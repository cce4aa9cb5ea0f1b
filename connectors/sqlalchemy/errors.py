"""Errors of any driver to Sterna's error classes, in one place.

By SQLSTATE where the driver tells it (SQL standard, ISO/IEC 9075-2, table 38, and the codes that Firebird and
PostgreSQL add), else by the words of the message and the class that SQLAlchemy found for it. Text of the driver may
hold values and goes into the evidence; only messages about names are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import exc

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

KnownClass = type[MigrationError] | type[ObjectExists]

STATES: dict[str, KnownClass] = {
    "42S01": ObjectExists,
    "42S11": ObjectExists,
    "42P07": ObjectExists,
    "42P16": ObjectExists,  # a second primary key
    "42710": ObjectExists,
    "42P06": ObjectExists,
    "27000": ObjectExists,  # Firebird: "attempt to define a second PRIMARY KEY"
    "23505": DuplicateKey,
    "42S02": NotFound,
    "42S22": NotFound,
    "42P01": NotFound,
    "42703": NotFound,
    "3D000": NotFound,
    "3F000": NotFound,
    "42501": AccessDenied,
    "55P03": Contended,
    "57014": Contended,
    "HY008": Contended,  # the operation was cancelled
}
CLASSES: dict[str, KnownClass] = {
    "08": Unavailable,
    "21": DataRejected,
    "22": DataRejected,
    "23": DataRejected,
    "28": AccessDenied,
    "40": Contended,
    "42": InvalidConfiguration,
    "44": DataRejected,
    "53": OutOfSpace,
    "57": Unavailable,
    "58": Unavailable,
}
STANDS = (r"already exists|already has a|already been defined", ObjectExists)
DUPLICATE = (r"PRIMARY or UNIQUE KEY|unique constraint|duplicate (key|entry|value)|not unique", DuplicateKey)
ABOUT_KEYS: tuple[tuple[str, KnownClass], ...] = (DUPLICATE, STANDS)
WORDS: tuple[tuple[str, KnownClass], ...] = (
    STANDS,
    DUPLICATE,
    (r"no such (table|column|file)|does ?n[o']t exist|unknown (table|column|database)|not found", NotFound),
    (r"deadlock|lock conflict|locked|lock wait|update conflicts", Contended),
    (r"no permission|permission denied|access denied|not authori[sz]ed|privilege", AccessDenied),
    (r"disk full|no space left|disk is full", OutOfSpace),
)
NAMING = frozenset(["08", "28", "3D", "3F", "42"])
"""Classes whose messages name objects."""
MEANINGS: dict[type[MigrationError], str] = {
    DuplicateKey: "the key is there already",
    DataRejected: "a value or row does not fit",
    Contended: "another session was in the way, or the statement was cancelled",
    Unavailable: "the connection failed",
    AccessDenied: "the login or the privilege is refused",
    NotFound: "an object does not exist",
    OutOfSpace: "the server has no space left",
    InvalidConfiguration: "the database does not take the statement",
}
REMEDIES: dict[type[MigrationError], str] = {
    DuplicateKey: "Use loadMode replace, or remove the duplicates",
    DataRejected: "Mend the value at the source, the column's type or whereClause, then retry",
    AccessDenied: "Check the secret and the privileges of the job's user",
    NotFound: "Check url, table and columns",
    OutOfSpace: "Free space on the server, then retry",
    InvalidConfiguration: "Look the error up in the evidence",
}


def translate(error: exc.SQLAlchemyError) -> MigrationError | ObjectExists:
    """The Sterna error for what SQLAlchemy raised."""
    driver = getattr(error, "orig", None)
    text = " ".join(str(driver if driver is not None else error).split())
    state = _state(driver)
    known = _known(error, state, text)
    if issubclass(known, ObjectExists):
        return ObjectExists(text)
    shown = state[:2] in NAMING or issubclass(known, NotFound)
    message = text if shown else MEANINGS[known] + (f", SQLSTATE {state}" if state else "")
    return known(message, remedy=REMEDIES.get(known, ""), code=state, evidence={"server": text})


def _known(error: exc.SQLAlchemyError, state: str, text: str) -> KnownClass:
    if getattr(error, "connection_invalidated", False):
        return Unavailable
    if state in STATES:
        return STATES[state]
    words = WORDS
    if state[:2] == "22" or isinstance(error, exc.DataError):
        return DataRejected  # the text quotes a value, which may read like anything
    if state[:2] == "23" or isinstance(error, exc.IntegrityError):
        words = ABOUT_KEYS
    for pattern, known in words:
        if re.search(pattern, text, re.IGNORECASE):
            return known
    if state[:2] in CLASSES:
        return CLASSES[state[:2]]
    for matching, known in BY_TYPE:
        if isinstance(error, matching):
            return known
    return InvalidConfiguration


BY_TYPE: tuple[tuple[type[exc.SQLAlchemyError], KnownClass], ...] = (
    (exc.IntegrityError, DataRejected),
    (exc.DataError, DataRejected),
    (exc.ProgrammingError, InvalidConfiguration),
    (exc.NotSupportedError, InvalidConfiguration),
    (exc.OperationalError, Unavailable),
    (exc.InterfaceError, Unavailable),
)


def _state(driver: Any) -> str:
    for attribute in ("sqlstate", "pgcode"):
        state = getattr(driver, attribute, None)
        if isinstance(state, str):
            return state
    return ""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises what SQLAlchemy raises as a Sterna error that begins with what was being done, or as ObjectExists."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        known = translate(error)
        if isinstance(known, MigrationError):
            known.message = f"{doing}: {known.message}"
        raise known from error
    except (OverflowError, ValueError) as error:  # drivers raise them for values that they cannot pass
        raise DataRejected(
            f"{doing}: the driver cannot pass a value", evidence={"driver": f"{type(error).__name__}: {error}"}
        ) from error
