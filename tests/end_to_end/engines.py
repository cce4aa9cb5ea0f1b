"""One table in seven engines, made and read by each engine's own driver or client: no line of the product.

The rows are the same everywhere, and every engine gives them back as the same Python values, so that the two ends of a
migration can be compared as lists.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import firebird.driver
import oracledb
import psycopg
import pymysql

COLUMNS = ("id", "name", "amount", "taken", "active", "note")
START = dt.datetime(1969, 12, 31, 23, 59, 58)  # noqa: DTZ001 - a timestamp without time zone is meant
WORDS = ('O\'Neil, "Bob"', "tab\there", "line\nend", "back\\slash \\N", "žluťoučký 🐎", "NULL", " blank ", "%s {x}")
Row = tuple[int, str, Decimal, dt.datetime, int, str | None]


def make_rows(count: int) -> list[Row]:
    """Rows with keys from 1, and with what breaks careless quoting, numbers beyond a double, and NULL."""
    return [
        (
            number,
            f"{WORDS[number % len(WORDS)]}{number}",
            Decimal(number * 10**12 + number % 100) / 100 * (-1 if number % 3 else 1),
            START + dt.timedelta(milliseconds=number * 86_399_977),
            number % 2,
            None if number % 5 == 0 else f"note {number} " + "x" * (number % 200),
        )
        for number in range(1, count + 1)
    ]


class Engine(ABC):
    """A place for the table, as source or as destination."""

    type_name: ClassVar[str]
    types: ClassVar[Sequence[str]]
    """Native types of COLUMNS."""
    mark: ClassVar[str] = "%s"
    table: ClassVar[str] = "readings"
    named: ClassVar[str] = "readings"
    """The table as the engine's catalog spells it."""

    @abstractmethod
    def side(self) -> dict[str, Any]:
        """This engine as one side of a job."""

    @abstractmethod
    def session(self) -> Any:
        """A connection of the engine's own driver, closed at the end of the block."""

    def fill(self, rows: Sequence[Row]) -> None:
        """Creates the table with these rows."""
        columns = ", ".join(f"{name} {native}" for name, native in zip(COLUMNS, self.types, strict=True))
        marks = ", ".join(self.marks())
        with self.session() as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"CREATE TABLE {self.table} ({columns}, PRIMARY KEY (id))")
            connection.commit()
            self.announce(cursor)
            cursor.executemany(f"INSERT INTO {self.table} VALUES ({marks})", [self.bound(row) for row in rows])
            connection.commit()

    def rows(self) -> list[Row]:
        """All rows by key."""
        with self.session() as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM {self.table} ORDER BY id")
            return [self.plain(row) for row in cursor.fetchall()]

    def announce(self, cursor: Any) -> None:  # noqa: B027 - most drivers guess right
        """Tells the driver what will be bound, where it guesses wrong."""

    def marks(self) -> list[str]:
        """Placeholders of one row."""
        return [self.mark] * len(COLUMNS)

    def bound(self, row: Row) -> Sequence[Any]:
        """The row as the driver takes it."""
        return row

    def plain(self, row: Sequence[Any]) -> Row:
        """The row as everybody has it, from what the driver gives."""
        number, name, amount, taken, active, note = row
        moment = dt.datetime.fromisoformat(taken) if isinstance(taken, str) else taken
        return int(number), name, Decimal(amount), moment, int(active), note


class PostgresEngine(Engine):
    type_name = "POSTGRES"
    types = ("bigint", "varchar(60)", "numeric(20,2)", "timestamp(3)", "smallint NOT NULL", "text")

    def __init__(self, port: int, user: str, database: str) -> None:
        self._port, self._user, self._database = port, user, database

    def side(self) -> dict[str, Any]:
        return {
            "type": "POSTGRES",
            "host": "127.0.0.1",
            "port": self._port,
            "database": self._database,
            "user": self._user,
        }

    def session(self) -> Any:
        return closing(psycopg.connect(host="127.0.0.1", port=self._port, user=self._user, dbname=self._database))


