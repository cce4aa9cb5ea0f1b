"""Opens connections with the settings under which values keep their form."""

from __future__ import annotations

import socket
from typing import Any

from connectors.contract import Credentials
from connectors.mysql.errors import translated
from connectors.mysql.options import MysqlOptions
from connectors.mysql.wire import WireConnection
from connectors.sql.errors import doing
from connectors.tls import doubting_certificate
from core.errors import InvalidConfiguration

# STRICT: what does not fit is an error, or a warning where LOCAL means IGNORE. Dates that MySQL once let in
# (2024-02-31, 0000-00-00) are kept as they are. Without ANSI_QUOTES and NO_BACKSLASH_ESCAPES, because the dialect's
# literals rely on it.
EXACT_SETTINGS: dict[str, str] = {
    "sql_mode": "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,"
    "ALLOW_INVALID_DATES'",
    "time_zone": "'+00:00'",
    "foreign_key_checks": "1",
    "unique_checks": "1",
    "sql_notes": "1",
    "max_error_count": "64",
    "sql_select_limit": "18446744073709551615",
    "sql_safe_updates": "0",
    "sql_auto_is_null": "0",
    "completion_type": "0",
    "autocommit": "1",
    "collation_connection": "utf8mb4_bin",
}
# A session whose worker vanished or was stopped must not hold locks for ever. Who waits for a lock for 60 s ends as
# Contended and is tried again. Readers may be slow: what they read is staged elsewhere.
LIVENESS_SETTINGS: dict[str, str] = {
    "wait_timeout": "120",
    "net_read_timeout": "120",
    "net_write_timeout": "600",
    "lock_wait_timeout": "60",
    "innodb_lock_wait_timeout": "60",
}
ONLY_MARIADB = {"max_statement_time": "0", "tx_isolation": "'REPEATABLE-READ'"}
ONLY_MYSQL = {
    "max_execution_time": "0",
    "transaction_isolation": "'REPEATABLE-READ'",
    "information_schema_stats_expiry": "0",
}
"""The last one: next values of AUTO_INCREMENT as they are, not as they were yesterday."""
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""Nobody answers for a server that vanished, and a statement may rightly be silent for days. Milliseconds for the last
one, seconds for the others; Linux has them all."""


def connect(options: MysqlOptions, credentials: Credentials, label: str) -> WireConnection:
    """A connection, ready for use. Blocking, but for no longer than the option connectTimeout at each step. Raises
    Unavailable, AccessDenied, NotFound, InvalidConfiguration."""
    place = f"{options.host}:{options.port}/{options.database}"
    with doubting_certificate(options.tls), doing(f"connecting to {place}"), translated():
        connection = WireConnection(
            host=options.host,
            port=options.port,
            database=options.database,
            user=options.user or credentials.username or "root",
            password=(credentials.password or "").encode(),
            charset="utf8mb4",
            connect_timeout=options.connect_timeout,
            read_timeout=options.connect_timeout,
            write_timeout=options.connect_timeout,
            program_name=f"sterna {label}"[:64],
            autocommit=None,
            **_tls(options),
        )
        try:
            connection.connect(_socket(options))
        except RuntimeError as error:  # the driver lacks a package that the user's way to log in needs
            raise InvalidConfiguration(
                f"the driver cannot log in: {error}",
                remedy='Set "tls": {"mode": "require"} (or more), or a user of another plugin',
            ) from error
        try:
            connection.query(_settings(connection))
            connection.wait_for_ever()
        except BaseException:
            connection.close_now()
            raise
    return connection


def is_mariadb(connection: WireConnection) -> bool:
    """The server is MariaDB rather than MySQL."""
    return "mariadb" in connection.get_server_info().lower()


def _settings(connection: WireConnection) -> str:
    own = ONLY_MARIADB if is_mariadb(connection) else ONLY_MYSQL
    settings = {**EXACT_SETTINGS, **LIVENESS_SETTINGS, **own}
    return "SET " + ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())


def _socket(options: MysqlOptions) -> socket.socket:
    """The driver has no option for the kernel's timeouts, but takes a socket."""
    client = socket.create_connection((options.host, options.port), options.connect_timeout)
    client.settimeout(None)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            client.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return client


def _tls(options: MysqlOptions) -> dict[str, Any]:
    """What the driver is told of TLS; by itself it prefers it, unverified."""
    match options.tls.mode_for(options.host):
        case "disable":
            return {"ssl_disabled": True}
        case "prefer":
            return {}
    return {"ssl": options.tls.context(options.host)}
