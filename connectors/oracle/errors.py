"""Oracle's and its driver's error codes to Sterna's error classes, in one place.

Source: Oracle Database Error Messages; python-oracledb, "Errors in Thin and Thick Modes". Server messages may hold
values of rows (ORA-01722 and, since 23ai, the second line of ORA-00001 do), so ours say what a code means and name only
the object that the server names; the server's own text goes into the evidence.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import oracledb

from connectors.sql.session import DuplicateKey, ObjectExists
from core.errors import (
    AccessDenied,
    Contended,
    DataRejected,
    InvalidConfiguration,
    MigrationError,
    NotFound,
    OutOfSpace,
    SnapshotExpired,
    SnapshotGone,
    Unavailable,
)

Known = tuple[type[MigrationError], str, str]

EXISTS = frozenset([955, 1408, 1430, 1442, 2260, 2261, 2264, 2275, 1920, 957])
"""A name is used, columns are indexed already, a primary, unique or foreign key is there."""

UNDO = (
    "Oracle no longer keeps the old versions of rows that this moment needs: raise UNDO_RETENTION and the size of the "
    "undo tablespace, then retry: the table is read anew, as of now. A job with consistency batch needs less undo"
)
UNDO_OF_LOBS = "Raise RETENTION (or PCTVERSION) of the LOB's segment, then retry: the table is read anew, as of now"
STARTING = "Check the option {option}; a database that is starting makes itself known to its listener within a minute"
MEND_ROW = "Mend the row at the source, or the constraint"
BY_NUMBER: dict[int, Known] = {
    1: (DuplicateKey, "a key is there already", "Use loadMode replace, or remove the duplicates"),
    2437: (DataRejected, "rows break a primary key", "Remove the duplicates and NULLs"),
    1452: (DuplicateKey, "rows break a unique key", "Remove the duplicates"),
    2299: (DuplicateKey, "rows break a unique key", "Remove the duplicates"),
    2290: (DataRejected, "a check does not hold", MEND_ROW),
    2293: (DataRejected, "a check does not hold", MEND_ROW),
    2296: (DataRejected, "NULL where none is allowed", MEND_ROW),
    2291: (DataRejected, "the row that another one refers to is missing", "Carry its table too, or repair the source"),
    2298: (DataRejected, "the row that another one refers to is missing", "Carry its table too, or repair the source"),
    2292: (DataRejected, "other rows refer to a row", "Disable the foreign key, then retry"),
    1400: (DataRejected, "NULL where none is allowed", MEND_ROW),
    1407: (DataRejected, "NULL where none is allowed", MEND_ROW),
    1438: (DataRejected, "a number has more digits than its column", MEND_ROW),
    1426: (DataRejected, "a number is out of range", MEND_ROW),
    1722: (DataRejected, "text is no number", MEND_ROW),
    6502: (DataRejected, "a value does not fit", MEND_ROW),
    12899: (DataRejected, "a text is too long for its column", MEND_ROW),
    1461: (DataRejected, "a text is too long for its column", MEND_ROW),
    1465: (DataRejected, "text is not hexadecimal", MEND_ROW),
    1489: (DataRejected, "a text is too long", MEND_ROW),
    22835: (DataRejected, "a text is too long for its column", MEND_ROW),
    1873: (DataRejected, "an interval is out of its column's range", MEND_ROW),
    1878: (DataRejected, "a date or time is not valid", MEND_ROW),
    40441: (DataRejected, "text is not JSON", MEND_ROW),
    1403: (NotFound, "no row was found", ""),
    1555: (SnapshotExpired, "the moment that rows are read under is gone", UNDO),
    8180: (SnapshotExpired, "the moment that rows are read under is gone", UNDO),
    22924: (SnapshotExpired, "the moment that a LOB is read under is gone", UNDO_OF_LOBS),
    30052: (SnapshotExpired, "the moment that rows are read under is gone", UNDO),
    1466: (SnapshotGone, "the table's definition changed since the moment that its rows are read under", ""),
    942: (NotFound, "the table or view does not exist, or the user may not read it", "Check the name and the grants"),
    904: (NotFound, "the column does not exist", "Check the column's name"),
    1435: (NotFound, "the user does not exist", "Check the schema's name"),
    1918: (NotFound, "the user does not exist", "Check the schema's name"),
    1919: (NotFound, "the role does not exist", "Check the option role"),
    1924: (AccessDenied, "the role is not granted to the user, or needs a password", "Check the option role"),
    2289: (NotFound, "the sequence does not exist", ""),
    2443: (NotFound, "the constraint does not exist", ""),
    4043: (NotFound, "the object does not exist", ""),
    12505: (Unavailable, "the listener does not know the SID", STARTING.format(option="sid")),
    12514: (Unavailable, "the listener does not know the service", STARTING.format(option="serviceName")),
    12154: (NotFound, "the database's name cannot be resolved", "Check the option host"),
    1017: (AccessDenied, "wrong user name or password", "Check the secret that secretsRef names"),
    1005: (AccessDenied, "no password was given", "Check the secret that secretsRef names"),
    28000: (AccessDenied, "the account is locked", "Unlock it, then retry"),
    28001: (AccessDenied, "the password has expired", "Change it, then retry"),
    1045: (AccessDenied, "the user may not log in", "GRANT CREATE SESSION, then retry"),
    1031: (AccessDenied, "the user lacks a privilege", "Grant it to the user of the job, then retry"),
    41900: (AccessDenied, "the user lacks a privilege", "Grant it to the user of the job, then retry"),
    41901: (AccessDenied, "the user lacks a privilege", "Grant it to the user of the job, then retry"),
    1720: (AccessDenied, "the user lacks a grant option", "Grant it, then retry"),
    1950: (AccessDenied, "the user has no quota on the tablespace", "ALTER USER … QUOTA … ON the tablespace"),
    1536: (OutOfSpace, "the user's quota on the tablespace is used up", "Raise it, then retry"),
    1013: (Contended, "the statement was cancelled", ""),
    54: (Contended, "another session holds a lock on the table", ""),
    60: (Contended, "two sessions waited for each other", ""),
    4021: (Contended, "another session uses the object", ""),
    8177: (Contended, "another session changed the same rows", ""),
    16000: (InvalidConfiguration, "the database is open for reading only", "Name the primary as destination"),
    1450: (InvalidConfiguration, "a key is longer than the database's block size allows", "Shorten its columns"),
    2329: (InvalidConfiguration, "a column's type cannot be in a key", "Use TIMESTAMP WITH LOCAL TIME ZONE"),
    2327: (InvalidConfiguration, "a column's type cannot be in an index", "Leave the index out"),
    2270: (InvalidConfiguration, "the columns that a foreign key refers to have no unique key", "Carry that key too"),
}
FULL = (OutOfSpace, "a tablespace or disk is full", "Add space, then retry")
BY_NUMBER |= dict.fromkeys((257, 1652, 1653, 1654, 1658, 1659, 1691, 1692, 30036, 1628, 1631, 1632, 19809), FULL)
LOST = (Unavailable, "the connection was lost", "")
BY_NUMBER |= dict.fromkeys((28, 1012, 2396, 2399, 3113, 3114, 3135, 3136, 12537, 12547, 12570, 12571), LOST)
BY_NUMBER |= dict.fromkeys((25401, 25402, 25405, 25408, 25409, 25425), LOST)  # a failover that ended the call
DOWN = (Unavailable, "the database does not take sessions now", "")
BY_NUMBER |= dict.fromkeys(
    (
        18,
        20,
        1033,
        1034,
        1109,
        1219,
        2391,
        4031,
        4036,
        12564,
        1089,
        1090,
        1092,
        12516,
        12518,
        12519,
        12520,
        12526,
        12528,
    ),
    DOWN,
)
BY_NUMBER |= dict.fromkeys((12170, 12541, 12543, 12545), (Unavailable, "the listener cannot be reached", ""))
BY_NUMBER |= dict.fromkeys(range(1830, 1867), (DataRejected, "text is not a date or time", MEND_ROW))

BY_RANGE: tuple[tuple[range, Known], ...] = (
    (range(900, 1000), (InvalidConfiguration, "the statement is not valid SQL", "Check whereClause")),
    (range(20000, 21000), (DataRejected, "a trigger or function reports an error", "Mend it or the row, then retry")),
)
UNKNOWN: Known = (InvalidConfiguration, "the database reports an error", "Look the code up, then retry")

WRONG_NAME = "Check host and sslServerDn against the certificate, then retry"
BY_DRIVER: dict[str, Known] = {
    "DPY-4024": (Contended, "another session was in the way for too long", ""),
    "DPY-6001": (Unavailable, "the listener does not know the service", STARTING.format(option="serviceName")),
    "DPY-6003": (Unavailable, "the listener does not know the SID", STARTING.format(option="sid")),
    "DPY-6000": (Unavailable, "the listener refused the connection", ""),
    "DPY-3010": (InvalidConfiguration, "the server is too old", "Sterna needs Oracle Database 12.2 or newer"),
    "DPY-6002": (InvalidConfiguration, "the listener's certificate has another name than sslServerDn", WRONG_NAME),
    "DPY-6006": (InvalidConfiguration, "the listener's certificate is not for the host that the job names", WRONG_NAME),
    "DPY-4001": (AccessDenied, "no user name or password was given", "Name their place in secretsRef"),
    "DPY-3015": (
        AccessDenied,
        "the account's password verifier is too old for the driver",
        "Set the password again under a newer SQLNET.ALLOWED_LOGON_VERSION_SERVER",
    ),
    "DPY-3001": (
        InvalidConfiguration,
        "the server demands what the driver's thin mode cannot do (native network encryption)",
        "Use TLS (protocol tcps), or set SQLNET.ENCRYPTION_SERVER to ACCEPTED",
    ),
}
NO_CONNECTION = "DPY-6005"
"""The driver's wrapper around whatever kept it from connecting, which is its cause."""
DRIVER_LOST = frozenset(["DPY-1001", "DPY-4011", "DPY-4005", "DPY-4033", NO_CONNECTION, "DPY-6007", "DPY-6010"])
UNTRUSTED: Known = (
    InvalidConfiguration,
    "the listener's certificate is not trusted",
    "Put the certificate of the authority that signed it into the wallet, then retry",
)
NO_TLS: Known = (
    InvalidConfiguration,
    "the listener does not speak TLS on this port, or not a version that the worker allows",
    "Check port and protocol (tcp, tcps)",
)
WRONG_PROTOCOL = frozenset(["WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"])
CLOSED_AT_ONCE = "Where this lasts: is it the port of the protocol (tcp, tcps), and does the listener trust the wallet?"

