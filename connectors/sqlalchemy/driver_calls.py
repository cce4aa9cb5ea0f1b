"""What is asked of a driver past SQLAlchemy, because each spells it in its own way: to end a statement, and how a
transaction waits for rows that others hold."""

from __future__ import annotations

import contextlib
from typing import Any

from sqlalchemy import Connection

from connectors.sqlalchemy.backends import Backend

LOCK_SECONDS = 60


def interrupt(connection: Connection) -> None:
    """Ends the statement that runs, from another thread, where the driver can; else it is left behind."""
    with contextlib.suppress(Exception):  # the session may be gone or idle, and nobody waits for the answer
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.name.startswith("firebird"):
            from firebird.driver import CancelType

            driver._att.cancel_operation(CancelType.RAISE)
        elif hasattr(driver, "cancel"):  # psycopg, python-oracledb
            driver.cancel()
        elif hasattr(driver, "interrupt"):  # sqlite3
            driver.interrupt()


def prepare_transactions(connection: Connection, backend: Backend, *, read_only: bool) -> None:
    """The isolation of the transaction that begins next: readers see one moment, writers see what was committed
    before each statement and wait for rows that others hold."""
    if connection.dialect.name.startswith("firebird"):
        _prepare_firebird(connection, read_only)
        return
    level = backend.reading_isolation if read_only else backend.isolation
    if level:
        connection.execution_options(isolation_level=level)


def _prepare_firebird(connection: Connection, read_only: bool) -> None:
    """firebird-driver's own default is a snapshot that waits for ever and then fails."""
    from firebird.driver import Isolation, TraAccessMode, tpb

    driver: Any = connection.connection.dbapi_connection
    driver.main_transaction.default_tpb = tpb(
        isolation=Isolation.SNAPSHOT if read_only else Isolation.READ_COMMITTED_RECORD_VERSION,
        lock_timeout=LOCK_SECONDS,
        access_mode=TraAccessMode.READ if read_only else TraAccessMode.WRITE,
    )