class MariadbEngine(Engine):
    type_name = "MYSQL"
    types = ("bigint", "varchar(60)", "decimal(20,2)", "datetime(3)", "smallint NOT NULL", "longtext")

    def __init__(self, port: int, user: str, database: str) -> None:
        self._port, self._user, self._database = port, user, database

    def side(self) -> dict[str, Any]:
        return {
            "type": "MYSQL",
            "host": "127.0.0.1",
            "port": self._port,
            "database": self._database,
            "user": self._user,
        }

    def session(self) -> Any:
        return closing(self._connect(database=self._database))

    def create_database(self) -> None:
        """Makes the database that the table lies in."""
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"CREATE DATABASE {self._database} CHARACTER SET utf8mb4")

    def _connect(self, **place: str) -> Any:
        return pymysql.connect(host="127.0.0.1", port=self._port, user=self._user, charset="utf8mb4", **place)


class OracleEngine(Engine):
    type_name = "ORACLE"
    named = "READINGS"
    types = ("NUMBER(19)", "VARCHAR2(60 CHAR)", "NUMBER(20,2)", "TIMESTAMP(3)", "NUMBER(5) NOT NULL", "CLOB")

    def __init__(self, connect: Callable[[], oracledb.Connection], side: dict[str, Any]) -> None:
        self._connect, self._side = connect, side

    def side(self) -> dict[str, Any]:
        return self._side

    @contextmanager
    def session(self) -> Iterator[Any]:
        oracledb.defaults.fetch_decimals = True
        oracledb.defaults.fetch_lobs = False
        with self._connect() as connection:
            yield connection

    def announce(self, cursor: Any) -> None:
        cursor.setinputsizes(None, None, None, oracledb.DB_TYPE_TIMESTAMP)  # a DATE without fraction otherwise

    def marks(self) -> list[str]:
        return [f":{position}" for position in range(1, len(COLUMNS) + 1)]


class SnowflakeEngine(Engine):
    type_name = "SNOWFLAKE"
    named = "READINGS"
    types = ("NUMBER(19)", "VARCHAR(60)", "NUMBER(20,2)", "TIMESTAMP_NTZ(3)", "NUMBER(5) NOT NULL", "VARCHAR")

    def __init__(self, connect: Callable[[], Any], side: dict[str, Any]) -> None:
        self._connect, self._side = connect, side

    def side(self) -> dict[str, Any]:
        return self._side

    def session(self) -> Any:
        return closing(self._connect())


class SqliteEngine(Engine):
    type_name = "SQLITE"
    types = ("INTEGER", "VARCHAR(60)", "TEXT", "TEXT", "INTEGER NOT NULL", "TEXT")
    mark = "?"

    def __init__(self, path: Path) -> None:
        self._path = path

    def side(self) -> dict[str, Any]:
        return {"type": "SQLITE", "path": str(self._path)}

    def session(self) -> Any:
        return closing(sqlite3.connect(self._path, timeout=30))

    def bound(self, row: Row) -> Sequence[Any]:
        number, name, amount, taken, active, note = row
        return number, name, str(amount), taken.isoformat(" ", "milliseconds"), active, note


class DuckdbEngine(Engine):
    type_name = "DUCKDB"
    types = ("BIGINT", "VARCHAR", "DECIMAL(20,2)", "TIMESTAMP", "SMALLINT NOT NULL", "VARCHAR")
    mark = "?"

    def __init__(self, path: Path) -> None:
        self._path = path

    def side(self) -> dict[str, Any]:
        return {"type": "DUCKDB", "path": str(self._path)}

    def session(self) -> Any:
        return closing(duckdb.connect(str(self._path)))


class FirebirdEngine(Engine):
    type_name = "SQLALCHEMY"
    named = "READINGS"
    types = (
        *("BIGINT NOT NULL", "VARCHAR(60) CHARACTER SET UTF8", "NUMERIC(18,2)", "TIMESTAMP"),
        *("SMALLINT NOT NULL", "BLOB SUB_TYPE TEXT CHARACTER SET UTF8"),
    )
    mark = "?"

    def __init__(self, login: dict[str, Any], side: dict[str, Any]) -> None:
        self._login, self._side = login, side

    def side(self) -> dict[str, Any]:
        return self._side

    @contextmanager
    def session(self) -> Iterator[Any]:
        with closing(firebird.driver.connect(**self._login, charset="UTF8")) as connection:
            yield connection