WRAPPERS = frozenset([604, 4088, 12801])
"""Codes that only say where another one, on a later line, was raised: recursive SQL, a trigger, a parallel server."""

# "S"."T"."C" or (S.N): what a message names; quotes inside are not doubled, so nothing behind a value is taken for it.
NAMED = re.compile(r'"[^"]+"(?:\."[^"]+")+|\([A-Za-z][\w$#]*\.[\w$#]+\)')
NAMING = frozenset([1, 2290, 2291, 2292, 2293, 2298, 2299, 2437, 1400, 1407, 12899, 942, 904, 2443, 2296])
"""Codes whose messages name an object, before anything else that is in quotes or parentheses."""


def translate(error: BaseException) -> MigrationError | ObjectExists | None:
    """The Sterna error for what the driver raised, None for what is not the database's doing."""
    if isinstance(error, oracledb.Error) and error.args and isinstance(error.args[0], oracledb._Error):
        if error.args[0].full_code == NO_CONNECTION:
            return _not_connected(error.args[0], error.__cause__)
        return _from_driver(error.args[0])
    if isinstance(error, oracledb.Error):
        return InvalidConfiguration("the driver reports an error", evidence={"driver": str(error)})
    if isinstance(error, OSError):
        return Unavailable(f"the connection failed: {error.strerror or type(error).__name__}")
    return None


