"""Snowflake's error numbers and SQLSTATEs to Sterna's error classes, in one place.

Snowflake's messages quote values and pieces of the statement, so that only messages known to name nothing but objects
are shown; the others say what the code means and go into the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from snowflake.connector import errors as driver

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

EXISTS = 2002
BY_NUMBER: dict[int, tuple[type[MigrationError], str, str]] = {
    604: (Contended, "the statement was cancelled", ""),
    606: (InvalidConfiguration, "no warehouse is running for the session", "Set the option warehouse"),
    609: (InvalidConfiguration, "the warehouse was suspended", "Let it resume by itself, then retry"),
    625: (Contended, "another session held a lock for too long", ""),
    630: (Contended, "the statement ran longer than the account allows", "Raise STATEMENT_TIMEOUT_IN_SECONDS"),
    635: (Contended, "too many statements wait for the same lock", ""),
    904: (NotFound, "there is no such column", "Check the column's name"),
    1003: (InvalidConfiguration, "the statement has a syntax error", "Check whereClause"),
    2003: (NotFound, "it does not exist, or the role must not see it", "Check the name, or grant the privilege"),
    2043: (NotFound, "it does not exist, or the role must not see it", "Check the name, or grant the privilege"),
    3001: (AccessDenied, "the role lacks a privilege", "Grant it to the role of the job, then retry"),
    90073: (OutOfSpace, "the warehouse's resource monitor has reached its quota", "Raise the quota, then retry"),
    90105: (InvalidConfiguration, "there is no such database", "Check the option database"),
    90106: (InvalidConfiguration, "there is no such schema", "Create it, or check defaultSchema"),
    100035: (DataRejected, "text is no date or time of the column's type", ""),
    100038: (DataRejected, "text is no number", ""),
    100039: (DataRejected, "a number is out of its column's range", ""),
    100040: (DataRejected, "text is no date", ""),
    100069: (DataRejected, "text is no JSON, or a value is too large", ""),
    100072: (DataRejected, "NULL where none is allowed", "Mend the row at the source, or the column"),
    100078: (DataRejected, "a text is too long for its column", ""),
    250001: (Unavailable, "the account cannot be reached", "Check account, host and port"),
    251006: (InvalidConfiguration, "there is no password or key", "Give secretsRef, or keyPairPath"),
    253003: (Unavailable, "a file could not be uploaded to the stage", ""),
    390100: (AccessDenied, "user name or password is wrong", "Check the secret that secretsRef names"),
    390101: (AccessDenied, "the user is locked", "Unlock the user, then retry"),
    390104: (Unavailable, "the session has ended", ""),
    390111: (Unavailable, "the session has ended", ""),
    390144: (AccessDenied, "the key is not the user's", "Set RSA_PUBLIC_KEY of the user, and keyPairPath"),
    390189: (AccessDenied, "the role is not the user's", "Check the option role"),
    390201: (NotFound, "a database, schema, role or warehouse of the login is missing", "Check the options"),
}
BY_CLASS: dict[str, tuple[type[MigrationError], str]] = {
    "02": (NotFound, "an object does not exist"),
    "08": (Unavailable, "the connection failed"),
    "22": (DataRejected, "a value does not fit"),
    "23": (DataRejected, "a constraint does not hold"),
    "28": (AccessDenied, "the login was refused"),
    "42": (InvalidConfiguration, "the statement is not valid"),
    "57": (Contended, "the statement was ended by the server"),
}
NAMING = frozenset([904, 2003, 2043, 3001])
"""Numbers whose messages name objects and hold no value."""
SESSION_ERRORS = range(390000, 391000)
LOGIN = 250001
LOGIN_REFUSED = ("390100", "390144", "390101", "Incorrect username or password", "JWT token is invalid")
DUPLICATE = 200001
"""Unique keys are enforced in hybrid tables only."""


def translate(error: BaseException) -> MigrationError | ObjectExists | None:
    """The Sterna error for what the driver raised, None for what is not Snowflake's doing."""
    if isinstance(error, driver.Error):
        return _from_server(error)
    if isinstance(error, pa.ArrowInvalid):
        return DataRejected("a value cannot be read as text", evidence={"driver": str(error)})
    if isinstance(error, OSError):
        return Unavailable(f"the connection failed: {type(error).__name__}")
    return None


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises what the driver raises as a Sterna error that begins with what was being done, or as ObjectExists."""
    try:
        yield
    except (driver.Error, OSError, pa.ArrowInvalid) as error:
        known = translate(error)
        if known is None:
            raise
        if isinstance(known, MigrationError):
            known.message = f"{doing}: {known.message}"
        raise known from error


def _from_server(error: driver.Error) -> MigrationError | ObjectExists:
    number = abs(int(error.errno)) if error.errno not in (None, -1) else 0
    state = error.sqlstate or ""
    text = str(error.raw_msg or error.msg or error)
    if number == EXISTS:
        return ObjectExists(text)
    evidence = {"server": text}
    code = f"{number:06d}"
    if number == LOGIN and any(mark in text for mark in LOGIN_REFUSED):
        known, meaning, remedy = BY_NUMBER[390100]
        return known(meaning, remedy=remedy, code=code, evidence=evidence)
    if number == DUPLICATE:
        return DuplicateKey("a key is there already", code=code, evidence=evidence)
    if number in BY_NUMBER:
        known, meaning, remedy = BY_NUMBER[number]
        message = " ".join(text.split()) if number in NAMING else f"{meaning} (Snowflake {code})"
        return known(message, remedy=remedy, code=code, evidence=evidence)
    return _by_class(error, number, state, evidence)


def _by_class(error: driver.Error, number: int, state: str, evidence: dict[str, str]) -> MigrationError:
    code = f"{number:06d}"
    if number in SESSION_ERRORS:
        return AccessDenied(f"the login was refused (Snowflake {code})", code=code, evidence=evidence)
    if state[:2] in BY_CLASS:
        known, meaning = BY_CLASS[state[:2]]
        return known(f"{meaning} (Snowflake {code}, SQLSTATE {state})", code=code, evidence=evidence)
    if isinstance(error, (driver.OperationalError, driver.InterfaceError)) or number >= LOGIN:
        return Unavailable(f"the server does not answer as it should (Snowflake {code})", code=code, evidence=evidence)
    remedy = "Look the number up in Snowflake's documentation and the query in its history, then retry"
    return InvalidConfiguration(f"the server reports an error (Snowflake {code})", remedy=remedy, evidence=evidence)
