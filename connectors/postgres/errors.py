"""SQLSTATE codes to Sterna's error classes, in one place.

Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes". Messages name objects, never values: the server puts
values into DETAIL, which goes into the evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

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
    "22P02": (DataRejected, "A value does not fit the destination's type"),
    "42710": (InvalidConfiguration, "An object of that name exists already"),
    "42P07": (InvalidConfiguration, "An object of that name exists already"),
}
BY_CLASS: dict[str, tuple[type[MigrationError], str]] = {
    "08": (Unavailable, ""),
    "57": (Unavailable, ""),
    "58": (Unavailable, "The server met a system error"),
    "XX": (Unavailable, "The server met an internal error"),
    "28": (AccessDenied, ""),
    "22": (DataRejected, "A value does not fit the destination's type"),
    "23": (DataRejected, "A row violates a constraint of the destination"),
    "42": (InvalidConfiguration, ""),
    "40": (Contended, ""),
    "53": (OutOfSpace, ""),
    "54": (InvalidConfiguration, "A limit of the server is exceeded"),
}


def translate(error: BaseException) -> MigrationError | None:
    """The Sterna error for what the driver raised, None for what is not the database's doing."""
    if isinstance(error, MigrationError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error)
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
    message = str(error.args[0] if error.args else error)
    if "snapshot" in message and code in ("22023", "42704", "55000"):
        return SnapshotGone(message, code=code)
    known, remedy = BY_CODE.get(code) or BY_CLASS.get(code[:2]) or (Unavailable, "")
    evidence = {
        key: value for key in ("detail", "column_name", "constraint_name") if (value := getattr(error, key, None))
    }
    named = evidence.get("constraint_name") or evidence.get("column_name")
    if code[:2] == "22":
        message = _without_value(message)
    if named and str(named) not in message:
        message = f"{message} ({named})"
    return known(message, remedy=remedy, code=code, evidence=evidence)


def _without_value(message: str) -> str:
    """Class 22 messages quote the value after the last colon ('invalid input syntax for type integer: "x"')."""
    return message.split(': "', 1)[0]


def _describe(error: BaseException) -> str:
    return str(error) or type(error).__name__