@contextmanager
def translated(doing: str = "") -> Iterator[None]:
    """Raises what the driver raises as a Sterna error, or as ObjectExists."""
    try:
        yield
    except (oracledb.Error, OSError) as error:
        known = translate(error)
        if known is None:
            raise
        if doing and isinstance(known, MigrationError):
            known.message = f"{doing}: {known.message}"
        raise known from error


def _from_driver(error: oracledb._Error) -> MigrationError | ObjectExists:
    code, text = error.full_code or "", str(error.message).split("\n", 1)[0]
    if not code.startswith("ORA-"):
        return _of_the_driver(code, text)
    number = int(code.removeprefix("ORA-"))
    if number in WRAPPERS:
        number, code, text = _wrapped(str(error.message), number, text)
    if number in EXISTS:
        return ObjectExists(text)
    known, meaning, remedy = _known(number)
    named = NAMED.search(text) if number in NAMING else None
    message = f"{meaning} ({named[0].strip('()')})" if named else meaning
    return known(f"{message}, {code}", remedy=remedy, code=code, evidence={"server": text})


def _wrapped(message: str, number: int, text: str) -> tuple[int, str, str]:
    """Number, code and line of the first error that is no wrapper; those given where there is none."""
    for line in message.splitlines():
        found = re.match(r"ORA-(\d{5})", line)
        if found and int(found[1]) not in WRAPPERS:
            return int(found[1]), found[0], line
    return number, f"ORA-{number:05}", text


def _not_connected(error: oracledb._Error, cause: BaseException | None) -> MigrationError | ObjectExists | None:
    """By what the driver says was in its way; what it does not know is taken for an outage."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _raised(UNTRUSTED, NO_CONNECTION, str(cause.verify_message))
    if isinstance(cause, ssl.SSLError) and cause.reason in WRONG_PROTOCOL:
        return _raised(NO_TLS, NO_CONNECTION, str(cause.reason))
    if isinstance(cause, oracledb.Error):
        known = translate(cause)
        if known is not None and not isinstance(known, Unavailable):
            return known
    lost = _of_the_driver(NO_CONNECTION, str(error.message))
    lost.remedy = CLOSED_AT_ONCE if isinstance(cause, (ssl.SSLError, oracledb.Error)) else ""
    return lost


def _raised(known: Known, code: str, text: str) -> MigrationError:
    kind, meaning, remedy = known
    return kind(f"{meaning}, {code}", remedy=remedy, code=code, evidence={"driver": text})


def _known(number: int) -> Known:
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    return next((known for numbers, known in BY_RANGE if number in numbers), UNKNOWN)


def _of_the_driver(code: str, text: str) -> MigrationError:
    if code in DRIVER_LOST:
        return Unavailable(f"the connection was lost or cannot be had, {code}", code=code, evidence={"driver": text})
    known, meaning, remedy = BY_DRIVER.get(code, UNKNOWN)
    return known(f"{meaning}, {code}" if code else meaning, remedy=remedy, code=code, evidence={"driver": text})
